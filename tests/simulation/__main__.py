"""`python -m tests.simulation soak 10000`: random schedules; `crashes`: a death at every call; `mutations`; `upgrade`.

The ports are in memory, where a schedule takes some hundredths of a second; `--aws moto` has the adapters call moto.

Exits with 1 if a promise was broken, and prints how to see that again.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

from tests.simulation import mistakes, upgrade
from tests.simulation.crashes import crash, record
from tests.simulation.simulation import CLOUDS
from tests.simulation.soak import run

T = TypeVar("T")
R = TypeVar("R")
_COMMAND = "python -m tests.simulation"
# A task is shorter than handing it over one by one is worth.
_TASKS_AT_ONCE = 8


def main() -> int:
    """Do what the command line says; the exit code."""
    parser = argparse.ArgumentParser(prog=_COMMAND)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes; as many as cores by default")
    what = parser.add_subparsers(dest="what", required=True)
    of_soak = what.add_parser("soak", help="random schedules")
    of_soak.add_argument("seeds", type=int)
    of_soak.add_argument("--first", type=int, default=0)
    _on_a_cloud(of_soak)
    of_crashes = what.add_parser("crashes", help="a death before and after every call to a port, or to AWS")
    of_crashes.add_argument("--every", type=int, default=1, help="of so many crash points only one")
    _on_a_cloud(of_crashes)
    of_mutations = what.add_parser("mutations", help="planted mistakes, to see that they are seen")
    of_mutations.add_argument("names", nargs="*", default=list(mistakes.ALL))
    what.add_parser("record", help="keep what this version leaves in mid-run").add_argument("version")
    what.add_parser("upgrade", help="finish what earlier versions have left in mid-run")
    of_seed = what.add_parser("seed", help="one schedule, with what the functions log")
    of_seed.add_argument("seed", type=int)
    _on_a_cloud(of_seed)
    arguments = parser.parse_args()
    match arguments.what:
        case "soak":
            return soak(arguments.aws, range(arguments.first, arguments.first + arguments.seeds), arguments.jobs)
        case "crashes":
            return crashes(arguments.aws, arguments.every, arguments.jobs)
        case "mutations":
            return plant(arguments.names, arguments.jobs)
        case "record":
            upgrade.write(upgrade.VERSIONS / f"{arguments.version}.json", list(upgrade.record()))
            return 0
        case "upgrade":
            return finish_earlier_versions()
    os.environ["SIMULATION_LOG_LEVEL"] = "INFO"
    return soak(arguments.aws, [arguments.seed], 1)


def _on_a_cloud(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--aws", choices=CLOUDS, default="memory", help="what stands for AWS")


def soak(aws: str, seeds: Iterable[int], jobs: int) -> int:
    """Random schedules: every seed is a run."""
    started, runs, requests, broken, lost, twice = time.monotonic(), 0, 0, 0, 0, 0
    for outcome in _each(partial(run, aws), seeds, jobs):
        runs, requests, broken = runs + 1, requests + outcome.requests, broken + bool(outcome.words)
        lost, twice = lost + outcome.misplaced.lost, twice + outcome.misplaced.twice
        if outcome.words:
            print(
                f"seed {outcome.seed}: {outcome.words}\n    again: {_COMMAND} seed {outcome.seed} --aws {aws}",
                flush=True,
            )
    print(f"{runs:,} schedules with {requests:,} requests in {_since(started)}: {broken} broke a promise")
    print(f"{lost} rows lost, {twice} rows twice")
    return 1 if broken or lost or twice else 0


def crashes(aws: str, every: int, jobs: int) -> int:
    """A death at every call, and the files compared with those of the undisturbed run."""
    started = time.monotonic()
    undisturbed, points = record(aws)
    found = list(_each(partial(crash, aws, undisturbed), points[::every], jobs))
    for one in found:
        if one.words:
            print(f"{one.point}: {one.words}")
    lost, twice = sum(one.misplaced.lost for one in found), sum(one.misplaced.twice for one in found)
    differ = sum(bool(one.words) for one in found)
    print(f"{len(points) // 2} calls, {len(found)} crash points in {_since(started)}: {differ} runs differ")
    print(f"{lost} rows lost, {twice} rows twice")
    return 1 if lost or twice or differ else 0


def plant(names: Iterable[str], jobs: int) -> int:
    """Planted mistakes: a promise must break soon."""
    missed = 0
    for name, seeds, words in _each(mistakes.hunt, names, jobs):
        missed += not words
        print(f"{name}: {f'seen in {seeds} seeds: {words}' if words else f'NOT SEEN in {seeds} seeds'}", flush=True)
    return 1 if missed else 0


def finish_earlier_versions() -> int:
    """What each version has left at several moments of a run must end as if nothing had happened."""
    broken = 0
    for path in sorted(upgrade.VERSIONS.glob("*.json")):
        moments = upgrade.read(path)
        found = {moment.steps: words for moment in moments if (words := upgrade.finish(moment))}
        broken += len(found)
        print(f"{path.stem}: {len(moments)} moments of a run, {len(found)} of them not finished well")
        for steps, words in found.items():
            print(f"    after {steps} steps: {words}")
    return 1 if broken else 0


def _each(work: Callable[[T], R], tasks: Iterable[T], jobs: int) -> Iterator[R]:
    """Do the work of each task, in order, in so many processes."""
    if jobs == 1:
        yield from map(work, tasks)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        yield from pool.map(work, tasks, chunksize=_TASKS_AT_ONCE)


def _since(started: float) -> str:
    return f"{time.monotonic() - started:.0f} s"


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # In sets, the hashes of texts decide what comes first: a seed must be the same run in every process.
        again = [sys.executable, "-m", "tests.simulation", *sys.argv[1:]]
        os.execve(again[0], again, {**os.environ, "PYTHONHASHSEED": "0"})  # noqa: S606
    code = main()
    sys.stdout.flush()
    # At once: Python's own end is aborted by a thread that Arrow, which reads results.parquet, has just begun.
    os._exit(code)
