"""Departure: whether a job's labels are spread otherwise than those of the last job of the same file name.

A model that was changed, or a file that holds something else, shows here before anybody reads a row.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Less is not worth a word, and with fewer rows no share means much.
_LEAST_CHANGE, _LEAST_ROWS = 0.1, 50
# Three standard errors of a difference of two shares, which is largest where both are a half.
_ERRORS = 1.5


def describe_departure(now: Mapping[str, int], before: Mapping[str, int]) -> str:
    """The label whose share has changed most, in words; empty if chance may have done it.

    >>> describe_departure({"GOOD": 900, "BAD": 100}, {"GOOD": 500, "BAD": 500})
    'BAD: 50 % → 10 %'
    """
    rows, rows_before = sum(now.values()), sum(before.values())
    if min(rows, rows_before) < _LEAST_ROWS:
        return ""
    shares = {label: (before.get(label, 0) / rows_before, now.get(label, 0) / rows) for label in {*now, *before}}
    label = min(shares, key=lambda label: (-round(abs(shares[label][1] - shares[label][0]), 9), label))
    was, is_now = shares[label]
    if abs(is_now - was) < max(_LEAST_CHANGE, _ERRORS * sqrt(1 / rows + 1 / rows_before)):
        return ""
    return f"{label}: {was:.0%} → {is_now:.0%}".replace("%", " %")
