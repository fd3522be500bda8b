"""Writes the rows of a Parquet file as JSON Lines, in a process of its own: `stream.py` starts it, and says why."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections import Counter
from functools import lru_cache
from typing import IO, TYPE_CHECKING, cast
from uuid import UUID

from arro3.core import Array, DataType
from arro3.io import read_parquet, write_ndjson

from fanfold_core.input.errors import ParquetError, shown
from fanfold_core.input.parquet import ASK, END, FLAW, HEADER, MEMORY_BYTES, RANGE, ROWS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from arro3.core import Field, RecordBatch

# What is kept of a file. All columns are read side by side, so there are blocks for each of them.
_KEPT_BYTES = 128 << 20
_BLOCK_BYTES = range(64 << 10, (4 << 20) + 1)
# The end of a file tells how many columns it has; most ends are shorter.
_FIRST_BLOCK_BYTES = 256 << 10
# Rows that are read at a time: of fewer, each takes longer; of more, long texts take more memory than there is.
_BATCH_ROWS = 128
_LINES_BYTES = 1 << 20
_MAGIC, _ENCRYPTED, _LEAST_BYTES = b"PAR1", b"PARE", 12
_UUID_BYTES = 16
_NAMES = re.compile(r'"(?:[^"\\]|\\.)*"')
_DECIMALS_IN_A_MAP = re.compile(r"Map\(.*Decimal")


class _File:
    """The file as a Python file. Its parent is asked for blocks of it, of which the latest are kept."""

    def __init__(self, size: int, ask: Callable[[int, int], bytes]) -> None:
        self._size, self._ask, self._at = size, ask, 0
        self.keep(_FIRST_BLOCK_BYTES)

    def keep(self, block_bytes: int) -> None:
        """Ask for blocks of this size from now on."""
        self._block_bytes = block_bytes
        self._block = lru_cache(_KEPT_BYTES // block_bytes)(self._read_block)

    def read(self, size: int) -> bytes:
        end = min(self._at + size, self._size)
        parts = []
        while self._at < end:
            number, start = divmod(self._at, self._block_bytes)
            parts.append(self._block(number)[start : start + end - self._at])
            self._at += len(parts[-1])
        return b"".join(parts)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def tell(self) -> int:
        return self._at

    def _read_block(self, number: int) -> bytes:
        start = number * self._block_bytes
        return self._ask(start, min(start + self._block_bytes, self._size))


class _Lines:
    """Where lines are written: they are sent when there are enough of them."""

    def __init__(self, send: Callable[[bytes, bytes], None]) -> None:
        self._send, self._held = send, bytearray()

    def write(self, lines: bytes) -> int:
        self._held += lines
        if len(self._held) >= _LINES_BYTES:
            self.flush()
        return len(lines)

    def flush(self) -> None:
        if self._held:
            self._send(ROWS, bytes(self._held))
            self._held.clear()

    def seek(self, *_: int) -> int:
        """Asked for, and never called."""
        raise OSError


def convert(size: int, ask: Callable[[int, int], bytes], send: Callable[[bytes, bytes], None]) -> None:
    """Send the rows of a file of this size, of which `ask` gives ranges; `ParquetError` if it cannot be read."""
    file, lines = _File(size, ask), _Lines(send)
    _check_ends(file, size)
    try:
        _write(file, lines)
    except ParquetError:
        raise
    except BaseException as error:  # noqa: BLE001 - a panic of Rust is no `Exception`
        raise ParquetError(
            "the Parquet file cannot be read: see whether another program reads it, or write it again", str(error)
        ) from None
    lines.flush()


def _write(file: _File, lines: _Lines) -> None:
    reader = read_parquet(cast("IO[bytes]", file), batch_size=_BATCH_ROWS)
    fields = [reader.schema.field(index) for index in range(len(reader.schema))]
    _check_fields(fields)
    of_each = _KEPT_BYTES // (2 * sum(_leaves(field.type) for field in fields))
    file.keep(min(max(of_each, _BLOCK_BYTES[0]), _BLOCK_BYTES[-1]))
    spelled = {index: field.with_type(_as_text(field.type)) for index, field in enumerate(fields)}
    texts = {index: field for index, field in spelled.items() if field.type != fields[index].type}
    for batch in reader:
        write_ndjson(_spelled(batch, texts), cast("IO[bytes]", lines), explicit_nulls=True)


def _check_ends(file: _File, size: int) -> None:
    file.seek(max(0, size - len(_MAGIC)))
    end = file.read(len(_MAGIC))
    file.seek(0)
    beginning = file.read(len(_MAGIC))
    if _ENCRYPTED in {beginning, end}:
        raise ParquetError("the Parquet file is encrypted: write it without encryption, and upload that")
    if beginning != _MAGIC:
        raise ParquetError("its name ends in .parquet, but it is not a Parquet file: rename it, or upload it again")
    if end != _MAGIC or size < _LEAST_BYTES:
        raise ParquetError("the Parquet file is truncated: upload the complete file")


def _check_fields(fields: Sequence[Field]) -> None:
    if not fields:
        raise ParquetError("the Parquet file has no columns: upload a file with rows")
    _check_names([field.name for field in fields], "columns")
    for field in fields:
        kind = _NAMES.sub("", str(field.type))
        what = ""
        if "Binary" in kind and not _is_uuid(field.type):
            what = "binary data, which JSON doesn't have"
        elif _DECIMALS_IN_A_MAP.search(kind):
            what = "decimals in a map"
        if what:
            raise ParquetError(f"column {shown([field.name])} holds {what}: write the file without it, or as text")
        _check_inner_names(field.type)


def _check_names(names: Sequence[str], what: str) -> None:
    name, times = Counter(names).most_common(1)[0] if names else ("", 0)
    if times > 1:
        raise ParquetError(f"the Parquet file has several {what} called {shown([name])}: rename all but one")


def _check_inner_names(kind: DataType) -> None:
    inner = _inner(kind)
    if DataType.is_struct(kind):
        _check_names([field.name for field in inner], "fields of a column")
    for field in inner:
        _check_inner_names(field.type)


def _leaves(kind: DataType) -> int:
    """How many columns a file has for this one; two for a map, which doesn't tell what is in it."""
    if DataType.is_map(kind):
        return 2
    return sum(_leaves(field.type) for field in _inner(kind)) or 1


