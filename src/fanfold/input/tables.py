"""Rows in memory, written as the CSV of a job: data frames, Arrow tables, dicts, texts."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from io import TextIOWrapper
from itertools import chain
from math import isfinite
from typing import IO, TYPE_CHECKING, Any

from fanfold.errors import InputFileError, extra
from fanfold_core.input.json.text import cell_of

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
# Types that Polars doesn't write to a CSV, beside nested ones.
_NO_CSV_OF_POLARS = frozenset({"Binary", "Duration", "Object"})
# What has values in it.
_NESTED = (Mapping, list, tuple, set, frozenset)


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
    if hasattr(found, "to_csv") and hasattr(found, "iloc"):
        if getattr(found.columns, "nlevels", 1) > 1:
            raise InputFileError("the data frame has several names for each column: give each of them one")
        return lambda stream: _write_frame(found, stream)
    if hasattr(found, "write_csv") and hasattr(found, "get_columns"):
        return lambda stream: _write_polars(found, stream)
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
    # By their places, since columns may share a name.
    odd = [place for place, kind in enumerate(frame.dtypes) if kind.kind == "O" and kind.type is not str]
    written = frame.copy(deep=False) if odd else frame
    try:
        for place in odd:
            values = frame.iloc[:, place].to_numpy(dtype=object, copy=True)
            values[:] = _cells_of_column(frame.columns[place], values)
            written.isetitem(place, values)
        written.to_csv(stream, index=False, encoding="utf-8", lineterminator="\n")
    except UnicodeEncodeError as error:
        raise _half_a_character("the data frame", error) from error


def _write_polars(frame: Any, stream: IO[bytes]) -> None:
    for column in frame.get_columns():
        if column.dtype.is_nested() or type(column.dtype).__name__ in _NO_CSV_OF_POLARS:
            cells = [None if cell is None else str(cell) for cell in _cells_of_column(column.name, column.to_list())]
            frame = frame.with_columns(type(column)(column.name, cells, dtype=str))
    frame.write_csv(stream)


def _half_a_character(where: str, error: UnicodeEncodeError) -> InputFileError:
    return InputFileError(
        f"{where} has {error.object[error.start]!r}, half of a character, which UTF-8 does not have: replace it, for "
        "example with text.encode(errors='replace').decode()"
    )


def _write_arrow(data: Any, stream: IO[bytes]) -> None:
    with extra("arrow", "an Arrow table"):
        import pyarrow as pa  # noqa: PLC0415 - an extra
        from pyarrow.csv import write_csv  # noqa: PLC0415 - likewise
    table = pa.table(data)
    for place, column in enumerate(table.schema):
        if pa.types.is_nested(column.type):
            cells = _cells_of_column(column.name, table.column(place).to_pylist(maps_as_pydicts="lossy"))
            table = table.set_column(place, column.name, pa.array(cells, pa.large_string()))
    try:
        write_csv(table, stream)
    except pa.ArrowException as error:
        raise InputFileError(
            f"the Arrow table cannot be written as a CSV ({error}): make its columns texts, or write a Parquet file"
        ) from error


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
    """A value as a cell; one that is missing is empty, as in a data frame, and one that has others in it is JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        raise InputFileError(f"row {number} has bytes in {name!r}: give a text, for example by decode()")
    if isinstance(value, _NESTED) or getattr(value, "ndim", None):
        return cell_of(_as_json(number, name, value))
    return value if str(value) not in _MISSING else None


def _cells_of_column(name: object, values: Iterable[object]) -> list[object]:
    return [_cell(number, name, value) for number, value in enumerate(values)]


def _as_json(number: int, name: object, value: Any) -> Any:
    """A value within a cell, as JSON has it; what JSON doesn't have is the text that it would be in a cell."""
    # An array or number of NumPy, or an array of Arrow.
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, Mapping):
        return {str(key): _as_json(number, name, one) for key, one in value.items()}
    if isinstance(value, _NESTED):
        # A set is in no order of its own.
        values = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [_as_json(number, name, one) for one in values]
    cell = _cell(number, name, value)
    if isinstance(cell, float):
        return cell if isfinite(cell) else None
    return cell if isinstance(cell, str | int | None) else str(cell)
