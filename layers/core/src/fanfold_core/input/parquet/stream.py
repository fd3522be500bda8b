"""The rows of a Parquet file as a stream of JSON Lines, read by a process of their own.

A file may hold a page that is a gigabyte once it is decompressed, or a schema of any depth. Who reads it then aborts,
for want of memory or of stack, and no exception tells of it: a function would die each time that its message came
back, and on a laptop the user's Python. So another process reads the file, within limits, and when it dies the file is
named. All its bytes come from here, so it needs no credentials, and what S3 answers stays what it is.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from subprocess import PIPE, Popen
from typing import IO, TYPE_CHECKING, Protocol, cast

from fanfold_core.input.errors import ParquetError
from fanfold_core.input.parquet import ASK, END, FLAW, HEADER, MEMORY_BYTES, RANGE, ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

_READER = "arro3.io"
_CONVERTER = "fanfold_core.input.parquet.converter"


class Opener(Protocol):
    """Opens a file from a byte on, perhaps up to the one before `end`."""

    def __call__(self, start: int, end: int | None = None, /) -> AbstractContextManager[IO[bytes]]: ...  # noqa: D102


@contextmanager
def json_lines(opened: Opener, size: int) -> Iterator[Iterator[bytes]]:
    """The rows of a file of this size, in blocks.

    Reading them raises `ParquetError` if it is no Parquet file that can be read, and what the opener raises.
    `ModuleNotFoundError` where Parquet cannot be read at all.
    """
    if find_spec(_READER) is None:
        raise ModuleNotFoundError(f"no module named {_READER!r}", name=_READER)
    # Where modules are found is known here, so `site` needn't look for them.
    command = [sys.executable, "-S", "-P", "-m", _CONVERTER, str(size)]
    process = Popen(command, stdin=PIPE, stdout=PIPE, env=_environment())  # noqa: S603 - this Python
    try:
        yield _blocks(process, opened)
    finally:
        process.kill()
        # What it has not taken is of no use.
        with suppress(BrokenPipeError), process:
            pass


def _environment() -> dict[str, str]:
    """What Python needs to start, without credentials."""
    rest = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**rest, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _blocks(process: Popen[bytes], opened: Opener) -> Iterator[bytes]:
    said, asked = cast("IO[bytes]", process.stdout), cast("IO[bytes]", process.stdin)
    while len(header := said.read(HEADER.size)) == HEADER.size:
        kind, length = HEADER.unpack(header)
        content = said.read(length)
        if len(content) < length:
            break
        if kind == ROWS:
            yield content
        elif kind == ASK:
            start, end = RANGE.unpack(content)
            with opened(start, end) as stream:
                block = stream.read(end - start)
            if len(block) < end - start:
                raise ParquetError("the file has become smaller while it was read: upload it when nothing writes to it")
            # If it has died meanwhile, there is no next message.
            with suppress(BrokenPipeError):
                asked.write(block)
                asked.flush()
        elif kind == FLAW:
            raise ParquetError(*json.loads(content))
        elif kind == END:
            return
    if process.wait() > 0:
        raise RuntimeError(f"{_CONVERTER} has failed")
    raise ParquetError(
        f"the Parquet file cannot be read within {MEMORY_BYTES >> 20:,} MiB of memory: write it again, with smaller "
        "pages and values, or upload it again if it is damaged"
    )
