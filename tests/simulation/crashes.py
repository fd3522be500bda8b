"""A death at every call that the functions make to AWS, once just before it and once just after it took effect."""

from dataclasses import dataclass

from tests.simulation.executions import Fault
from tests.simulation.promises import BrokenPromiseError
from tests.simulation.schedule import Calm
from tests.simulation.simulation import simulation
from tests.simulation.soak import Misplaced, count
from tests.simulation.world import World

from fanfold_core.domain.job import State

Files = dict[str, bytes | None]


@dataclass(frozen=True, slots=True)
class Point:
    """A crash point: which call, counted from 0, and on which side of it."""

    call: int
    name: str
    fault: Fault

    def __str__(self) -> str:
        return f"{self.fault.name} at call {self.call}, {self.name}"


@dataclass(frozen=True, slots=True)
class Crash:
    """What came of it: rows that are not where they belong, and what else is not as undisturbed, in words."""

    point: Point
    misplaced: Misplaced
    words: str


def record(aws: str) -> tuple[Files, list[Point]]:
    """The files of an undisturbed run on this cloud, and its crash points in order."""
    world = simulation(aws).calm()
    world.play()
    assert isinstance(world.schedule, Calm)
    names = list(enumerate(world.schedule.calls))
    return _compared(world), [
        Point(call, name, fault) for call, name in names for fault in (Fault.DIES_BEFORE, Fault.DIES_AFTER)
    ]


def crash(aws: str, undisturbed: Files, point: Point) -> Crash:
    """Make the run again with this death in it."""
    world, words = simulation(aws).calm({point.call: point.fault}), ""
    try:
        world.play()
    except BrokenPromiseError as broken:
        words = str(broken)
    files = _compared(world)
    if not words and files != undisturbed:
        words = f"{', '.join(name for name in files if files[name] != undisturbed[name])} differ"
    results = ((watch.files.get("results.csv"), watch.scenario.rows) for watch in world.rounds)
    misplaced = [count(content, rows, State.COMPLETED_WITH_ERRORS) for content, rows in results]
    lost, twice = (sum(numbers) for numbers in zip(*misplaced, strict=True))
    return Crash(point, Misplaced(lost, twice), words)


def _compared(world: World) -> Files:
    """The others tell times and the number of requests, which a death may well change."""
    return {
        f"{name} of job {number}": content
        for number, watch in enumerate(world.rounds, start=1)
        for name, content in watch.files.items()
        if name.endswith(".csv")
    }
