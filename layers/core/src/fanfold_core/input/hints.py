"""Hints: what may be wrong with how a file is read, although it can be read so."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from fanfold_core.input.errors import LayoutError, counted
from fanfold_core.input.records import Records
from fanfold_core.input.regularity import is_regular

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fanfold_core.input.records import Dialect

# What files have between cells in place of a comma, and how an option spells it.
_LIKELY = {";": ";", "\t": "tab", "|": "|"}
# Records that tell by their cells whether they are a table: the first ones; fewer of them if they have more columns.
_OF_A_TABLE = 21
_LEAST_OF_TWO_COLUMNS, _LEAST_OF_MORE = 3, 2


def find_hints(text: str, dialect: Dialect) -> Iterator[str]:
    """What may be wrong, a sentence each, by a text that begins with the first record.

    >>> from fanfold_core.input.records import Dialect
    >>> list(find_hints("id;text", Dialect()))
    ["The first line is one cell and has ';' in it: if cells end there, set the option `delimiter` to ;."]
    """
    records = Records.whole(text, dialect)
    first, *following = records
    usual, others = _usual_width(following), list(_other_dialects(text, records))
    if likely := overlooked_delimiter(first, list(filter(None, following))):
        yield (
            f"The first line is one cell and has {likely!r} in it: if cells end there, set the option `delimiter` to "
            f"{spelt(likely)}."
        )
    elif len(_trimmed(first)) < usual and not others:
        yield (
            f"The first line has {counted(len(first), 'cell')} and most of the following ones "
            f"have {usual}: if it stands before the header, set the option `skip-rows` to the number of lines that do."
        )
    yield from others


def overlooked_delimiter(first: Sequence[str], following: Sequence[Sequence[str]] = ()) -> str | None:
    """What perhaps stands between the cells of a file that was read as one column, by its first record.

    Texts have commas, too: these are likely if those that follow have as many.

    >>> overlooked_delimiter(["id;text"]), overlooked_delimiter(["so good, so far; really"])
    (';', None)
    >>> overlooked_delimiter(["id,text"], [["1,good"], ["2,bad"]]), overlooked_delimiter(["good, really"], [["bad"]])
    (',', None)
    """
    if len(first) != 1:
        return None
    (line,) = first
    likely, commas = max(_LIKELY, key=line.count), line.count(",")
    if line.count(likely) > commas:
        return likely
    are_alike = len(following) > 1 and all(len(cells) == 1 and cells[0].count(",") == commas for cells in following)
    return "," if commas and are_alike else None


def check_is_one_column(text: str, first: Sequence[str], following: Sequence[Sequence[str]], dialect: Dialect) -> None:
    """See that a text that begins with the first record is no table of several columns with another delimiter.

    Between words, as a hint says, any of them may stand by chance. But texts have spaces beside it, as in "so good; and
    cheap", or it ends them, or some have more of it than others. So it is a table if the first ones all have as many
    cells, and none in the first of them is empty or has a space at an end. Two lines with one delimiter each are few:
    there have to be three, as it takes three to tell that a comma stands between cells.

    `LayoutError` if it is one.

    >>> from fanfold_core.input.records import Dialect
    >>> check_is_one_column("so good; and cheap", ["so good; and cheap"], [], Dialect())
    """
    delimiter = overlooked_delimiter(first, following)
    if delimiter is None or delimiter in {dialect.quote, dialect.escape}:
        return
    records = list(islice(Records.whole(text, replace(dialect, delimiter=delimiter)), _OF_A_TABLE))
    names = _trimmed(records[0])
    least = _LEAST_OF_TWO_COLUMNS if len(names) <= _LEAST_OF_MORE else _LEAST_OF_MORE
    are_names = len(names) > 1 and all(name and name == name.strip() for name in names)
    if are_names and len(records) >= least and len({len(cells) for cells in records}) == 1:
        raise several_columns(
            f"the first {counted(len(records), 'line')} seem to have {counted(len(names), 'cell')} each", delimiter
        )


def several_columns(seem: str, delimiter: str) -> LayoutError:
    """What is said of a file that was read as one column."""
    return LayoutError(
        f"the first line is one cell, but {seem}: set the option `delimiter` to {spelt(delimiter)}, or, if the file "
        "has one column, `header` to present or absent"
    )


def spelt(delimiter: str) -> str:
    """The delimiter as an option spells it."""
    return _LIKELY.get(delimiter, delimiter)


def _other_dialects(text: str, records: Records) -> Iterator[str]:
    dialect = records.dialect
    misfits = _misfits(records)
    if not misfits:
        return
    escapes = f"\\{dialect.quote}"
    if (
        escapes in text
        and not dialect.escape
        and _misfits(Records.whole(text, replace(dialect, escape="\\"))) < misfits
    ):
        yield (
            f"Quotes inside cells seem to be written as {escapes}, which ends cells too early: set the option `escape` "
            "to \\ to read them as part of the text."
        )
    if f"{dialect.delimiter} {dialect.quote}" not in text or dialect.skip_initial_space or dialect.delimiter == " ":
        return
    if _misfits(Records.whole(text, replace(dialect, skip_initial_space=True))) < misfits:
        yield (
            "Spaces stand between delimiters and quotes, which then are part of the text: set the option "
            "`skip-initial-space` to yes to read them as quotes."
        )


def _trimmed(cells: Sequence[str]) -> Sequence[str]:
    """The cells without empty ones at their end, which spreadsheets leave there."""
    return cells[: max((number for number, cell in enumerate(cells, 1) if cell), default=0)]


def _usual_width(following: Sequence[Sequence[str]]) -> int:
    """How many cells most of the records have, 0 if there is no such number."""
    widths = Counter(len(_trimmed(cells)) for cells in following)
    ((width, count),) = widths.most_common(1) or [(0, 0)]
    return width if count * 2 > len(following) else 0


def _misfits(records: Records) -> int:
    """Records that have irregular quotes, or another number of cells than the first."""
    width = len(records[0])
    return sum(
        not (len(_trimmed(cells)) <= width <= len(cells) and is_regular(text, records.dialect, len(cells)))
        for text, cells in zip(records.texts, records, strict=True)
    )
