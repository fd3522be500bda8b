"""JSON Lines: a line is a row, and holds a JSON object, whose keys are the columns.

A line ends with a line feed, which no JSON string has in it; a carriage return before it is white space, as elsewhere
between values. A line of nothing but white space is no row.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8, lookup
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fanfold_core.input.columns import Columns, find_columns
from fanfold_core.input.encodings import replaced
from fanfold_core.input.errors import LayoutError, RecordTooLargeError, counted, shown
from fanfold_core.input.json.text import cell_of, read_lenient_json, write_json
from fanfold_core.input.layout import MOST_NAMES_BYTES, Layout
from fanfold_core.input.records import Dialect, JsonRow, Records, UnreadableRow, format_records
from fanfold_core.input.scanning import Run
from fanfold_core.input.sniffing import check_is_text
from fanfold_core.input.undecodable import Undecodable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fanfold_core.input.reading import ReadOptions

# What JSON takes for white space; `str.strip` takes more.
_SPACE = " \t\r"


class LineScanner:
    r"""Finds the lines that aren't blank.

    >>> LineScanner().whole_records(b'{"a": 1}\n\n{"a": 2}\n{', 10, is_last=False)
    Run(rows=2, end=19)
    """

    blank = f"{_SPACE}\n".encode()

    def whole_records(self, window: bytes | memoryview, most: int, *, is_last: bool) -> Run:
        """Count them, the last one without a line end if the file ends with this window."""
        *lines, rest = bytes(window).split(b"\n")
        rows = end = at = 0
        for line in [*lines, rest] if is_last else lines:
            if rows == most:
                break
            at += len(line) + 1
            if line.strip(self.blank):
                rows, end = rows + 1, at
        return Run(rows, min(end, len(window)))


@dataclass(frozen=True, slots=True)
class JsonLinesReader:
    """Reads JSON Lines with these options, in bytes of an encoding that may be that of a copy."""

    options: ReadOptions
    encoding: str

    def layout(self, head: bytes, *, complete: bool) -> Layout:
        """The columns are the keys of the first rows, in the order in which they come."""
        check_is_text(head, "JSON Lines")
        first_byte = len(BOM_UTF8) if head.startswith(BOM_UTF8) and lookup(self.encoding).name == "utf-8" else 0
        run = LineScanner().whole_records(head[first_byte:], len(head), is_last=complete)
        if not run.rows:
            if complete or not head.strip(LineScanner.blank):
                raise LayoutError("the file is empty, or begins with too many blank lines: upload a file with rows")
            raise RecordTooLargeError(0, len(head))
        lines = list(_lines(head[first_byte : first_byte + run.end].decode(self.encoding, "surrogateescape")))
        hints = self._undecodable.hints(Records(lines, Dialect()))
        first = [row for line in lines if isinstance(row := _read(replaced(line)), dict)]
        if len(first) * 2 < len(lines):
            read, objects = counted(len(lines), "line"), counted(len(first), "JSON object")
            raise LayoutError(_NO_OBJECTS.format(objects=objects, lines=read))
        columns, left_out = _columns(first)
        found = self._find_input(first, columns)
        return Layout(
            columns=columns,
            has_header=False,
            input_index=found.input_index,
            label_index=found.label_index,
            first_byte=first_byte,
            blank_is_row=False,
            assumed=(f"The columns are the keys of the first {counted(len(first), 'row')}.", *found.assumed),
            warnings=(*hints, *([_LEFT_OUT.format(keys=left_out)] if left_out else [])),
        )

    def _find_input(self, first: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Columns:
        asked, label_column = self.options.columns, self.options.label_column or None
        if asked is None:
            given = self.options.input_column or None
            return find_columns(
                columns, [], header="present", input_column=given, asked=None, label_column=label_column
            )
        if unknown := sorted(asked.names - set(_keys(first))):
            raise LayoutError(
                f"no key of the first {counted(len(first), 'row')} is {shown(unknown[:1])}, which the option "
                f"`{asked.option}` uses: the columns are {shown(columns)}; correct the option"
            )
        # Its keys may be within values: of the columns, none is asked for.
        return find_columns(
            columns,
            [],
            header="present",
            input_column=None,
            asked=asked._replace(names=frozenset()),
            label_column=label_column,
        )

    def scanner(self, layout: Layout) -> LineScanner:  # noqa: ARG002, D102 - lines are lines
        return LineScanner()

    def rows(self, content: bytes, layout: Layout, first_row: int, start: int) -> Iterator[list[str]]:
        """Each a `JsonRow`; an `UnreadableRow` if its line isn't one JSON object."""
        if self.options.encoding_errors == "replace":
            return self._rows(content.decode(self.encoding, "replace"), layout)
        try:
            return self._rows(content.decode(self.encoding), layout)
        except UnicodeDecodeError:
            return self._told(content.decode(self.encoding, "surrogateescape"), layout, first_row, start)

    def records(self, content: bytes, rows: int, layout: Layout) -> Records:
        """Keys that are no columns stand in a cell beyond these, as does a line that isn't an object."""
        del rows  # lines are counted as they are read
        dialect = self.options.dialect.written
        read = list(self._rows(content.decode(self.encoding, "replace"), layout))
        columns = frozenset(layout.columns)
        cells = ([*row, *_surplus(row, columns)] for row in read)
        texts = [format_records([row], dialect).removesuffix("\r\n") for row in cells]
        return Records(texts, dialect, [row.values if isinstance(row, JsonRow) else {} for row in read])

    def cell_bytes(self, content: bytes, layout: Layout) -> int:  # noqa: D102
        read = self._rows(content.decode(self.encoding, "replace"), layout)
        return sum(len(cell.encode()) for row in read for cell in row[: len(layout.columns)])

    @property
    def _undecodable(self) -> Undecodable:
        return Undecodable(self.options.encoding, self.encoding, self.options.encoding_errors)

    def _rows(self, text: str, layout: Layout) -> Iterator[list[str]]:
        return (_row(line, layout.columns) for line in _lines(text))

    def _told(self, text: str, layout: Layout, row: int, start: int) -> Iterator[list[str]]:
        for line in text.split("\n"):
            if line.strip(_SPACE):
                yield self._undecodable.told(_row(replaced(line), layout.columns), line, row, start)
                row += 1
            start += self._undecodable.size(line) + 1


