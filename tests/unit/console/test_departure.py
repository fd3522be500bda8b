"""A change of labels is told from chance."""

import pytest

from fanfold.console.departure import describe_departure

HALVES = {"GOOD": 500, "BAD": 500}


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [
        ({"GOOD": 1000}, HALVES, "BAD: 50 % → 0 %"),
        ({"POSITIVE": 800, "NEGATIVE": 200}, HALVES, "POSITIVE: 0 % → 80 %"),
        ({"GOOD": 545, "BAD": 455}, HALVES, ""),
        (HALVES, HALVES, ""),
        # As large a change, in few rows.
        ({"GOOD": 37, "BAD": 23}, HALVES, ""),
        ({"GOOD": 370, "BAD": 230}, HALVES, "BAD: 50 % → 38 %"),
        ({"GOOD": 49}, HALVES, ""),
        ({}, HALVES, ""),
        ({}, {}, ""),
    ],
)
def test_a_change_that_chance_does_not_make_is_said(now: dict[str, int], before: dict[str, int], words: str) -> None:
    assert describe_departure(now, before) == words
