"""A death at every call that the functions make to AWS, once just before it and once just after it took effect."""

from dataclasses import dataclass

from tests.simulation.executions import Fault
from tests.simulation.promises import BrokenPromiseError
from tests.simulation.schedule import Calm
from tests.simulation.simulation import WHOLE_PIPELINE, simulation
from tests.simulation.soak import Misplaced, count

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
    return _compared(world.watch.files), [
        Point(call, name, fault) for call, name in names for fault in (Fault.DIES_BEFORE, Fault.DIES_AFTER)
    ]


def crash(aws: str, undisturbed: Files, point: Point) -> Crash:
    """Make the run again with this death in it."""
    world, words = simulation(aws).calm({point.call: point.fault}), ""
    try:
        world.play()
    except BrokenPromiseError as broken:
        words = str(broken)
    files = _compared(world.watch.files)
    if not words and files != undisturbed:
        words = f"{', '.join(name for name in files if files[name] != undisturbed[name])} differ"
    misplaced = count(files.get("results.csv"), WHOLE_PIPELINE.rows, State.COMPLETED_WITH_ERRORS)
    return Crash(point, misplaced, words)


def _compared(files: Files) -> Files:
    """The others tell times and the number of requests, which a death may well change."""
    return {name: content for name, content in files.items() if name.endswith(".csv")}
