"""Hints: what looks wrong with how a file is read, but may be right."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# What files have between cells in place of a comma.
_LIKELY = (";", "\t", "|")


def overlooked_delimiter(first_record: Sequence[str]) -> str | None:
    """What perhaps stands between the cells of a file that was read as one column, by its first record.

    >>> overlooked_delimiter(["id;text"]), overlooked_delimiter(["so good, so far; really"])
    (';', None)
    """
    if len(first_record) != 1:
        return None
    (line,) = first_record
    likely = max(_LIKELY, key=line.count)
    return likely if line.count(likely) > line.count(",") else None
