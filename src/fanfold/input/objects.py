"""Objects in S3 that become one file: those below a prefix, or those that a manifest lists."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from fanfold.errors import InputFileError
from fanfold_core.aws.store import UnexpectedResponseError, check_range
from fanfold_core.input.errors import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from types_boto3_s3 import S3Client

S3 = "s3://"
_MANIFESTS = ("manifest", "manifest.json")
# Of what is skipped, so many are named.
_MOST_NAMED = 5
# How S3 says that an object is no longer the one that was listed, or is none.
_REPLACED = {"PreconditionFailed", "412"}
_GONE = {"NoSuchKey", "404"}
# Bytes that one request to S3 asks for; as many are held in memory.
BLOCK_BYTES = 8 * 1024 * 1024
_TRIES = 4
_THREADS = 8
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class S3Object:
    """An object as it was found: by its ETag, what is read or copied is the same bytes, or nothing."""

    bucket: str
    key: str
    size: int
    etag: str

    @property
    def url(self) -> str:
        """Its address."""
        return f"{S3}{self.bucket}/{self.key}"

    def blocks(self, s3: S3Client, start: int, end: int, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
        """Some of its bytes.

        One block is asked for after the other, when it is needed, so that no connection must last long; one that stops
        coming, again.
        """
        for begin in range(start, end, block_bytes):
            until = min(begin + block_bytes, end)
            wanted = f"bytes={begin}-{until - 1}"
            for left in range(_TRIES - 1, -1, -1):
                answer = s3.get_object(Bucket=self.bucket, Key=self.key, Range=wanted, IfMatch=self.etag)
                try:
                    check_range(self.url, answer, begin, until, self.size)
                    block = answer["Body"].read()
                except (IncompleteReadError, ReadTimeoutError, ResponseStreamingError, UnexpectedResponseError):
                    if not left:
                        raise
                else:
                    yield block
                    break

    def stream(self, s3: S3Client, start: int, end: int) -> Iterator[bytes]:
        """The same; `InputFileError` if they are no longer what they were, or cannot be read."""
        try:
            with self.pinned():
                yield from self.blocks(s3, start, end)
        except (ClientError, BotoCoreError) as error:
            raise InputFileError(f"cannot read {self.url}: {error}. See whether you may read it") from error

    def read(self, s3: S3Client, start: int, end: int) -> bytes:
        """The same at once."""
        return b"".join(self.stream(s3, start, end))

    @contextmanager
    def pinned(self) -> Iterator[None]:
        """Say which object has changed, where S3 says that one has."""
        try:
            yield
        except ClientError as error:
            if error.response["Error"]["Code"] in _REPLACED | _GONE:
                raise InputFileError(f"{self.url} was replaced or deleted while it was read: try again") from error
            raise


@dataclass(frozen=True, slots=True)
class Objects:
    """Objects in the order in which they are joined; `shown` is what the user calls them, `stem` what their file is.

    `skipped` are names of others, with the reason.
    """

    shown: str
    stem: str
    found: list[S3Object] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def add(self, found: S3Object, name: str) -> None:
        """One more, unless it is empty."""
        if found.size:
            self.found.append(found)
        else:
            self.skipped.append(f"{name} (empty)")

    @property
    def note(self) -> str:
        """What was found, in a sentence or two."""
        what = f"It is {counted(len(self.found), 'object')}{', one after another' if len(self.found) > 1 else ''}."
        if not self.skipped:
            return what
        more = f" and {len(self.skipped) - _MOST_NAMED:,} more" if len(self.skipped) > _MOST_NAMED else ""
        return f"{what} Skipped: {', '.join(self.skipped[:_MOST_NAMED])}{more}."

    def checked(self) -> Objects:
        """Itself; `InputFileError` if there are none."""
        if self.found:
            return self
        skipped = f"; skipped: {', '.join(self.skipped[:_MOST_NAMED])}" if self.skipped else ""
        raise InputFileError(f"{self.shown} has no objects with rows{skipped}: see `aws s3 ls {self.shown}`")


def is_prefix(data: object) -> bool:
    """Whether this names all objects below a prefix.

    >>> is_prefix("s3://bucket/reviews/"), is_prefix("s3://bucket/reviews.csv")
    (True, False)
    """
    return isinstance(data, str) and data.startswith(S3) and data.endswith("/")


def is_manifest(data: object) -> bool:
    """Whether this names a list of objects, here or in S3, as Redshift reads and writes one.

    >>> is_manifest("s3://bucket/reviews.manifest"), is_manifest("reviews.csv")
    (True, False)
    """
    return isinstance(data, str | Path) and str(data).lower().endswith(_MANIFESTS)


def below(s3: S3Client, prefix: str) -> Objects:
    """The objects below a prefix, by their keys; `InputFileError` if it cannot be listed, or there are none.

    Names that begin with `_` or `.` are skipped, as Spark and Hive do: `_SUCCESS`, checksums, what is not complete.
    """
    bucket, key = split_url(prefix)
    objects = Objects(prefix, PurePosixPath(key).name or bucket)
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key):
            for listed in page.get("Contents", ()):
                name = listed["Key"].removeprefix(key)
                if _is_hidden(name):
                    objects.skipped.append(f"{name} (hidden)")
                elif name and not name.endswith("/"):
                    objects.add(S3Object(bucket, listed["Key"], listed["Size"], listed["ETag"]), name)
    except (ClientError, BotoCoreError) as error:
        raise InputFileError(f"cannot list {prefix}: {error}. See whether you have s3:ListBucket there") from error
    return objects.checked()


def of_manifest(s3: S3Client, shown: str, stem: str, content: bytes) -> Objects:
    """The objects that a manifest lists, in its order; `InputFileError` if it is none, or they cannot be read.

    Those that are not there are skipped unless they are `mandatory`, as Redshift does.
    """

    def find(entry: tuple[str, bool]) -> S3Object | None:
        url, is_mandatory = entry
        bucket, key = split_url(url)
        try:
            found = s3.head_object(Bucket=bucket, Key=key)
        except (ClientError, BotoCoreError) as error:
            is_gone = isinstance(error, ClientError) and error.response["Error"]["Code"] in _GONE
            if is_gone and not is_mandatory:
                return None
            raise InputFileError(f"{shown}: cannot read {url}: {error}. See whether you may read it") from error
        return S3Object(bucket, key, found["ContentLength"], found["ETag"])

    objects, entries = Objects(shown, stem), _entries(shown, content)
    for (url, _), found in zip(entries, at_once(find, entries), strict=True):
        if found:
            objects.add(found, url)
        else:
            objects.skipped.append(f"{url} (does not exist)")
    return objects.checked()


def at_once(ask: Callable[[T], R], things: Sequence[T]) -> list[R]:
    """What S3 says of each of many, some of which are asked for at a time."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(ask, things))


def _entries(shown: str, content: bytes) -> list[tuple[str, bool]]:
    try:
        read: Any = json.loads(content)
        entries = [(entry["url"], entry.get("mandatory", False)) for entry in read["entries"]]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputFileError(f"{shown} is no manifest: write it as {_FORM}") from error
    for url, _ in entries:
        if not isinstance(url, str) or not url.startswith(S3) or not split_url(url)[1]:
            raise InputFileError(f"{shown} is no manifest: {url!r} is no address of an object; write it as {_FORM}")
    return entries


_FORM = '{"entries": [{"url": "s3://bucket/key", "mandatory": true}]}'


def split_url(url: str) -> tuple[str, str]:
    """Bucket and key of an address in S3.

    >>> split_url("s3://bucket/reviews/2026.csv")
    ('bucket', 'reviews/2026.csv')
    """
    return urlsplit(url).netloc, url.removeprefix(S3).partition("/")[2]


def _is_hidden(name: str) -> bool:
    # A partition of Hive may be called _year=2026.
    return any(part.startswith(".") or (part.startswith("_") and "=" not in part) for part in name.split("/"))
