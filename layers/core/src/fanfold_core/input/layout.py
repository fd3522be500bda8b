"""Layout: which columns a file has, which of them is the input, and where its rows begin."""

from __future__ import annotations

from codecs import BOM_UTF8, lookup
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fanfold_core.input.errors import LayoutError, OpenQuoteError, OptionError, RecordTooLargeError, UndecodableError
from fanfold_core.input.records import Dialect, read_records
from fanfold_core.input.scanning import LINE_ENDS, Scanner
from fanfold_core.input.sniffing import UTF_16, what_it_is

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fanfold_core.input.cutting import Cut

# Names of the input column when none is given, the likeliest first.
_DEFAULT_NAMES = ("inputs", "text", "input")
# Every byte, and what switches to other characters in the encodings of the ISO 2022 family and in Python's escapes.
_EVERY_BYTE = bytes(range(256)) + rb"\x22\u0022" + b'\x1b$B""\x1b(B\x1b$)C\x0e""\x0f'
# The names of all columns stand in the job's ledger item, which is charged by its size and holds 400 KB at most.
_MOST_NAMES_BYTES = 64 * 1024
# Columns in an error's words, and characters of each.
_MOST_SHOWN = 20
_MOST_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Layout:
    """What is known of a file before its rows are read.

    `columns` are the header's cells as they are, or `column_1`, `column_2`, … without a header. Rows begin at
    `first_byte`, after the header or the byte order mark. `blank_is_row`: in a file of one column, a blank line is a
    row with an empty cell.
    """

    columns: tuple[str, ...]
    has_header: bool
    input_index: int
    first_byte: int
    blank_is_row: bool


def detect_layout(  # noqa: PLR0913 (the head of the file, and what the job's options say of it)
    head: bytes,
    *,
    complete: bool,
    encoding: str,
    dialect: Dialect,
    header: str,
    input_column: str | None,
    names: frozenset[str] | None = None,
) -> Layout:
    r"""Find the layout of a file from its first bytes (`complete` if they are all of it) and the job's options.

    `header` is auto, present or absent; `input_column` a name, of which case and surrounding white space don't matter,
    or a 0-based index (digits always are one), or None for the defaults `inputs`, `text` and `input`. `names` are the
    columns that an expression asks for in place of one input column.

    `LayoutError` if the file isn't as the options say; `OpenQuoteError`, `RecordTooLargeError` or `UndecodableError`
    if its first record cannot be read.

    >>> detect_layout(
    ...     b"id,Text\r\n1,hello\r\n",
    ...     complete=True, encoding="utf-8", dialect=Dialect(), header="auto", input_column=None,
    ... )
    Layout(columns=('id', 'Text'), has_header=True, input_index=1, first_byte=9, blank_is_row=False)
    """
    _check_is_text(head)
    first_byte = len(BOM_UTF8) if head.startswith(BOM_UTF8) and lookup(encoding).name.startswith("utf-8") else 0
    cells, end = _first_record(head, first_byte, complete=complete, encoding=encoding, dialect=dialect)
    has_header = header == "present" or (header == "auto" and _names_input(cells, input_column, names))
    columns = tuple(cells) if has_header else tuple(f"column_{number}" for number in range(1, len(cells) + 1))
    _check_fits(columns)
    _check_names(columns, names or frozenset())
    return Layout(
        columns=columns,
        has_header=has_header,
        input_index=_input_index(cells, input_column, has_header=has_header) if names is None else 0,
        first_byte=end if has_header else first_byte,
        blank_is_row=len(cells) == 1,
    )


def is_byte_cuttable(encoding: str) -> bool:
    """Whether files in this encoding can be cut as bytes; others have to become UTF-8 first.

    True for UTF-8 and for encodings that have one byte per character and ASCII as their first half. `OptionError` if
    Python knows no such text encoding.

    >>> is_byte_cuttable("cp1252"), is_byte_cuttable("utf-16")
    (True, False)
    """
    try:
        if lookup(encoding).name in {"utf-8", "utf-8-sig"}:
            return True
        text = _EVERY_BYTE.decode(encoding, "replace")
    except UnicodeError:
        return False
    except (LookupError, ValueError) as error:
        raise OptionError("encoding", encoding, "a text encoding that Python knows, such as utf-8 or cp1252") from error
    return len(text) == len(_EVERY_BYTE) and _ascii_of(text) == _ascii_of(_EVERY_BYTE.decode("latin-1"))


