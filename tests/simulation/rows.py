"""Rows of results.csv, counted: those that it lacks, and those that it has more than once."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from fanfold_core.domain.job import State


class Misplaced(NamedTuple):
    """How many rows are lost, and how many are there twice."""

    lost: int
    twice: int


def count(results: bytes | None, rows: Sequence[Sequence[str]], state: State | None) -> Misplaced:
    """Count the rows by the number in their first cell. Who ends a job early has the rows that were read by then."""
    lines = csv.reader(io.StringIO((results or b"").decode(), newline=""))
    next(lines, None)  # the header
    times = Counter(line[0] for line in lines)
    is_whole = state in {State.SUCCEEDED, State.COMPLETED_WITH_ERRORS}
    expected = rows if is_whole else rows[: max(map(int, times), default=-1) + 1]
    return Misplaced(sum(not times[row[0]] for row in expected), sum(number > 1 for number in times.values()))
