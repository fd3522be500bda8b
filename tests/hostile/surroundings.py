"""Where a local cloud may find itself: on a full disk, without a home, behind a proxy that doesn't answer.

`python -m tests.hostile.surroundings [--only WORDS]` prints a line for each attack, and fails if what must work
doesn't, or if what cannot work isn't said in words.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.hostile.processes import UP, Program, perform, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ROWS = 500
_NO_ROOM = ("No space left", "File too large")


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """A folder on a disk of this size; for who may mount none, any folder and a command that limits each file to it."""
    disk = folder / "disk"
    disk.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    command = [str(mount), "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(disk)]
    if not mount or not unmount or os.geteuid() or subprocess.run(command, check=False).returncode:
        yield disk, ("prlimit", f"--fsize={kilobytes * 1024}")
        return
    try:
        yield disk, ()
    finally:
        subprocess.run([unmount, "--lazy", str(disk)], check=True)


def full_out(folder: Path) -> str:
    """No room for the results."""
    file = write(folder, _ROWS)
    with small_disk(folder, 20) as (disk, prefix):
        out = disk / "out"
        with Program(folder, "run", file.name, "--out", str(out), prefix=prefix) as run:
            return run.fail(out, *_NO_ROOM)


def full_logs(folder: Path) -> str:
    """No room for the logs: a job that is in hand loses nothing by that."""
    file = write(folder, _ROWS)
    with (
        small_disk(folder, 8) as (disk, prefix),
        Program(folder, *UP, "--logs", str(disk / "logs"), prefix=prefix) as up,
    ):
        up.wait_for("Press Ctrl-C")
        arguments = ("run", file.name, "--stack", "fanfold", "--out", "out", "--rows-per-request", "1")
        with Program(folder, *arguments, environment=up.exports) as run:
            outcome = run.succeed(folder / "out", _ROWS)
        up.interrupt()
        said = next((line for line in up.said.splitlines() if any(words in line for words in _NO_ROOM)), "")
        return f"{outcome}; the local cloud says {said!r}"


def full_temporary(folder: Path) -> str:
    """No room for temporary files, of which a large upload needs one."""
    file = folder / "large.csv"
    file.write_text("text\n" + "so good, so good, so good, so good, so good\n" * 500_000, encoding="utf-8")
    with small_disk(folder, 1024) as (disk, prefix):
        temporary = {"TMPDIR": str(disk)}
        with Program(folder, "run", file.name, "--out", "out", environment=temporary, prefix=prefix) as run:
            return run.fail(folder / "out", *_NO_ROOM, "cannot upload")


def read_only_home(folder: Path) -> str:
    """A home in which not even root can write a file."""
    return small_run(folder, {"HOME": "/proc"})


def no_home(folder: Path) -> str:
    """No home."""
    return small_run(folder, {"HOME": None})


def proxies(folder: Path, spelt: str) -> str:
    """Proxies that don't answer; a job on a cloud of its own, and one on a cloud that runs already."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = f"http://127.0.0.1:{taken.getsockname()[1]}"
    names = ("http_proxy", "https_proxy", "all_proxy")
    environment: dict[str, str | None] = {name.upper() if spelt == "upper" else name: closed for name in names}
    alone = small_run(folder, environment)
    file = write(folder, 20)
    with Program(folder, *UP, environment=environment) as up:
        up.wait_for("Press Ctrl-C")
        arguments = ("run", file.name, "--stack", "fanfold", "--out", "beside")
        with Program(folder, *arguments, environment={**environment, **up.exports}) as run:
            beside = run.succeed(folder / "beside", 20)
        up.interrupt()
    return f"{alone} on a cloud of its own, {beside} on one that runs already"


def small_run(folder: Path, environment: dict[str, str | None]) -> str:
    """A small run in this environment."""
    with Program(folder, "run", write(folder, 20).name, "--out", "out", environment=environment) as run:
        return run.succeed(folder / "out", 20)


ATTACKS = {
    "a full disk for the results": full_out,
    "a full disk for the logs": full_logs,
    "a full disk for temporary files": full_temporary,
    "a home that is read-only": read_only_home,
    "no home": no_home,
    "proxies that don't answer (HTTP_PROXY, …)": lambda folder: proxies(folder, "upper"),
    "proxies that don't answer (http_proxy, …)": lambda folder: proxies(folder, "lower"),
}


if __name__ == "__main__":
    sys.exit(perform(ATTACKS, __doc__))
