"""The bytes of an uploaded file as a stream of blocks, from any offset: decompressed, and as UTF-8 where it must be."""

from __future__ import annotations

import codecs
import gzip
import zlib
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from fanfold_core.app.rows import is_copied
from fanfold_core.input.errors import CompressionError, UndecodableError
from fanfold_core.input.layout import is_byte_cuttable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fanfold_core.app.ports import Store
    from fanfold_core.domain.job import JobRecord

BLOCK_BYTES = 1024 * 1024


@contextmanager
def open_blocks(store: Store, job: JobRecord, start: int, out_of_time: Callable[[], bool]) -> Iterator[Iterator[bytes]]:
    """The file's blocks from byte `start` on; of a compressed or transcoded file, from byte `start` of what it yields.

    `ObjectGoneError` if the file is gone, `CompressionError` if it is no gzip file, ends in its middle, or is too
    large to be read up to `start` in one go.
    """
    if not job.source.size or (start >= job.source.size and not is_copied(job)):
        # S3 refuses a range of which there is no byte.
        yield iter(())
        return
    if not is_copied(job):
        with store.open(job.source, start) as stream:
            yield iter(partial(stream.read, BLOCK_BYTES), b"")
        return
    with store.open(job.source, 0) as stream:
        blocks = iter(partial(stream.read, BLOCK_BYTES), b"")
        if job.source.key.lower().endswith(".gz"):
            blocks = _decompressed(iter(partial(gzip.GzipFile(fileobj=stream).read, BLOCK_BYTES), b""))
        if not is_byte_cuttable(job.options.encoding):
            blocks = _as_utf_8(blocks, job.options.encoding)
        yield _skipping(blocks, start, out_of_time)


def _decompressed(blocks: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from blocks
    except EOFError as error:
        raise CompressionError("the gzip file ends in its middle: upload it whole") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise CompressionError(f"its name ends in .gz, but it is no sound gzip file ({error})") from error


def _as_utf_8(blocks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    done = 0
    try:
        for block in blocks:
            yield decoder.decode(block).encode()
            done += len(block)
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        raise UndecodableError.in_stream(encoding, done) from error


def _skipping(blocks: Iterator[bytes], start: int, out_of_time: Callable[[], bool]) -> Iterator[bytes]:
    """Without byte ranges, going on means reading everything before again. That must leave time to go on."""
    for block in blocks:
        if start >= len(block):
            start -= len(block)
            if out_of_time():
                raise CompressionError("the file is too large to be read without byte ranges: upload it as plain UTF-8")
        else:
            yield block[start:]
            start = 0
