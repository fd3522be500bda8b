"""Objects in S3: `app.ports.Store` over the uploaded files and the output bucket."""

from __future__ import annotations

from contextlib import closing, contextmanager
from io import RawIOBase
from typing import IO, TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from fanfold_core.domain.answers import LARGEST_ANSWER_BYTES
from fanfold_core.domain.errors import AnswerTooLargeError, ObjectGoneError
from fanfold_core.domain.job import Source
from fanfold_core.input.errors import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef, GetObjectOutputTypeDef

_GONE = {"404", "NoSuchKey", "NoSuchVersion", "NoSuchBucket"}
_BLOCK = 1024 * 1024
# Somebody else may replace a part between listing it and completing the upload; it is the same part.
_COMPLETIONS = 3


class UnexpectedResponseError(BotoCoreError):
    """S3 has answered with something else than it was asked for. Retry."""

    fmt = "{location}: S3 was asked for {asked} and answered with {answered}; try again"

    def __init__(self, location: str, asked: str, answered: str) -> None:
        super().__init__(location=location, asked=asked, answered=answered)


class S3Store:
    """Reads uploads wherever they are, and reads and writes the output bucket."""

    def __init__(self, client: S3Client, output_bucket: str) -> None:
        self._client = client
        self._bucket = output_bucket

    def head(self, bucket: str, key: str, version: str | None) -> tuple[Source, Mapping[str, str]]:
        pinned: dict[str, Any] = {"VersionId": version} if version else {}
        with _naming(f"s3://{bucket}/{key}"):
            found = self._client.head_object(Bucket=bucket, Key=key, **pinned)
        source = Source(bucket, key, found.get("VersionId", "null"), found["ETag"], found["ContentLength"])
        return source, found["Metadata"]

    @contextmanager
    def open(self, source: Source, start: int, end: int | None = None) -> Iterator[IO[bytes]]:
        location = source.address
        wanted = f"bytes={start}-{'' if end is None else end - 1}"
        with _naming(location):
            found = self._client.get_object(
                Bucket=source.bucket, Key=source.key, VersionId=source.version, Range=wanted
            )
        with closing(found["Body"]) as body:
            if found["ETag"] != source.etag:
                raise ObjectGoneError(location)
            check_range(location, found, start, source.size if end is None else min(end, source.size), source.size)
            yield cast("IO[bytes]", body)

    def source(self, key: str) -> Source:
        source, _ = self.head(self._bucket, key, None)
        return source

    def read(self, key: str) -> bytes:
        with _naming(self.location(key)):
            return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()

    def read_at(self, location: str) -> bytes:
        bucket, _, key = location.removeprefix("s3://").partition("/")
        with _naming(location):
            found = self._client.get_object(Bucket=bucket, Key=key)
        with closing(found["Body"]) as body:
            if found["ContentLength"] > LARGEST_ANSWER_BYTES:
                raise AnswerTooLargeError(found["ContentLength"], LARGEST_ANSWER_BYTES)
            return body.read()

    def write(self, key: str, content: bytes | IO[bytes], content_type: str) -> None:
        self._client.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=content_type)

    def join(self, key: str, header: bytes, keys: Iterable[str], content_type: str) -> None:
        blocks = Blocks(self._header_and_objects(header, keys))
        extra = {"ContentType": content_type}
        self._client.upload_fileobj(cast("IO[bytes]", blocks), self._bucket, key, ExtraArgs=extra)

    def begin_upload(self, key: str, content_type: str) -> str:
        begun = self._client.create_multipart_upload(Bucket=self._bucket, Key=key, ContentType=content_type)
        return begun["UploadId"]

    def upload_part(self, key: str, upload_id: str, part: int, content: IO[bytes]) -> None:
        try:
            self._client.upload_part(
                Bucket=self._bucket, Key=key, UploadId=upload_id, PartNumber=part + 1, Body=content
            )
        except self._client.exceptions.NoSuchUpload:
            self._check_completed(key)

    def complete_upload(self, key: str, upload_id: str, parts: Sequence[int]) -> None:
        for last in range(_COMPLETIONS - 1, -1, -1):
            try:
                self._client.complete_multipart_upload(
                    Bucket=self._bucket,
                    Key=key,
                    UploadId=upload_id,
                    MultipartUpload={"Parts": self._parts(key, upload_id, parts)},
                )
            except self._client.exceptions.NoSuchUpload:
                self._check_completed(key)
            except ClientError as error:
                if error.response["Error"]["Code"] != "InvalidPart" or not last:
                    raise
                continue
            return

    def abort_upload(self, key: str, upload_id: str) -> None:
        self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload_id)

    def keys(self, prefix: str) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        return (found["Key"] for page in pages for found in page.get("Contents", ()))

    def location(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    def _parts(self, key: str, upload_id: str, expected: Sequence[int]) -> list[CompletedPartTypeDef]:
        """What completes an upload. S3 would complete it without the parts that a list leaves out, too."""
        pages = self._client.get_paginator("list_parts").paginate(Bucket=self._bucket, Key=key, UploadId=upload_id)
        parts: list[CompletedPartTypeDef] = [
            {"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for page in pages for part in page.get("Parts", ())
        ]
        if [part["PartNumber"] for part in parts] != [number + 1 for number in expected]:
            raise UnexpectedResponseError(
                self.location(key), f"a list of {counted(len(expected), 'part')}", f"{len(parts):,} of them"
            )
        return parts

    def _check_completed(self, key: str) -> None:
        """An upload that is gone has been completed by somebody else; then its object is there."""
        with _naming(self.location(key)):
            self._client.head_object(Bucket=self._bucket, Key=key)

    def _header_and_objects(self, header: bytes, keys: Iterable[str]) -> Iterator[bytes]:
        yield header
        for key in keys:
            with _naming(self.location(key)):
                found = self._client.get_object(Bucket=self._bucket, Key=key)
            yield from found["Body"].iter_chunks(_BLOCK)


def check_range(location: str, found: GetObjectOutputTypeDef, start: int, end: int, size: int) -> None:
    """See that an answer holds the bytes from `start` to `end` of an object of `size` bytes, and no others.

    A server may leave a range out of account and send the whole object. A body that ends before its length, botocore
    refuses.
    """
    asked = f"bytes {start}-{end - 1}/{size}"
    answered = f"{found.get('ContentRange', 'no range')}, {counted(found['ContentLength'], 'byte')}"
    if answered != f"{asked}, {counted(end - start, 'byte')}":
        raise UnexpectedResponseError(location, asked, answered)


@contextmanager
def _naming(location: str) -> Iterator[None]:
    """Say which object is gone, where S3 says so."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            raise ObjectGoneError(location) from error
        raise


class Blocks(RawIOBase):
    """An iterator of blocks as a file to read from, so that boto3 can upload it without holding it."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed's buffer has no length
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._left = block
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size
