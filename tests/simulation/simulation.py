"""Runs: by seed, or calm with one death in them."""

import functools
from collections.abc import Mapping
from dataclasses import fields, replace
from random import Random
from typing import Any, TypeVar

from tests.simulation.cloud import Cloud
from tests.simulation.clouds.memory import MemoryCloud
from tests.simulation.clouds.ministack import MinistackCloud
from tests.simulation.clouds.moto import MotoCloud
from tests.simulation.deliveries import Clock
from tests.simulation.executions import Fault, watch_calls
from tests.simulation.functions import Functions
from tests.simulation.scenario import Scenario
from tests.simulation.schedule import Calm, Chance, Faults
from tests.simulation.world import World

from fanfold_core.aws import wiring
from localaws.server import put

# Success, failure, halving, rows that cannot be sent, results in the ledger and beside it, a window of two chunks out
# of four, continuations of splitter and dispatcher, and a results.csv of several parts.
# Its sequel has rows that have moved, changed and come twice, and a table of several files.
WHOLE_PIPELINE = Scenario(
    rows=(
        ("0", "text 0", "own"),
        ("1", "poison 1", ""),
        ("2", "text 2", 'two\nlines, "quoted"'),
        ("3", "text 3", ""),
        ("4", "", ""),
        ("5", "text 5", ""),
        ("6", "text 6", "", "surplus"),
        ("7", "text 7", ""),
        ("8", "text 8", ""),
    ),
    rows_per_request=3,
    requests_per_wave=1,
    part_bytes=40,
    inline_bytes=60,
    result_bytes=80,
    table_bytes=300,
    sequel=(
        ("0", "text 9", ""),
        ("1", "text 0", "own"),
        ("2", "poison 1", ""),
        ("3", "text 22", ""),
        ("4", "text 3", ""),
        ("5", "text 5", ""),
        ("6", "text 5", ""),
    ),
)
_SLICES = Faults(out_of_time=0.4, most_windows=2)


CLOUDS = ("memory", "moto", "ministack")
Drawn = TypeVar("Drawn", Scenario, Faults)


class Simulation:
    """What a process needs to make runs, one after the other, on one of the `CLOUDS`."""

    def __init__(self, aws: str) -> None:
        self._clock = Clock()
        self._cloud = _create(aws, self._clock)
        self._functions = Functions()
        # Handlers take the time from here when they are loaded, once for all runs.
        put(wiring, "now", self._clock)
        watch_calls()

    def chance(self, seed: int, certain: Mapping[str, Any]) -> World:
        """The run that a seed stands for, to be played; with what is `certain` of both whatever the seed says."""
        random = Random(seed)
        scenario, faults = _certainly(Scenario.drawn(random), certain), _certainly(Faults.drawn(random), certain)
        return self._world(scenario, faults, Chance(random))

    def calm(self, planned: dict[int, Fault] | None = None) -> World:
        """The whole pipeline in order, where the calls that are named meet a fault."""
        return self._world(WHOLE_PIPELINE, _SLICES, Calm(planned))

    def _world(self, scenario: Scenario, faults: Faults, schedule: Calm | Chance) -> World:
        self._cloud.empty()
        return World(self._cloud, self._functions, scenario, faults, schedule, self._clock)


def _certainly(drawn: Drawn, certain: Mapping[str, Any]) -> Drawn:
    return replace(drawn, **{field.name: certain[field.name] for field in fields(drawn) if field.name in certain})


def _create(aws: str, clock: Clock) -> Cloud:
    stack = MotoCloud.create()
    match aws:
        case "memory":
            return MemoryCloud(stack, clock)
        case "ministack":
            return MinistackCloud(stack)
    return stack


@functools.cache
def simulation(aws: str) -> Simulation:
    """The one of this process."""
    return Simulation(aws)
