"""Layout: which columns a file has, which of them is the input, and where its rows begin."""

from __future__ import annotations

import re
from codecs import BOM_UTF8, lookup
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from fanfold_core.input.columns import Asked, column_names, find_columns
from fanfold_core.input.encodings import replaced
from fanfold_core.input.errors import LayoutError, OpenQuoteError, RecordTooLargeError, counted
from fanfold_core.input.hints import check_is_one_column, find_hints
from fanfold_core.input.records import Dialect, Records, read_records
from fanfold_core.input.scanning import LINE_ENDS, Scanner
from fanfold_core.input.sniffing import check_is_csv
from fanfold_core.input.undecodable import Undecodable

if TYPE_CHECKING:
    from collections.abc import Sequence

# Records after the first one that say whether it is the header, and bytes that are looked at for hints.
_FOLLOWING = 20
_SAMPLE_BYTES = 64 * 1024
# What spreadsheets write before everything else.
_SEPARATOR = re.compile(rb"\"?sep=([^\r\n\0])\"?(?=[\r\n])", re.IGNORECASE)
_LINE_END = re.compile(rb"\r\n|\r|\n")
# The names of all columns stand in the job's ledger item, which is charged by its size and holds 400 KB at most.
MOST_NAMES_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Layout:
    """What is known of a file before its rows are read.

    `columns` are the header's cells as they are, or `column_1`, `column_2`, … without a header; in JSON Lines, which
    have no header, they are keys. Rows begin at `first_byte`, after the header or the byte order mark. `blank_is_row`:
    in a file of one column, a blank line is a row with an empty cell. Where an expression asks for several columns, the
    last of them is at `input_index`. The true labels are at `label_index`, None if the file has none.

    `bom`: the file begins with a byte order mark. `delimiter` is what its first line says, empty if that says nothing
    or the options say otherwise.

    `assumed` says in sentences what was taken for granted since nobody said it, `warnings` what may be wrong with that.
    """

    columns: tuple[str, ...]
    has_header: bool
    input_index: int
    first_byte: int
    blank_is_row: bool
    assumed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    delimiter: str = ""
    bom: bool = False
    label_index: int | None = None

    def dialect_of(self, given: Dialect) -> Dialect:
        """How the file's records are written, with this dialect in the options."""
        return replace(given, delimiter=self.delimiter) if self.delimiter else given

    def fit(self, cells: Sequence[str]) -> Sequence[str] | None:
        """The cells of a row, one for each column; None if they are too many, or the input is missing.

        Empty cells beyond the columns are none; cells that are missing after the input are empty.

        >>> layout = Layout(("text", "day"), has_header=True, input_index=0, first_byte=0, blank_is_row=False)
        >>> layout.fit(["so good"]), layout.fit(["so good", "1", ""]), layout.fit(["so good", "1", "2"])
        (['so good', ''], ['so good', '1'], None)
        """
        width = len(self.columns)
        if len(cells) >= width:
            # In a file of bare texts, a delimiter at their end is theirs.
            is_text = len(cells) > width == 1 and not self.has_header
            return None if is_text or any(cells[width:]) else cells[:width]
        return [*cells, *[""] * (width - len(cells))] if len(cells) > self.input_index else None


