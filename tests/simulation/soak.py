"""Random schedules: every seed is a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tests.simulation.promises import BrokenPromiseError
from tests.simulation.rows import Misplaced, count
from tests.simulation.simulation import simulation


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a seed: requests that the endpoint took, rows not where they belong, broken promises in words."""

    seed: int
    requests: int
    misplaced: Misplaced
    words: str


def run(seed: int, certain: Mapping[str, Any] = MappingProxyType({})) -> Outcome:
    """Make the run that a seed stands for, with these faults whatever the seed says."""
    world, words = simulation().chance(seed, certain), ""
    try:
        world.play()
    except BrokenPromiseError as broken:
        words = str(broken)
    misplaced = [count(watch.files.get("results.csv"), world.scenario.rows, watch.state) for watch in world.rounds]
    lost, twice = (sum(numbers) for numbers in zip(*misplaced, strict=True))
    return Outcome(seed, world.endpoint.taken, Misplaced(lost, twice), words)
