"""Objects that become one compressed file on their way through this machine: as they are, they cannot be joined."""

from __future__ import annotations

import bz2
import lzma
import zlib
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

from fanfold.errors import InputFileError
from fanfold.input.copying import as_stream
from fanfold_core.input.errors import InputError
from fanfold_core.input.source import BLOCK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from types_boto3_s3 import S3Client

    from fanfold.input.objects import S3Object
    from fanfold_core.input.formats import Compression

LINE_END = b"\n"
# By the ends of names, as in `fanfold_core.input.formats`.
COMPRESSORS: Mapping[str, Callable[[], Any]] = {
    ".gz": partial(zlib.compressobj, wbits=zlib.MAX_WBITS + 16),
    ".bz2": bz2.BZ2Compressor,
    ".xz": lzma.LZMACompressor,
}


def compressed(compression: Compression, content: bytes) -> bytes:
    """Some bytes, compressed by themselves."""
    compressor = COMPRESSORS[compression.suffix]()
    found: bytes = compressor.compress(content) + compressor.flush()
    return found


def recompressed(
    s3: S3Client,
    objects: Sequence[S3Object],
    starts: Sequence[int],
    compression: Compression,
    _start: int,
    _end: int | None = None,
) -> AbstractContextManager[IO[bytes]]:
    """A compressed file of compressed ones, which is read from its beginning only."""
    return as_stream(_compressed_again(s3, objects, [0, *starts[1:]], compression))


def _compressed_again(
    s3: S3Client, objects: Sequence[S3Object], starts: Sequence[int], compression: Compression
) -> Generator[bytes, None, None]:
    compressor = COMPRESSORS[compression.suffix]()
    last = LINE_END
    for one, start in zip(objects, starts, strict=True):
        if last != LINE_END:
            yield compressor.compress(LINE_END)
            last = LINE_END
        try:
            for block in compression.decompressed(one.stream(s3, 0, one.size), BLOCK_BYTES):
                rows, start = block[start:], max(0, start - len(block))  # noqa: PLW2901 # what is left to skip
                last = rows[-1:] or last
                yield compressor.compress(rows)
        except InputError as error:
            raise InputFileError(f"{one.url}: {error.in_full}") from error
    yield compressor.flush()


def as_json_lines(
    s3: S3Client, objects: Sequence[S3Object], _start: int, _end: int | None = None
) -> AbstractContextManager[IO[bytes]]:
    """A gzip of JSON Lines with the rows of Parquet objects, which is read from its beginning only."""
    return as_stream(_gzipped(s3, objects))


def _gzipped(s3: S3Client, objects: Sequence[S3Object]) -> Generator[bytes, None, None]:
    # What it needs is an extra, and said to be.
    from fanfold_core.input.parquet.stream import json_lines  # noqa: PLC0415

    compressor = COMPRESSORS[".gz"]()
    for one in objects:
        try:
            with json_lines(partial(_opened, s3, one), one.size) as blocks:
                yield from map(compressor.compress, blocks)
        except InputError as error:
            raise InputFileError(f"{one.url}: {error.in_full}") from error
    yield compressor.flush()


@contextmanager
def _opened(s3: S3Client, one: S3Object, start: int, end: int | None = None) -> Iterator[IO[bytes]]:
    yield BytesIO(one.read(s3, start, one.size if end is None else end))