_NO_OBJECTS = (
    "{objects} in the first {lines}: write one object per line, not a list of them, nor one "
    "object over several lines (`jq -c '.[]'` makes lines of a list); a CSV's name must end in .csv"
)
_LEFT_OUT = (
    "The first rows have so many keys that {keys:,} of them are no columns. The model's input expression may use them."
)


def _lines(text: str) -> Iterator[str]:
    return (line for line in text.split("\n") if line.strip(_SPACE))


def _read(line: str) -> dict[str, Any] | str:
    """The object, or why it is none. A number that JSON doesn't have, such as NaN, is null."""
    try:
        value = read_lenient_json(line)
    except json.JSONDecodeError as error:
        return f"row is not a JSON object: {error.msg.removesuffix(' starting at')} at character {error.pos}"
    except ValueError as error:
        return f"row cannot be read as JSON: {error}"
    return value if isinstance(value, dict) else "row is JSON, but not an object"


def _row(line: str, columns: Sequence[str]) -> list[str]:
    found = _read(line)
    if isinstance(found, str):
        return UnreadableRow([*[""] * len(columns), line.strip(_SPACE)], found)
    return JsonRow([cell_of(found.get(name)) for name in columns], found)


def _surplus(row: Sequence[str], columns: frozenset[str]) -> list[str]:
    if not isinstance(row, JsonRow) or row.values.keys() <= columns:
        return []
    return [write_json({name: value for name, value in row.values.items() if name not in columns})]


def _columns(rows: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, ...], int]:
    """The keys of rows, but no more than fit, and how many don't."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    size, fitting = 0, 0
    for key in keys:
        size += len(key.encode())
        if size > MOST_NAMES_BYTES:
            break
        fitting += 1
    return tuple(keys[:fitting]), len(keys) - fitting


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        value = value.values()
    elif not isinstance(value, list):
        return
    for inner in value:
        yield from _keys(inner)
