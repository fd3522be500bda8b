"""What a machine may do to a local cloud: end its processes, stop them for a while, set its clock.

`python -m tests.hostile.machine [--only WORDS]` prints a line for each attack, and fails if a job doesn't
end complete, or if something is left of what was killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from tests.hostile.processes import HarmError, Program, alive, family, perform, workers, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_ROWS = 500
# A busy machine takes its time.
_GONE_SECONDS = 60
_STOPPED_SECONDS = 8
_HOUR = 3600
_NO_COMPILER = "skipped: it needs a C compiler"


@contextmanager
def begin(folder: Path, environment: dict[str, str] | None = None) -> Iterator[Program]:
    """A run, a request for each row, that has just sent its file."""
    file = write(folder, _ROWS)
    arguments = ("run", file.name, "--out", "out", "--rows-per-request", "1")
    with Program(folder, *arguments, environment=environment) as run:
        run.wait_for("job ")
        time.sleep(1)
        yield run


def in_the_middle(run: Program) -> None:
    """See to it that an attack hasn't come too late."""
    if not run.runs:
        raise HarmError("the run had ended before the attack: it needs more rows")


def kill_workers(folder: Path) -> str:
    """Kill two workers of each function, as they appear."""
    killed: dict[str, int] = {}
    with begin(folder) as run:
        while run.runs:
            for worker, function in workers(run.pid).items():
                if killed.get(function, 0) < 2:
                    os.kill(worker, signal.SIGKILL)
                    killed[function] = killed.get(function, 0) + 1
            time.sleep(0.5)
        outcome = run.succeed(folder / "out", _ROWS)
    if len(killed) < 3:
        raise HarmError(f"only workers of {', '.join(killed) or 'no function'} were killed")
    return f"{outcome}; {sum(killed.values())} workers of {len(killed)} functions killed"


def kill_cloud(folder: Path) -> str:
    """Kill a local cloud with a job in hand, and start it again on the same ports."""
    with ExitStack() as taken:
        sockets = [taken.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        ports = [str(each.getsockname()[1]) for each in sockets]
    up = ("local", "up", "--port", ports[0], "--endpoint-port", ports[1], "--console-port", ports[2])
    run = ("run", write(folder, _ROWS).name, "--stack", "fanfold", "--out", "out", "--rows-per-request", "1")
    (folder / "tmp").mkdir()
    temporary = {"TMPDIR": str(folder / "tmp")}
    with Program(folder, *up, environment=temporary) as first:
        first.wait_for("Press Ctrl-C")
        with Program(folder, *run, environment=first.exports) as job:
            job.wait_for("job ")
            time.sleep(1)
            in_the_middle(job)
            everything = family(first.pid)
            os.kill(first.pid, signal.SIGKILL)
            wait_until_gone(everything)
            said = job.fail(folder / "out", "no response", "Could not connect", "Connection")
    with Program(folder, *up, environment=temporary) as second:
        second.wait_for("Press Ctrl-C")
        with Program(folder, *run, environment=second.exports) as job:
            outcome = job.succeed(folder / "out", _ROWS)
        second.interrupt()
    if left := list((folder / "tmp").iterdir()):
        raise HarmError(f"left behind: {left}")
    return f"its {len(everything)} processes are gone; the job's command: {said}; then, on the same ports: {outcome}"


def kill_run(folder: Path) -> str:
    """Kill `fanfold run`, and start it again."""
    (folder / "tmp").mkdir()
    temporary = {"TMPDIR": str(folder / "tmp")}
    with begin(folder, temporary) as first:
        in_the_middle(first)
        everything = family(first.pid)
        os.kill(first.pid, signal.SIGKILL)
        wait_until_gone(everything)
    with begin(folder, temporary) as second:
        outcome = second.succeed(folder / "out", _ROWS)
    hidden = [file for file in (folder / "out").glob(".*") if file.name != ".fanfold.json"]
    if left := [*(folder / "tmp").iterdir(), *hidden]:
        raise HarmError(f"left behind: {left}")
    return f"its {len(everything)} processes are gone; then: {outcome}, and no temporary folder is left"


def wait_until_gone(processes: list[int]) -> None:
    """Wait for their end, which nobody has asked for but by killing the first."""
    until = time.monotonic() + _GONE_SECONDS
    while left := [process for process in processes[1:] if alive(process)]:
        if time.monotonic() > until:
            raise HarmError(f"{len(left)} processes outlive it: {left}")
        time.sleep(0.1)


def stop_group(folder: Path) -> str:
    """Ctrl-Z, and `fg` after a while."""
    with begin(folder) as run:
        in_the_middle(run)
        os.killpg(run.pid, signal.SIGSTOP)
        time.sleep(_STOPPED_SECONDS)
        os.killpg(run.pid, signal.SIGCONT)
        return f"{run.succeed(folder / 'out', _ROWS)}; stopped for {_STOPPED_SECONDS} s"


def stop_everything(folder: Path) -> str:
    """The same with the workers, which are in groups of their own: as a laptop does that is closed."""
    with begin(folder) as run:
        in_the_middle(run)
        everything = family(run.pid)
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for process in filter(alive, everything):
                os.kill(process, number)
            time.sleep(_STOPPED_SECONDS if number == signal.SIGSTOP else 0)
        return f"{run.succeed(folder / 'out', _ROWS)}; {len(everything)} processes stopped for {_STOPPED_SECONDS} s"


def shifted_clock(offset: Path) -> dict[str, str] | None:
    """The environment in which the clock is ahead by the seconds in this file; None without a C compiler."""
    compiler = shutil.which("cc")
    if not compiler:
        return None
    set_clock(offset, 0)
    library = offset.with_suffix(".so")
    told = f'-DOFFSET_FILE="{offset}"'
    subprocess.run([compiler, "-shared", "-fPIC", told, "-o", library, "scripts/shifted_clock.c"], check=True)
    return {"LD_PRELOAD": str(library)}


def set_clock(offset: Path, seconds: int) -> None:
    """Write over what the file says, which is read all the time."""
    with offset.open("r+" if offset.exists() else "x", encoding="utf-8") as file:
        file.write(f"{seconds:20}")


def run_ahead(folder: Path) -> str:
    """A clock that is 400 days ahead from the start."""
    clock = shifted_clock(folder / "offset")
    if clock is None:
        return _NO_COMPILER
    set_clock(folder / "offset", 400 * 24 * _HOUR)
    with begin(folder, clock) as run:
        return run.succeed(folder / "out", _ROWS)


def jump(folder: Path, seconds: int) -> str:
    """A clock that jumps in the middle of a run."""
    clock = shifted_clock(folder / "offset")
    if clock is None:
        return _NO_COMPILER
    with begin(folder, clock) as run:
        in_the_middle(run)
        set_clock(folder / "offset", seconds)
        return run.succeed(folder / "out", _ROWS)


ATTACKS: dict[str, Callable[[Path], str]] = {
    "workers killed in mid-run": kill_workers,
    "`fanfold local up` killed in mid-run": kill_cloud,
    "`fanfold run` killed in mid-run": kill_run,
    "its process group stopped in mid-run": stop_group,
    "all its processes stopped in mid-run": stop_everything,
    "a clock 400 days ahead": run_ahead,
    "a clock that jumps an hour ahead in mid-run": lambda folder: jump(folder, _HOUR),
    "a clock that is set back an hour in mid-run": lambda folder: jump(folder, -_HOUR),
}


if __name__ == "__main__":
    sys.exit(perform(ATTACKS, __doc__))
