"""What a local cloud takes of this machine: seconds to start, rows per second, processor time and memory.

These figures are absolute, so they aren't among those of `make bench`: docs/performance.md has them with the machine
and the day. The machine must have nothing else to do. It has to be Linux, which tells a process's memory in /proc.
"""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from measure import ROOT, RUNS

FANFOLD = ROOT / ".venv/bin/fanfold"
ROWS = 200_000
_WORDS = ("good", "bad", "awful", "love", "hate", "the", "movie", "was", "is", "not", "very", "flight", "late", "nice")
# Until every function has its worker.
_SETTLED_SECONDS, _PAUSE_SECONDS = 10, 0.5


def main() -> None:
    """Measure, and print one JSON object a line."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for what, found in (
            ("idle", idle(folder)),
            ("10 rows", run(folder, 10)),
            (f"{ROWS:,} rows", run(folder, ROWS)),
            (f"{ROWS:,} rows, 256 a request", run(folder, ROWS, "--rows-per-request", "256")),
        ):
            print(json.dumps({"what": what, **found}), flush=True)


def idle(folder: Path) -> dict[str, Any]:
    """A local cloud that has nothing to do: how soon it is there, and how much memory it holds."""
    seconds, megabytes, shared_once = [], [], []
    for _ in range(RUNS):
        began = time.perf_counter()
        command = [FANFOLD, "local", "up", "--port", "0", "--endpoint-port", "0", "--console-port", "0"]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout  # noqa: S101 - asked for above
            process.stdout.readline()
            seconds.append(time.perf_counter() - began)
            time.sleep(_SETTLED_SECONDS)
            megabytes.append(memory(process.pid))
            shared_once.append(memory(process.pid, "Pss"))
            process.send_signal(signal.SIGINT)
            process.stdout.read()
    return {"seconds": round(median(seconds), 1), "MB": round(median(megabytes)), "MB once": round(median(shared_once))}


def run(folder: Path, rows: int, *options: str) -> dict[str, Any]:
    """A run of so many short texts: its time, rows per second, processor time, and most memory."""
    file = folder / "tweets.csv"
    random = Random(rows)
    texts = (" ".join(random.choices(_WORDS, k=random.randint(4, 12))) for _ in range(rows))
    file.write_text("text\n" + "".join(f"{text}\n" for text in texts), encoding="utf-8")
    before, began, most = processor(), time.perf_counter(), 0.0
    command = [FANFOLD, "run", file, "--out", folder / f"out-{rows}-{len(options)}", *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            most = max(most, memory(process.pid, "Pss"))
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PAUSE_SECONDS)
    if process.returncode:
        raise SystemExit(f"{command} failed")
    seconds = time.perf_counter() - began
    return {
        "seconds": round(seconds, 1),
        "rows/s": round(rows / seconds),
        "CPU s": round(processor() - before, 1),
        "MB once": round(most),
    }


def processor() -> float:
    """Seconds of processor time of all processes that have been waited for, and theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def memory(process: int, kind: str = "Rss") -> float:
    """MB that a process and those it started hold; what several share counts for each, or divided (`Pss`)."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
    family = {process}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    kilobytes = 0
    for one in family:
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue  # likewise
        kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:"))
    return kilobytes * 1024 / 1e6


if __name__ == "__main__":
    main()