def check_decodes(piece: Cut, encoding: str, dialect: Dialect) -> None:
    """Check that the bytes of a cut are text in the file's encoding; `UndecodableError` names the row that isn't."""
    if piece.data.isascii():
        return
    try:
        piece.data.decode(encoding)
    except UnicodeDecodeError as error:
        # If counting blank lines gives as many rows as there are, either they count or there are none.
        counts_blank = Scanner(dialect, blank_is_row=True).whole_records(piece.data, piece.rows + 1, is_last=True)
        scanner = Scanner(dialect, blank_is_row=counts_blank.rows == piece.rows)
        rows = scanner.whole_records(piece.data[: error.start], piece.rows, is_last=False).rows
        raise UndecodableError.in_row(piece.first_row + rows, piece.start + error.start, encoding) from error


def _ascii_of(text: str) -> str:
    return "".join(filter(str.isascii, text))


def _check_is_text(head: bytes) -> None:
    kind = what_it_is(head)
    if kind == UTF_16:
        raise LayoutError(
            f"the file looks like {kind}: set its encoding with the option `encoding` (for example utf-16), "
            "or upload it as UTF-8"
        )
    if kind:
        raise LayoutError(f"the file is not a CSV, it looks like {kind}: export it as CSV, and upload that")


def _check_fits(columns: Sequence[str]) -> None:
    if sum(len(name.encode()) for name in columns) > _MOST_NAMES_BYTES:
        raise LayoutError(
            f"the first line has {len(columns):,} columns, and their names exceed the limit of {_MOST_NAMES_BYTES:,} "
            "bytes; if the file has another delimiter, set it with the option `delimiter`"
        )


def _first_record(head: bytes, start: int, *, complete: bool, encoding: str, dialect: Dialect) -> tuple[list[str], int]:
    """The cells of the first record that isn't blank, and the byte of the file after it."""
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
    try:
        text = window[: run.end].decode(encoding)
    except UnicodeDecodeError as error:
        raise UndecodableError.in_header(begin + error.start, encoding) from error
    return next(read_records(text, dialect)), begin + run.end


def _check_names(columns: Sequence[str], names: frozenset[str]) -> None:
    for name in sorted(names):
        if columns.count(name) != 1:
            count = f"{columns.count(name)} columns are" if name in columns else "no column is"
            raise LayoutError(
                f"{count} named {name!r}, which the option `input-expression` uses: the columns are "
                f"{_shown(columns)}; correct the expression, or the file's first line"
            )


def _names_input(cells: Sequence[str], input_column: str | None, names: frozenset[str] | None) -> bool:
    if names:
        return not names.isdisjoint(cells)
    if input_column is None or input_column.isdecimal():
        return any(_plain(cell) in _DEFAULT_NAMES for cell in cells)
    if _plain(input_column) in map(_plain, cells):
        return True
    raise LayoutError(
        f"no column is named {input_column!r}: the first line is {_shown(cells)}; set the option `input-column` to one "
        "of these names, or to the column's index, counted from 0"
    )


def _input_index(cells: Sequence[str], input_column: str | None, *, has_header: bool) -> int:
    if input_column is not None and input_column.isdecimal():
        if int(input_column) < len(cells):
            return int(input_column)
        raise LayoutError(
            f"there is no column {input_column}: the file has {len(cells)} columns, counted from 0; the first line is "
            f"{_shown(cells)}"
        )
    if not has_header:
        if input_column is None:
            return 0
        raise LayoutError(
            f"the input column is {input_column!r}, a name, but the file has no names with header=absent: set the "
            "option `input-column` to an index, counted from 0, or set header=present"
        )
    names = [_plain(cell) for cell in cells]
    wanted = _DEFAULT_NAMES if input_column is None else (_plain(input_column),)
    found = next((name for name in wanted if name in names), None)
    if found is None and len(names) == 1:
        return 0
    if found is None:
        raise LayoutError(
            f"no column is named {' or '.join(wanted)}: the header is {_shown(cells)}; set the option "
            "`input-column` to one of these names, or to an index, counted from 0"
        )
    if names.count(found) > 1:
        raise LayoutError(
            f"{names.count(found)} columns are named {found}: set the option `input-column` to the index of the right "
            "one, counted from 0"
        )
    return names.index(found)


def _plain(name: str) -> str:
    return name.strip().casefold()


def _shown(cells: Sequence[str]) -> str:
    some = [cell if len(cell) <= _MOST_CHARACTERS else cell[:_MOST_CHARACTERS] + "…" for cell in cells[:_MOST_SHOWN]]
    more = f" and {len(cells) - _MOST_SHOWN} more" if len(cells) > _MOST_SHOWN else ""
    return ", ".join(map(repr, some)) + more
