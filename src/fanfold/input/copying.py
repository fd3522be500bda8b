"""Bytes of several objects become one object, within S3 as far as it allows.

S3 copies ranges of objects as the parts of an upload. Only the last part may have less than 5 MiB, so what is smaller
is gathered here, a part at a time.
"""

from __future__ import annotations

from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from fanfold.errors import InputFileError
from fanfold.input.objects import at_once
from fanfold_core.aws.store import Blocks
from fanfold_core.input.errors import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from types_boto3_s3 import S3Client

    from fanfold.input.objects import S3Object

# What S3 demands of an upload's parts, and how large copied ones are: many at once are faster than large ones.
LEAST_PART_BYTES = 5 * 1024 * 1024
_MOST_PARTS = 10_000
_COPIED_BYTES = 64 * 1024 * 1024
# A gathered part is in memory, one for each thread.
_MOST_GATHERED_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Range:
    """Some of an object's bytes."""

    of: S3Object
    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start

    def __getitem__(self, part: slice) -> Range:
        start, end, _ = part.indices(len(self))
        return Range(self.of, self.start + start, self.start + end)


Segment = Range | bytes


def opened(
    s3: S3Client, segments: Sequence[Segment], start: int, _end: int | None = None
) -> AbstractContextManager[IO[bytes]]:
    """What the segments are one after another, from a byte on."""
    return as_stream(_blocks(s3, _after(segments, start)))


@contextmanager
def as_stream(blocks: Generator[bytes, None, None]) -> Iterator[IO[bytes]]:
    """Blocks as they are made, to be read; what makes them ends with it."""
    with closing(blocks):
        yield cast("IO[bytes]", Blocks(blocks))


def put_joined(
    s3: S3Client,
    place: Mapping[str, str],
    metadata: Mapping[str, str],
    sent: Callable[[int], None],
    *,
    segments: Sequence[Segment],
) -> None:
    """Put one object that is all of the segments; `sent` is told of bytes as they are there.

    However it ends, nothing stays but that object.
    """
    parts = planned(segments)
    target: Any = dict(place)
    upload = s3.create_multipart_upload(**target, Metadata=metadata)["UploadId"]

    def put(numbered: tuple[int, Sequence[Segment]]) -> dict[str, Any]:
        number, part = numbered
        wanted = {**target, "UploadId": upload, "PartNumber": number}
        whole = _copied(part)
        etag = _copy(s3, whole, wanted) if whole else _send(s3, part, wanted)
        sent(sum(map(len, part)))
        return {"PartNumber": number, "ETag": etag}

    try:
        # An error, or an interrupt, cancels the parts that have not begun; the others are waited for.
        done: Any = at_once(put, list(enumerate(parts, start=1)))
        s3.complete_multipart_upload(**target, UploadId=upload, MultipartUpload={"Parts": done})
    except BaseException:
        # If it cannot be aborted either, a rule of the bucket does that three days later.
        with suppress(ClientError, BotoCoreError):
            s3.abort_multipart_upload(**target, UploadId=upload)
        raise


def planned(segments: Sequence[Segment], most_parts: int = _MOST_PARTS) -> list[list[Segment]]:
    """The parts of an upload: ranges that S3 copies, and runs of smaller segments. There are no more than it takes.

    `InputFileError` if there is no such plan.
    """
    total, least = sum(map(len, segments)), LEAST_PART_BYTES
    while least <= _MOST_GATHERED_BYTES:
        parts = _plan(segments, least, max(_COPIED_BYTES, total // (most_parts // 2)))
        if len(parts) <= most_parts:
            return parts
        least *= 2
    raise InputFileError(
        f"{counted(len(segments), 'object')} of {total:,} bytes cannot be joined, since S3 takes {most_parts:,} parts: "
        "join fewer of them at a time"
    )


def _plan(segments: Sequence[Segment], least: int, most: int) -> list[list[Segment]]:
    parts: list[list[Segment]] = []
    gathered: list[Segment] = []
    missing = least
    for segment in segments:
        rest = segment
        if gathered:
            gathered.append(rest[:missing])
            missing, rest = missing - len(gathered[-1]), rest[missing:]
            if missing:
                continue
            parts.append(gathered)
            gathered, missing = [], least
        if len(rest) >= least:
            parts += _cut(rest, most)
        elif rest:
            gathered, missing = [rest], least - len(rest)
    return [*parts, gathered] if gathered else parts


def _cut(segment: Segment, most: int) -> Iterator[list[Segment]]:
    """Pieces of the same size."""
    count = -(-len(segment) // most)
    for number in range(count):
        yield [segment[len(segment) * number // count : len(segment) * (number + 1) // count]]


def _copied(part: Sequence[Segment]) -> Range | None:
    """What S3 copies as a part, if it does: of an object that isn't larger than the least part, it copies no range."""
    only = part[0]
    return only if isinstance(only, Range) and len(part) == 1 and len(only) > LEAST_PART_BYTES else None


def _copy(s3: S3Client, part: Range, wanted: Any) -> str:
    with part.of.pinned():
        copied = s3.upload_part_copy(
            **wanted,
            CopySource={"Bucket": part.of.bucket, "Key": part.of.key},
            CopySourceIfMatch=part.of.etag,
            CopySourceRange=f"bytes={part.start}-{part.end - 1}",
        )
    return copied["CopyPartResult"]["ETag"]


def _send(s3: S3Client, part: Sequence[Segment], wanted: Any) -> str:
    return s3.upload_part(**wanted, Body=b"".join(_blocks(s3, part)))["ETag"]


def _after(segments: Sequence[Segment], start: int) -> Iterator[Segment]:
    for segment in segments:
        if rest := segment[start:]:
            yield rest
        start = max(0, start - len(segment))


def _blocks(s3: S3Client, segments: Sequence[Segment] | Iterator[Segment]) -> Generator[bytes, None, None]:
    for segment in segments:
        if isinstance(segment, bytes):
            yield segment
        else:
            yield from segment.of.stream(s3, segment.start, segment.end)
