"""Records: what a CSV file holds, exactly as Python's `csv` module reads and writes it."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from io import StringIO
from typing import TYPE_CHECKING, Any, Protocol, overload

from fanfold_core.input.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# The most that fits a C long everywhere. How large a record may be is decided where the file is cut.
_LARGEST_CELL = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Dialect:
    r"""How records are written: one ASCII character between cells, one around cells that need it.

    With `skip_initial_space`, spaces at the beginning of a cell are no part of it, and a quote may follow them. What
    follows an `escape` character is taken as it is; a doubled quote inside quotes is one all the same.

    `OptionError` if one of them cannot be that.

    >>> Dialect(delimiter="\t")
    Dialect(delimiter='\t', quote='"', skip_initial_space=False, escape='')
    """

    delimiter: str = ","
    quote: str = '"'
    skip_initial_space: bool = False
    escape: str = ""

    def __post_init__(self) -> None:
        for option, character in (("delimiter", self.delimiter), ("quote", self.quote), ("escape", self.escape)):
            check_character(option, character)
        if self.delimiter == self.quote:
            raise OptionError("quote", self.quote, "different from the delimiter")
        if self.escape in (self.delimiter, self.quote):
            raise OptionError("escape", self.escape, "different from the delimiter and the quote")
        if self.skip_initial_space and " " in (self.delimiter, self.quote, self.escape):
            raise OptionError("skip-initial-space", "yes", "no if the delimiter, the quote or the escape is a space")

    @property
    def written(self) -> Dialect:
        """How results are written, so that no reader has to know of an escape character, or of spaces to skip."""
        return replace(self, escape="", skip_initial_space=False)


def check_character(option: str, character: str) -> None:
    """`OptionError` unless this option of a dialect may be this character; `escape` may be none."""
    if option == "escape" and not character:
        return
    if len(character) != 1 or not character.isascii() or character in "\r\n\0":
        raise OptionError(option, character, 'one ASCII character, or "tab", but not a line end or NUL')


class UnreadableRow(list[str]):
    """The cells of a row that cannot be read as it stands in the file, as far as they are known; and why it fails."""

    def __init__(self, cells: Iterable[str], reason: str) -> None:
        super().__init__(cells)
        self.reason = reason


class JsonRow(list[str]):
    """The cells of a row that is a JSON object, as they stand in a CSV; and its `values`, which have types."""

    def __init__(self, cells: Iterable[str], values: Mapping[str, Any]) -> None:
        super().__init__(cells)
        self.values = values


class RecordReader(Protocol):
    """Iterates over records. `line_num` is the number of lines read so far."""

    @property
    def line_num(self) -> int: ...  # noqa: D102

    def __iter__(self) -> Iterator[list[str]]: ...


def record_reader(lines: Iterable[str], dialect: Dialect) -> RecordReader:
    r"""Read records from lines, which keep their ends (`\n`, `\r\n` or `\r`) and have no others inside.

    >>> list(record_reader(['a,"b\n', 'c"\n'], Dialect()))
    [['a', 'b\nc']]
    """
    csv.field_size_limit(_LARGEST_CELL)
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        escapechar=dialect.escape or None,
        skipinitialspace=dialect.skip_initial_space,
    )


def read_records(text: str, dialect: Dialect) -> Iterator[list[str]]:
    r"""Yield the records of a text whose line ends are as they were in the file; a blank line is `[]`.

    A quote left open ends with the text.

    >>> list(read_records('a,"b,\r\nc"\r\n\r\nd', Dialect()))
    [['a', 'b,\r\nc'], [], ['d']]
    """
    return iter(record_reader(StringIO(text, newline=""), dialect))


@dataclass(frozen=True, slots=True)
class Records(Sequence[list[str]]):
    """Records as they stand in a CSV, without their line ends; their cells are read when they are asked for.

    Those of JSON Lines have their `objects`, too; an empty one for a line that isn't one.
    """

    texts: Sequence[str]
    dialect: Dialect
    objects: Sequence[Mapping[str, Any]] | None = None

    @classmethod
    def of(cls, text: str, rows: int, dialect: Dialect, *, blank_is_row: bool) -> Records:
        r"""The records of a text that holds so many rows, or else as many as there are.

        >>> records = Records.of('a,"b\r\nc"\r\n\r\nd', 2, Dialect(), blank_is_row=False)
        >>> records.texts, records[0]
        (['a,"b\r\nc"', 'd'], ['a', 'b\r\nc'])
        """
        lines = _lines(text)
        found = lines if blank_is_row else list(filter(None, lines))
        # Each record has a line that isn't blank, and one of several lines has two: its quotes open and close in them.
        # But where line ends are escaped, the other lines may be blank.
        if len(found) != rows or (dialect.escape and dialect.escape in text):
            found = list(_joined(StringIO(text, newline="").readlines(), dialect, blank_is_row=blank_is_row))
        return cls(found, dialect)

    @classmethod
    def whole(cls, text: str, dialect: Dialect) -> Records:
        """All records of a text but blank ones."""
        return cls(list(_joined(StringIO(text, newline="").readlines(), dialect, blank_is_row=False)), dialect)

    def only(self, indices: Iterable[int]) -> Records:
        """Some of them."""
        chosen = list(indices)
        objects = None if self.objects is None else [self.objects[index] for index in chosen]
        return Records([self.texts[index] for index in chosen], self.dialect, objects)

    def __len__(self) -> int:
        return len(self.texts)

    @overload
    def __getitem__(self, index: int) -> list[str]: ...
    @overload
    def __getitem__(self, index: slice) -> Records: ...
    def __getitem__(self, index: int | slice) -> list[str] | Records:
        if isinstance(index, slice):
            return Records(self.texts[index], self.dialect, None if self.objects is None else self.objects[index])
        return next(read_records(self.texts[index], self.dialect), [])


def _lines(text: str) -> list[str]:
    """The lines of a text; `str.splitlines` would end one at a form feed, too."""
    if "\r" not in text:
        lines = text.split("\n")
    elif text.count("\r\n") == text.count("\r") == text.count("\n"):
        lines = text.split("\r\n")
    else:
        return [line.rstrip("\r\n") for line in StringIO(text, newline="")]
    return lines if lines[-1] else lines[:-1]


def _joined(lines: list[str], dialect: Dialect, *, blank_is_row: bool) -> Iterator[str]:
    reader = record_reader(lines, dialect)
    begin = 0
    for cells in reader:
        if cells or blank_is_row:
            yield _without_line_end("".join(lines[begin : reader.line_num]), dialect.escape)
        begin = reader.line_num


def _without_line_end(record: str, escape: str) -> str:
    ended = record.removesuffix("\n").removesuffix("\r")
    escapes = len(ended) - len(ended.rstrip(escape)) if escape else 0
    # What comes after an escape belongs to the cell.
    return record[: len(ended) + escapes % 2]


def format_records(rows: Iterable[Iterable[str]], dialect: Dialect, *, guards: bool = False) -> str:
    r"""Records as text, each with its line end. `read_records` in the `written` dialect has every cell as it was.

    With `guards`, no spreadsheet takes a cell for a formula: an apostrophe stands before those that it would, and all
    cells are in quotes. Numbers stay numbers.

    >>> format_records([["a", "b,c", "d\re"]], Dialect())
    'a,"b,c","d\re"\r\n'
    >>> format_records([["@virginamerica thanks", "-0.5", "=1+1"]], Dialect(), guards=True)
    '"\'@virginamerica thanks","-0.5","\'=1+1"\r\n'
    """
    stream = StringIO(newline="")
    # Python 3.11 puts a cell with a line end in quotes only if that character is part of the line terminator.
    writer = csv.writer(
        stream,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        quoting=csv.QUOTE_ALL if guards else csv.QUOTE_MINIMAL,
        lineterminator="\r\n",
    )
    inner = _inner_formulas(dialect)
    writer.writerows([_guarded(cell, inner) for cell in row] for row in rows) if guards else writer.writerows(rows)
    return stream.getvalue()


# What OWASP names (https://owasp.org/www-community/attacks/CSV_Injection), and what spreadsheets or their users'
# input methods take for it: full-width, small, raised and lowered signs, and the minus sign.
_SIGNS = r"=+\-@＝＋－＠﹦﹢﹣﹫⁼⁺⁻₌₊₋−"  # noqa: RUF001 # that is the point
# What may stand before a sign unseen: spaces, and characters without width.
_UNSEEN = (
    r" \x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f"
    r"\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff"
)
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_FORMULA = re.compile(rf"(?!{_NUMBER}\Z)(?:[\0-\x1f]|[{_UNSEEN}][\0-\x1f{_UNSEEN}]*[{_SIGNS}]|[{_SIGNS}])", re.ASCII)


@lru_cache
def _inner_formulas(dialect: Dialect) -> re.Pattern[str]:
    """What begins a formula inside a cell for a spreadsheet that splits the line elsewhere than its writer did.

    Which character separates cells goes by the spreadsheet's locale, and quotes hold a cell together only where they
    follow that separator. Numbers, as in a vector that is JSON, are none.
    """
    honoured = dialect.delimiter if dialect.quote == '"' else ""
    separators = "".join({",", ";"} - {honoured})
    unseen = rf'[\0-\x08\x0b\x0c\x0e-\x1f{_UNSEEN}"]*'
    return re.compile(rf"[{separators}\t\r\n](?={unseen}[{_SIGNS}])(?! *{_NUMBER} *[],;}}])", re.ASCII)


def _guarded(cell: str, inner: re.Pattern[str]) -> str:
    return inner.sub(r"\g<0>'", f"'{cell}" if _FORMULA.match(cell) else cell)
