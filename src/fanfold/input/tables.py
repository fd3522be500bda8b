"""Rows in memory, written as the CSV of a job: data frames, Arrow tables, dicts, texts; and Parquet, as JSON Lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from io import TextIOWrapper
from itertools import chain
from typing import IO, TYPE_CHECKING, Any
from uuid import UUID

from fanfold.errors import InputFileError, extra

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# How they are written, whatever a stack's options are.
WRITTEN = {
    "header": "present",
    "delimiter": ",",
    "quote": '"',
    "escape": "",
    "skip-rows": "0",
    "encoding": "utf-8",
    "skip-initial-space": "no",
}
JSON_LINES = {"encoding": "utf-8"}
_TEXT = "text"
# Of a Parquet file: rows that are made at a time, and bytes of each column that are read at a time.
_BATCH_ROWS = 1_000
_COLUMN_BYTES = 1024 * 1024


def writer_of(data: object) -> Callable[[IO[bytes]], None]:
    r"""What writes these rows: a data frame of pandas or Polars, an Arrow table, dicts, or texts.

    `TypeError` if they are none of these.

    >>> from io import BytesIO
    >>> stream = BytesIO()
    >>> writer_of(["so good", "so bad"])(stream)
    >>> stream.getvalue()
    b'text\nso good\nso bad\n'
    """
    found: Any = data
    if hasattr(found, "to_csv") and hasattr(found, "columns"):
        return lambda stream: found.to_csv(stream, index=False, encoding="utf-8", lineterminator="\n")
    if hasattr(found, "write_csv"):
        write: Callable[[IO[bytes]], None] = found.write_csv
        return write
    if hasattr(found, "__arrow_c_stream__"):
        return lambda stream: _write_arrow(found, stream)
    if isinstance(data, Iterable) and not isinstance(data, bytes | bytearray | Mapping):
        return lambda stream: _write_rows(data, stream)
    raise TypeError(
        f"cannot submit {type(data).__name__}: give a path, an s3:// address, a data frame, an Arrow table, or an "
        "iterable of dicts or texts"
    )


def write_parquet(file: Path, stream: IO[bytes]) -> None:
    """Write a Parquet file as JSON Lines, some rows at a time. Times are spelt in ISO 8601, decimals as text.

    `PackageMissingError` without pyarrow, `InputFileError` if the file cannot be read, or holds what JSON hasn't.
    """
    with extra("arrow", "a Parquet file"):
        from pyarrow import ArrowException  # noqa: PLC0415 - an extra
        from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - likewise
    try:
        # Left to itself, it holds all that it has read of the file until the end.
        with ParquetFile(file, pre_buffer=False, buffer_size=_COLUMN_BYTES) as table:
            for batch in table.iter_batches(_BATCH_ROWS):
                for row in batch.to_pylist():
                    stream.write(f"{json.dumps(row, ensure_ascii=False, default=_spelled)}\n".encode())
    except (ArrowException, OSError) as error:
        raise InputFileError(f"cannot read {file} as a Parquet file ({error}): get or write it again") from error
    except (_UnspelledError, UnicodeEncodeError) as error:
        raise InputFileError(f"{file} holds {error}: write the file again without that column") from error


class _UnspelledError(Exception):
    """A value is none that JSON has, or text can spell. Do not retry."""


def _spelled(value: object) -> str:
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID | timedelta):
        return str(value)
    raise _UnspelledError(f"values of type {type(value).__name__}, which JSON doesn't have")


def _write_arrow(data: Any, stream: IO[bytes]) -> None:
    with extra("arrow", "an Arrow table"):
        import pyarrow as pa  # noqa: PLC0415 - an extra
        from pyarrow.csv import write_csv  # noqa: PLC0415 - likewise
    write_csv(pa.table(data), stream)


def _write_rows(rows: Iterable[Any], stream: IO[bytes]) -> None:
    several = iter(rows)
    first = next(several, None)
    if first is None:
        raise InputFileError("there are no rows to submit")
    text = TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    # Columns are those of the first row.
    names = list(first) if isinstance(first, Mapping) else [_TEXT]
    out = csv.writer(text, lineterminator="\n")
    out.writerow(names)
    for number, row in enumerate(chain([first], several)):
        out.writerow([row] if isinstance(row, str) and isinstance(first, str) else _cells(number, row, names, first))
    text.detach()


def _cells(number: int, row: object, names: list[Any], first: object) -> list[Any]:
    if not (isinstance(row, Mapping) and isinstance(first, Mapping)):
        kind = type(row).__name__
        raise InputFileError(f"row {number} is of type {kind}: give rows as dicts, or all of them as texts")
    if unknown := [name for name in row if name not in names]:
        raise InputFileError(
            f"row {number} has {unknown[0]!r}, which the first row hasn't: give all rows the same keys"
        )
    return [row.get(name) for name in names]