def detect_layout(  # noqa: PLR0913 (the head of the file, and what the job's options say of it)
    head: bytes,
    *,
    complete: bool,
    encoding: str,
    dialect: Dialect,
    header: str,
    input_column: str | None,
    asked: Asked | None = None,
    skip_rows: int = 0,
    encoding_errors: str = "row",
    announced: str = "",
    label_column: str | None = None,
) -> Layout:
    r"""Find the layout of a file from its first bytes (`complete` if they are all of it) and the job's options.

    `header` is auto, present or absent; `input_column` a name, of which case and surrounding white space don't matter,
    or a 0-based index (digits always are one), or None for the only column, or the one with a usual name. Columns that
    are `asked` for take the place of one input column. `label_column` gives that of the true labels,
    None if there is none. `skip_rows` lines come before the header, as
    does Excel's `sep=;`, which names the delimiter unless the dialect has another one than a comma. `announced` is the
    file's encoding if these bytes are a copy of its text.

    `InputColumnError` if nothing tells which of several columns is the input; `LayoutError` if the file isn't as the
    options say; `OpenQuoteError`, `RecordTooLargeError` or `UndecodableError`
    if its first record cannot be read.

    >>> from fanfold_core.input.records import Dialect
    >>> layout = detect_layout(
    ...     b"id,Text\r\n1,hello\r\n",
    ...     complete=True, encoding="utf-8", dialect=Dialect(), header="auto", input_column=None,
    ... )
    >>> layout.columns, layout.has_header, layout.input_index, layout.first_byte
    (('id', 'Text'), True, 1, 9)
    """
    check_is_csv(head)
    told = Undecodable(announced or encoding, encoding, encoding_errors)
    first_byte = len(BOM_UTF8) if head.startswith(BOM_UTF8) and lookup(encoding).name.startswith("utf-8") else 0
    first_byte, delimiter = _skip(head, first_byte, skip_rows, dialect, complete=complete)
    dialect = replace(dialect, delimiter=delimiter) if delimiter else dialect
    begin, end = _first_record(head, first_byte, complete=complete, dialect=dialect)
    first = head[begin:end].decode(encoding, "surrogateescape")
    cells = next(read_records(first, dialect))
    _check_fits(cells)
    sample = _sample(head, end, complete=complete, encoding=encoding, dialect=dialect)
    following = list(islice(filter(None, read_records(sample, dialect)), _FOLLOWING))
    try:
        found = find_columns(
            cells, following, header=header, input_column=input_column, asked=asked, label_column=label_column
        )
        if header == "auto" and not (asked and asked.names):
            check_is_one_column(first + sample, cells, following, dialect)
    except LayoutError:
        told.check_header(first, begin)  # it may be the reason
        raise
    if found.has_header:
        told.check_header(first, begin)
    rows = sample if found.has_header else first + sample
    hints = find_hints(first + sample, dialect)
    return Layout(
        columns=tuple(map(replaced, column_names(cells, has_header=found.has_header))),
        has_header=found.has_header,
        input_index=found.input_index,
        first_byte=end if found.has_header else first_byte,
        blank_is_row=len(cells) == 1,
        assumed=(*_said_by_file(delimiter), *found.assumed),
        warnings=(*hints, *told.hints(Records.whole(rows, dialect))),
        delimiter=delimiter,
        label_index=found.label_index,
    )


def _check_fits(cells: Sequence[str]) -> None:
    if sum(len(name.encode(errors="replace")) for name in cells) > MOST_NAMES_BYTES:
        raise LayoutError(
            f"the first line has {counted(len(cells), 'column')}, and their names exceed the limit of "
            f"{MOST_NAMES_BYTES:,} bytes; if the file has another delimiter, set it with the option `delimiter`"
        )


def _skip(head: bytes, start: int, lines: int, dialect: Dialect, *, complete: bool) -> tuple[int, str]:
    """The byte after the lines that are to be skipped, and the delimiter that the first line names, or nothing."""
    named = _SEPARATOR.match(head, start)
    separator = named.group(1).decode("latin-1") if named else ""
    if not separator.isascii() or separator == dialect.quote:
        separator = ""
    lines = max(lines, bool(separator))
    ends = [end.end() for end in islice(_LINE_END.finditer(head, start), lines)]
    if len(ends) < lines:
        where = "the file" if complete else f"the first {counted(len(head), 'byte')} of the file"
        raise LayoutError(f"there are not so many lines in {where} as the option `skip-rows` says: {lines:,}")
    is_named = separator and dialect.delimiter == Dialect().delimiter
    return ends[-1] if ends else start, separator if is_named else ""


def _said_by_file(delimiter: str) -> tuple[str, ...]:
    return (f"Cells are delimited by {delimiter!r}, as the file's first line says.",) if delimiter else ()


def _first_record(head: bytes, start: int, *, complete: bool, dialect: Dialect) -> tuple[int, int]:
    """The bytes of the file where the first record that isn't blank begins, and after it."""
    begin = len(head) - len(head[start:].lstrip(LINE_ENDS))
    if begin == len(head):
        found = "is empty" if begin == start else "has only blank lines"
        raise LayoutError(
            f"the file {found if complete else 'begins with too many blank lines'}: upload a file with rows"
        )
    window = head[begin:] if complete else head[begin:].removesuffix(b"\r")
    run = Scanner(dialect, blank_is_row=False).whole_records(window, 1, is_last=complete)
    if not run.rows:
        raise OpenQuoteError(0) if complete else RecordTooLargeError(0, len(head))
    return begin, begin + run.end


def _sample(head: bytes, start: int, *, complete: bool, encoding: str, dialect: Dialect) -> str:
    """Some records after the first one, none of which the end of the head cuts in two."""
    window = head[start : start + _SAMPLE_BYTES]
    ends = complete and start + len(window) == len(head)
    window = window if ends else window.removesuffix(b"\r")
    run = Scanner(dialect, blank_is_row=False).whole_records(window, len(window), is_last=ends)
    return window[: run.end].decode(encoding, "surrogateescape")
