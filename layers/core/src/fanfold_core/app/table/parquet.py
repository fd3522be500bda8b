"""Lines of results.jsonl as a Parquet file.

arro3 reads the lines and writes the file. They are the job's own, and how deep their columns are is bounded, so they
are read in this process, unlike an uploaded Parquet file.
"""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any

from fanfold_core.domain.statistics.kinds import BOOLEAN, INTEGER, JSON, NUMBER, TEXT, Kind
from fanfold_core.input.json.text import write_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from arro3.core import DataType, RecordBatch, Schema

# What is converted at a time, unless a line is longer; and of many columns, so many values.
_BATCH_BYTES = 8 * 1024 * 1024
_BATCH_VALUES = 1_000_000


def write_parquet(lines: Iterable[memoryview], columns: Mapping[str, Kind], stream: IO[bytes]) -> None:
    """Write whole lines, each an object, as a file of these columns; other keys are left out, missing ones null."""
    # Few jobs need it, and no cold start waits for it.
    from arro3.core import Field, RecordBatchReader, Schema  # noqa: PLC0415
    from arro3.io import write_parquet as write  # noqa: PLC0415

    schema = Schema([Field(name, _type(kind)) for name, kind in columns.items()])
    texts = {name for name, kind in columns.items() if kind == JSON}
    batches = RecordBatchReader.from_batches(schema, _batches(lines, schema, texts))
    write(batches, stream, compression="snappy")


def _batches(lines: Iterable[memoryview], schema: Schema, texts: Collection[str]) -> Iterator[RecordBatch]:
    """All rows, some megabytes at a time; those columns are text that holds JSON."""
    from arro3.io import read_json  # noqa: PLC0415 - likewise

    most_rows = max(1, _BATCH_VALUES // len(schema))
    for some in _cut(lines):
        spelt = b"\n".join(_spelt(line, texts) for line in some.split(b"\n") if line) if texts else some
        yield from read_json(spelt, schema, batch_size=most_rows)


def _cut(lines: Iterable[memoryview]) -> Iterator[bytes]:
    for together in lines:
        start = 0
        while start < len(together):
            some = bytes(together[start : start + _BATCH_BYTES])
            # A line that is longer comes whole, with all that is left.
            some = some[: some.rfind(b"\n") + 1] or bytes(together[start:])
            start += len(some)
            yield some


def _spelt(line: bytes, texts: Collection[str]) -> bytes:
    row: dict[str, Any] = json.loads(line)
    for name in texts:
        if row.get(name) is not None:
            row[name] = write_json(row[name])
    return write_json(row).encode()


def _type(kind: Kind) -> DataType:
    from arro3.core import DataType, Field  # noqa: PLC0415 - likewise

    if isinstance(kind, list):
        return DataType.list(Field("element", _type(kind[0])))
    if isinstance(kind, dict):
        return DataType.struct([Field(name, _type(inner)) for name, inner in kind.items()])
    return {
        BOOLEAN: DataType.bool(),
        INTEGER: DataType.int64(),
        NUMBER: DataType.float64(),
        TEXT: DataType.utf8(),
        JSON: DataType.utf8(),
    }[kind]