def _inner(kind: DataType) -> Sequence[Field]:
    if DataType.is_struct(kind):
        return kind.fields or ()
    return [kind.value_field] if _is_list(kind) else []


def _is_list(kind: DataType) -> bool:
    return bool(DataType.is_list(kind) or DataType.is_large_list(kind) or DataType.is_fixed_size_list(kind))


def _is_uuid(kind: DataType) -> bool:
    """Parquet knows UUIDs, but not all programs say so of these bytes."""
    return kind == DataType.binary(_UUID_BYTES)


def _spelled(batch: RecordBatch, texts: Mapping[int, Field]) -> RecordBatch:
    """The rows with some columns as these fields have them; a time that no calendar has is an error then."""
    for index, field in texts.items():
        column = batch.column(index)
        if _is_uuid(column.type):
            spelled = Array([None if one is None else str(UUID(bytes=one)) for one in column.to_pylist()], field.type)
        else:
            spelled = column.cast(field.type)
        batch = batch.set_column(index, field, spelled)
    return batch


def _as_text(kind: DataType) -> DataType:
    """The same with text where JSON has no such value, or no exact one."""
    if DataType.is_decimal(kind) or DataType.is_temporal(kind) or _is_uuid(kind):
        return DataType.utf8()
    inner = [field.with_type(_as_text(field.type)) for field in _inner(kind)]
    if DataType.is_struct(kind):
        return DataType.struct(inner)
    if DataType.is_large_list(kind):
        return DataType.large_list(inner[0])
    return DataType.list(inner[0], kind.list_size) if inner else kind


def _send(kind: bytes, content: bytes) -> None:
    sys.stdout.buffer.write(HEADER.pack(kind, len(content)))
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _ask(start: int, end: int) -> bytes:
    _send(ASK, RANGE.pack(start, end))
    return sys.stdin.buffer.read(end - start)


def _confine() -> None:
    """Let this process take so much memory, write nothing of the file to logs, and outlive nobody."""
    # Ctrl+C is for the parent, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A panic of Rust writes there, and may quote the file. What goes wrong in Python is still told.
    sys.stderr = os.fdopen(os.dup(2), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    if sys.platform != "win32":
        # If the parent is gone, nobody is to be told.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if sys.platform == "linux":
        # An allocation beyond it ends the process. Elsewhere, no process begins with so little.
        from resource import RLIMIT_AS, setrlimit  # noqa: PLC0415 - not every platform has it

        setrlimit(RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def main() -> None:
    """Convert the file whose size is the argument."""
    _confine()
    try:
        convert(int(sys.argv[1]), _ask, _send)
    except ParquetError as error:
        _send(FLAW, json.dumps([str(error), error.quoted]).encode())
    else:
        _send(END, b"")


if __name__ == "__main__":
    main()
