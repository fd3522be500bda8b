"""Formulas: cells that a spreadsheet would compute instead of showing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# What OWASP names: https://owasp.org/www-community/attacks/CSV_Injection
_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r")


def guarded(records: Iterable[Sequence[str]]) -> Iterator[list[str]]:
    """The records with an apostrophe before each cell that a spreadsheet would take for a formula. Numbers are none.

    >>> list(guarded([["@virginamerica thanks", "-0.5", "=1+1"]]))
    [["'@virginamerica thanks", '-0.5', "'=1+1"]]
    """
    for record in records:
        yield [f"'{cell}" if cell.startswith(_BEGINNINGS) and not _is_number(cell) else cell for cell in record]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
