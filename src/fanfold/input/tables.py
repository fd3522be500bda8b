"""Rows in memory, written as the CSV of a job: data frames, Arrow tables, dicts, texts."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from io import TextIOWrapper
from itertools import chain
from typing import IO, TYPE_CHECKING, Any

from fanfold.errors import InputFileError, extra

if TYPE_CHECKING:
    from collections.abc import Callable

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
_TEXT = "text"
# What values are called that stand for none: NaN of Python, NumPy and Decimal, and pandas' NaT and NA.
_MISSING = frozenset({"nan", "NaN", "NaT", "<NA>"})


def writer_of(data: object) -> Callable[[IO[bytes]], None]:
    r"""What writes these rows: a data frame of pandas or Polars or one of its columns, an Arrow table, dicts, or texts.

    `TypeError` if they are none of these.

    >>> from io import BytesIO
    >>> stream = BytesIO()
    >>> writer_of(["so good", "so bad"])(stream)
    >>> stream.getvalue()
    b'text\nso good\nso bad\n'
    """
    found: Any = data
    if hasattr(found, "to_frame") and not hasattr(found, "columns"):
        # A column (a series), whose missing texts are empty cells.
        return writer_of(found.to_frame(name=_TEXT))
    if hasattr(found, "to_csv") and hasattr(found, "columns"):
        if getattr(found.columns, "nlevels", 1) > 1:
            raise InputFileError("the data frame has several names for each column: give each of them one")
        return lambda stream: _write_frame(found, stream)
    if hasattr(found, "write_csv"):
        write: Callable[[IO[bytes]], None] = found.write_csv
        return write
    if hasattr(found, "__arrow_c_stream__"):
        return lambda stream: _write_arrow(found, stream)
    if hasattr(found, "read"):
        # Its lines would be taken for texts, the header among them.
        raise InputFileError("an open file cannot be submitted: give its path, or an iterable of its rows")
    if isinstance(data, Iterable) and not isinstance(data, bytes | bytearray | Mapping):
        return lambda stream: _write_rows(data, stream)
    raise TypeError(
        f"cannot submit {type(data).__name__}: give a path, an s3:// address, a data frame, an Arrow table, or an "
        "iterable of dicts or texts"
    )


def _write_frame(frame: Any, stream: IO[bytes]) -> None:
    try:
        frame.to_csv(stream, index=False, encoding="utf-8", lineterminator="\n")
    except UnicodeEncodeError as error:
        raise _half_a_character("the data frame", error) from error


def _half_a_character(where: str, error: UnicodeEncodeError) -> InputFileError:
    return InputFileError(
        f"{where} has {error.object[error.start]!r}, half of a character, which UTF-8 does not have: replace it, for "
        "example with text.encode(errors='replace').decode()"
    )


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
        cells = [row] if isinstance(row, str) and isinstance(first, str) else _cells(number, row, names, first)
        try:
            out.writerow(cells)
        except UnicodeEncodeError as error:
            raise _half_a_character(f"row {number}", error) from error
    text.detach()


def _cells(number: int, row: object, names: list[Any], first: object) -> list[Any]:
    if not (isinstance(row, Mapping) and isinstance(first, Mapping)):
        kind = type(row).__name__
        raise InputFileError(f"row {number} is of type {kind}: give rows as dicts, or all of them as texts")
    if unknown := [name for name in row if name not in names]:
        raise InputFileError(
            f"row {number} has {unknown[0]!r}, which the first row doesn't have: give all rows the same keys"
        )
    return [_cell(number, name, row.get(name)) for name in names]


def _cell(number: int, name: object, value: object) -> object:
    """A value as a cell; one that is missing is empty, as in a data frame."""
    if isinstance(value, bytes):
        raise InputFileError(f"row {number} has bytes in {name!r}: give a text, for example by decode()")
    return value if isinstance(value, str) or str(value) not in _MISSING else None
