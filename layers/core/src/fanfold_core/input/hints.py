"""Hints: what may be wrong with how a file is read, although it can be read so."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from fanfold_core.input.errors import counted
from fanfold_core.input.records import Records
from fanfold_core.input.regularity import is_regular

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fanfold_core.input.records import Dialect

# What files have between cells in place of a comma, and how an option spells it.
_LIKELY = {";": ";", "\t": "tab", "|": "|"}


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
