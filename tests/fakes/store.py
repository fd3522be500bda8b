"""Objects in memory, each with all its versions, and multipart uploads as S3 has them."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO

from tests.fakes.errors import RefusedError

from fanfold_core.domain.answers import LARGEST_ANSWER_BYTES
from fanfold_core.domain.errors import AnswerTooLargeError, ObjectGoneError
from fanfold_core.domain.job import Source

# Of all parts of an upload but the last.
LEAST_PART = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Version:
    id: str
    content: bytes
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Upload:
    key: str
    parts: dict[int, bytes] = field(default_factory=dict)


class MemoryStore:
    """`app.ports.Store` without a service.

    >>> store = MemoryStore("output")
    >>> store.upload("input", "a.csv", b"text", {})
    'version-1'
    """

    def __init__(self, output_bucket: str) -> None:
        self._bucket = output_bucket
        self._objects: defaultdict[str, dict[str, list[_Version]]] = defaultdict(dict)
        self._uploads: dict[str, _Upload] = {}
        self._made = 0

    def upload(self, bucket: str, key: str, content: bytes, metadata: Mapping[str, str]) -> str:
        """Put an object into any bucket, as its user does; answers with its version."""
        version = _Version(self._new("version"), content, metadata)
        self._objects[bucket].setdefault(key, []).append(version)
        return version.id

    def delete(self, bucket: str, key: str) -> None:
        """Throw an object away, with all its versions."""
        self._objects[bucket].pop(key, None)

    def head(self, bucket: str, key: str, version: str | None) -> tuple[Source, Mapping[str, str]]:
        found = self._version(bucket, key, version)
        etag = f'"{hashlib.md5(found.content, usedforsecurity=False).hexdigest()}"'
        return Source(bucket, key, found.id, etag, len(found.content)), found.metadata

    def open(self, source: Source, start: int, end: int | None = None) -> IO[bytes]:
        content = self._version(source.bucket, source.key, source.version).content
        if start >= len(content):
            raise RefusedError("The requested range is not satisfiable")
        return BytesIO(content[start:end])

    def source(self, key: str) -> Source:
        return self.head(self._bucket, key, None)[0]

    def read(self, key: str) -> bytes:
        return self._version(self._bucket, key).content

    def read_at(self, location: str) -> bytes:
        bucket, _, key = location.removeprefix("s3://").partition("/")
        content = self._version(bucket, key).content
        if len(content) > LARGEST_ANSWER_BYTES:
            raise AnswerTooLargeError(len(content), LARGEST_ANSWER_BYTES)
        return content

    def write(self, key: str, content: bytes | IO[bytes], content_type: str) -> None:
        del content_type
        self.upload(self._bucket, key, content if isinstance(content, bytes) else content.read(), {})

    def join(self, key: str, header: bytes, keys: Iterable[str], content_type: str) -> None:
        self.write(key, b"".join([header, *map(self.read, keys)]), content_type)

    def begin_upload(self, key: str, content_type: str) -> str:
        del content_type
        upload_id = self._new("upload")
        self._uploads[upload_id] = _Upload(key)
        return upload_id

    def upload_part(self, key: str, upload_id: str, part: int, content: IO[bytes]) -> None:
        if upload := self._uploads.get(upload_id):
            upload.parts[part] = content.read()
        else:
            self._version(self._bucket, key)  # somebody else has completed it

    def complete_upload(self, key: str, upload_id: str, parts: Sequence[int]) -> None:
        upload = self._uploads.get(upload_id)
        if upload is None:
            self._version(self._bucket, key)  # somebody else has completed it
            return
        if sorted(upload.parts) != list(parts):
            raise RefusedError("not all parts are there")
        *others, last = [content for _, content in sorted(upload.parts.items())]
        if any(len(content) < LEAST_PART for content in others):
            raise RefusedError("Your proposed upload is smaller than the minimum allowed object size")
        self.upload(self._bucket, key, b"".join([*others, last]), {})
        del self._uploads[upload_id]

    def abort_upload(self, key: str, upload_id: str) -> None:
        del key
        if self._uploads.pop(upload_id, None) is None:
            raise RefusedError("The specified upload does not exist")

    def keys(self, prefix: str) -> Iterator[str]:
        return iter(sorted(key for key in self._objects[self._bucket] if key.startswith(prefix)))

    def location(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    def _version(self, bucket: str, key: str, version: str | None = None) -> _Version:
        for found in reversed(self._objects[bucket].get(key, [])):
            if version in {None, found.id}:
                return found
        raise ObjectGoneError(f"s3://{bucket}/{key}")

    def _new(self, what: str) -> str:
        self._made += 1
        return f"{what}-{self._made}"
