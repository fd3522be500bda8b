"""Random schedules: every seed is a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tests.simulation.promises import BrokenPromiseError
from tests.simulation.simulation import simulation


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a seed: how many requests the endpoint took, and which promise was broken, in words."""

    seed: int
    requests: int
    words: str


def run(seed: int, certain: Mapping[str, Any] = MappingProxyType({})) -> Outcome:
    """Make the run that a seed stands for, with these faults whatever the seed says."""
    world, words = simulation().chance(seed, certain), ""
    try:
        world.play()
    except BrokenPromiseError as broken:
        words = str(broken)
    return Outcome(seed, world.endpoint.taken, words)
