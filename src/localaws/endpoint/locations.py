"""Where an invocation's objects lie in S3."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

_SCHEME = "s3://"


@dataclass(frozen=True, slots=True)
class S3Location:
    """One S3 object.

    Example: ``S3Location.parse("s3://bucket/a/b.json")`` has bucket ``bucket`` and key ``a/b.json``.
    """

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> S3Location:
        """Read ``s3://bucket/key``; ValueError for anything else (``https://`` locations are not served here)."""
        if not uri.startswith(_SCHEME):
            msg = f"{uri!r} is not an s3:// location, the only kind the local endpoint reads and writes"
            raise ValueError(msg)
        bucket, _, key = uri.removeprefix(_SCHEME).partition("/")
        if not (bucket and key):
            msg = f"{uri!r} does not name a bucket and a key"
            raise ValueError(msg)
        return cls(bucket, key)

    @property
    def uri(self) -> str:
        """The location as AWS spells it: ``s3://bucket/key``."""
        return f"{_SCHEME}{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where the response of one invocation goes, and where its failure, if failures are kept at all."""

    output: S3Location
    failure: S3Location | None


def destinations(
    output_path: str, failure_path: str | None, extension: str | None, filename: str | None
) -> Destinations:
    """Compute both places of one invocation.

    The response lies at output path, extension, file name. Without a file name AWS makes one up that is *not* the
    inference id: a UUID, ``<uuid>.out`` for a response and ``<uuid>-error.out`` for a failure (both seen in captured
    locations). How a given file name spells its failure, and whether the extension joins the failure path, is
    documented nowhere; here the same suffix and the same extension are used.

    Example: ``destinations("s3://b/out/", "s3://b/bad", "job/0", "0.json")`` is ``s3://b/out/job/0/0.json`` and
    ``s3://b/bad/job/0/0.json-error.out``.
    """
    stem = filename or str(uuid.uuid4())
    response = filename or f"{stem}.out"
    failure = None if failure_path is None else _join(failure_path, extension, f"{stem}-error.out")
    return Destinations(_join(output_path, extension, response), failure)


def _join(path: str, extension: str | None, name: str) -> S3Location:
    return S3Location.parse("/".join(part for part in (path.rstrip("/"), (extension or "").strip("/"), name) if part))
