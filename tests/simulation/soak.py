"""Random schedules: every seed is a run."""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from tests.simulation.promises import BrokenPromiseError
from tests.simulation.simulation import simulation

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


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a seed: requests that the endpoint took, rows not where they belong, broken promises in words."""

    seed: int
    requests: int
    misplaced: Misplaced
    words: str


def run(aws: str, seed: int, certain: Mapping[str, Any] = MappingProxyType({})) -> Outcome:
    """Make the run that a seed stands for on this cloud, with these faults whatever the seed says."""
    world, words = simulation(aws).chance(seed, certain), ""
    try:
        world.play()
    except BrokenPromiseError as broken:
        words = str(broken)
    misplaced = [count(watch.files.get("results.csv"), watch.scenario.rows, watch.state) for watch in world.rounds]
    lost, twice = (sum(numbers) for numbers in zip(*misplaced, strict=True))
    return Outcome(seed, world.endpoint.taken, Misplaced(lost, twice), words)
