"""A local cloud and its workers, allowed 256 open files, label a large file: what they hold before, during and after.

`python -m tests.hostile.descriptors [--rows 20000] [--files 256] [--rows-per-request 1]` prints a table, and fails
if the job doesn't end well or if more than a few files and threads are left ten seconds later.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.hostile.processes import family, name

from fanfold import Fanfold

if TYPE_CHECKING:
    from collections.abc import Iterator

# What is left after so many seconds of a process that had up to half of its files in use.
_LEFT_SECONDS = 10
# Two clients of the endpoint keep up to sixteen connections each in their pools, and the others one or two.
_KEPT = 48


def held(process: int) -> tuple[int, int]:
    """Open files and threads of a process."""
    folder = Path(f"/proc/{process}")
    return len(list((folder / "fd").iterdir())), len(list((folder / "task").iterdir()))


def look(process: int) -> dict[str, tuple[int, int]]:
    """The most files and threads that any process of each name holds."""
    most: dict[str, tuple[int, int]] = {}
    for one in family(process):
        try:
            files, threads = held(one)
            known = most.get(what := name(one), (0, 0))
        except OSError:
            continue  # it has just ended
        most[what] = max(files, known[0]), max(threads, known[1])
    return most


@contextmanager
def local_cloud(files: int, folder: Path) -> Iterator[int]:
    """A local cloud that may open so many files, and whose environment is this one's; its process id."""
    ports = "--port 0 --endpoint-port 0 --console-port 0"
    command = f'ulimit -n {files}; exec {sys.executable} -m fanfold local up {ports} --logs "{folder}"'
    with subprocess.Popen(["/bin/bash", "-c", command], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                variable, _, value = line.removeprefix("export ").strip().partition("=")
                os.environ[variable] = value
                if variable == "AWS_REGION":
                    break
            yield process.pid
        finally:
            process.send_signal(signal.SIGINT)


def main() -> int:
    """Run it; 1 if the job didn't succeed, or something is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--files", type=int, default=256)
    parser.add_argument("--rows-per-request", type=int)
    parser.add_argument("--timeout", type=int, default=900)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, local_cloud(chosen.files, Path(folder)) as process:
        fanfold = Fanfold("fanfold")
        _ = fanfold.stack
        time.sleep(3)
        before, during = look(process), dict[str, tuple[int, int]]()
        file = Path(folder) / "short.csv"
        file.write_text("text\n" + "".join(f"so good {number}\n" for number in range(chosen.rows)), encoding="utf-8")
        began = time.monotonic()
        job = fanfold.submit(file, rows_per_request=chosen.rows_per_request)
        while not (status := job.status()).has_ended and time.monotonic() < began + chosen.timeout:
            for what, (files, threads) in look(process).items():
                known = during.get(what, (0, 0))
                during[what] = max(files, known[0]), max(threads, known[1])
            time.sleep(0.5)
        took = time.monotonic() - began
        time.sleep(_LEFT_SECONDS)
        after = look(process)
    print(f"{'files/threads':24}{'before':>12}{'during':>12}{f'{_LEFT_SECONDS} s after':>12}")
    for what in sorted({*before, *during, *after}):
        columns = (each.get(what) for each in (before, during, after))
        print(f"{what:24}" + "".join(f"{f'{found[0]}/{found[1]}' if found else '-':>12}" for found in columns))
    kept = [what for what in ("cloud", "server") if after[what][0] > before[what][0] + _KEPT]
    print(
        f"a large job with {chosen.files} open files at most: {status.state}, {status.done} of {status.rows} rows in "
        f"{took:.0f} s, files kept by {' and '.join(kept) or 'nobody'}"
    )
    return 0 if status.state == "SUCCEEDED" and not kept else 1


if __name__ == "__main__":
    sys.exit(main())
