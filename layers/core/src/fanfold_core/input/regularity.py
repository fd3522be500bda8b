"""Regularity: which records any reader of CSV takes for the same cells, and which ones a strict one would refuse.

`csv.reader` reads a quote inside a cell as any other character, and what follows a closing quote as part of the cell.
Others refuse that, or read something else; so such records are counted, and written anew in the results.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from fanfold_core.input.records import Dialect, Records


class Irregular(NamedTuple):
    """Records by their numbers: those with irregular quotes, those with `cells` other than one for each column.

    `surplus` have something in cells beyond the columns. `rewritten` are all that mustn't stand in the results as they
    do in the file: they, and those of which a reader has to know what is escaped or skipped.
    """

    quotes: list[int]
    cells: dict[int, int]
    surplus: list[int]
    rewritten: list[int]


def find_irregular(records: Records, width: int) -> Irregular:
    r"""The irregular ones among the records of a file of `width` columns.

    >>> from fanfold_core.input.records import Dialect, Records
    >>> find_irregular(Records(['1,"so"', '2,so "bad"', '3,well,'], Dialect()), 2)
    Irregular(quotes=[1], cells={2: 3}, surplus=[], rewritten=[1, 2])
    """
    dialect = records.dialect
    is_plain = _cells(dialect, width, initial="(?! )" if dialect.skip_initial_space else "").fullmatch
    suspects = [number for number, text in enumerate(records.texts) if not is_plain(text)]
    if dialect.escape:
        suspects = sorted({*suspects, *(n for n, text in enumerate(records.texts) if dialect.escape in text)})
    cells = {number: records[number] for number in suspects}
    quotes = [number for number, row in cells.items() if not is_regular(records.texts[number], dialect, len(row))]
    surplus = [number for number, row in cells.items() if any(row[width:])]
    return Irregular(quotes, {n: len(row) for n, row in cells.items() if len(row) != width}, surplus, suspects)


def is_regular(record: str, dialect: Dialect, cells: int) -> bool:
    """Whether quotes stand around whole cells only, and are doubled or escaped inside them."""
    pattern = _cells(dialect, max(cells, 1), initial=" *+" if dialect.skip_initial_space else "")
    return pattern.fullmatch(record) is not None


@lru_cache(maxsize=256)
def _cells(dialect: Dialect, count: int, initial: str) -> re.Pattern[str]:
    """What so many regular cells look like, which begin with `initial`.

    Nothing in it is tried twice, so it takes one look at each character.
    """
    d, q, e = map(re.escape, (dialect.delimiter, dialect.quote, dialect.escape))
    within = f"(?:[^{q}{e}]|{q}{q}{f'|{e}.' if e else ''})*+"
    without = f"(?:[^{q}{d}{e}\r\n]{f'|{e}.' if e else ''})*+"
    cell = f"{initial}(?>{q}{within}{q}|{without})"
    return re.compile(f"{cell}(?:{d}{cell}){{{count - 1}}}", re.DOTALL)
