"""What attacks have in common: `fanfold` in a process group of its own, its processes, and what it comes to."""

from __future__ import annotations

import argparse
import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

# What would lead a program elsewhere than to its local cloud.
_OF_THE_USER = ("AWS_", "FANFOLD_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
UP = ("local", "up", "--port", "0", "--endpoint-port", "0", "--console-port", "0")


class HarmError(Exception):
    """An attack did harm, such as lost rows or a stack trace."""


def perform(attacks: Mapping[str, Callable[[Path], str]], description: str | None) -> int:
    """Perform the attacks that the command line asks for, and print a line for each; 1 if one did harm."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--only", default="", help="only the attacks with these words in their names")
    only, harm = parser.parse_args().only, False
    # What was started ends with this, however it is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    for attack, attempt in attacks.items():
        if only in attack:
            with tempfile.TemporaryDirectory() as folder:
                began = time.monotonic()
                try:
                    outcome = attempt(Path(folder))
                except HarmError as error:
                    harm, outcome = True, f"HARM: {error}"
                print(f"{attack}: {outcome} ({time.monotonic() - began:.0f} s)", flush=True)
    return int(harm)


def family(process: int) -> list[int]:
    """A process and all that it has started, and these in turn."""
    found = [process]
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # the thread has just ended
            for child in children.read_text().split():
                found += family(int(child))
    return found


def name(process: int) -> str:
    """What a process is, by its command line and where it works."""
    command = Path(f"/proc/{process}/cmdline").read_bytes()
    if b"localaws.server" in command:
        return "server"
    if b"worker.py" not in command:
        return "cloud"
    folder = Path(f"/proc/{process}/cwd").readlink()
    return folder.name if folder.parent.name == "functions" else "forks"


def alive(process: int) -> bool:
    """Whether a process is there, and not only as a number that its parent hasn't asked about."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def workers(process: int) -> dict[int, str]:
    """The workers that a process has started, and the functions that they run."""
    found = {}
    for one in family(process)[1:]:
        with suppress(OSError):  # it has just ended
            if (what := name(one)) not in {"server", "cloud", "forks"}:
                found[one] = what
    return found


def write(folder: Path, rows: int) -> Path:
    """A file of so many short rows, each with its number."""
    file = folder / "rows.csv"
    file.write_text("id,text\n" + "".join(f"{number},so good\n" for number in range(rows)), encoding="utf-8")
    return file


class Program:
    """`fanfold` with these arguments, in a process group of its own. What it says goes to a file."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        environment: Mapping[str, str | None] | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        """Start it in a folder, through the command `prefix`; an environment variable that is None is not set."""
        kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_OF_THE_USER)}
        given = {**kept, **(environment or {})}
        self._said = folder / f"said-{time.monotonic_ns()}.txt"
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [*prefix, sys.executable, "-m", "fanfold", *arguments],
                cwd=folder,
                env={name: value for name, value in given.items() if value is not None},
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid

    @property
    def said(self) -> str:
        """Everything that it has said so far."""
        return self._said.read_text(encoding="utf-8", errors="replace")

    @property
    def exports(self) -> dict[str, str]:
        """The environment variables that it tells its user to set."""
        lines = [shlex.split(line) for line in self.said.splitlines() if line.startswith("export ")]
        return dict(line[1].split("=", 1) for line in lines)

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def wait_for(self, words: str, seconds: float = 300) -> None:
        """Wait until it says so."""
        until = time.monotonic() + seconds
        while words not in self.said:
            if not self.runs or time.monotonic() > until:
                raise HarmError(f"it never said {words!r}, but: {self.said[-2000:]}")
            time.sleep(0.05)

    def end(self, seconds: float = 300) -> int:
        """Its exit code, when it has ended by itself, without a stack trace."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise HarmError(f"it hasn't ended after {seconds:.0f} s: {self.said[-2000:]}") from error
        if "Traceback" in self.said:
            raise HarmError(f"a stack trace: {self.said[-4000:]}")
        return code

    def succeed(self, out: Path, rows: int) -> str:
        """Wait for its end, which must be a success with each row once; that in words."""
        if code := self.end():
            raise HarmError(f"exit code {code}: {self.said[-2000:]}")
        state = json.loads((out / "summary.json").read_text(encoding="utf-8"))["state"]
        with (out / "results.csv").open(encoding="utf-8", newline="") as stream:
            found = [row[0] for row in csv.reader(stream)][1:]
        if state != "SUCCEEDED" or found != [str(number) for number in range(rows)]:
            raise HarmError(f"{state}, and results.csv has {len(found)} rows of {rows}, or not in order")
        return f"{state}, {len(found)} of {rows} rows"

    def fail(self, out: Path, *words: str) -> str:
        """Wait for its end, which must be a failure in these words, without results; its last line."""
        code, said = self.end(), self.said
        if code in {0, 3} or (out / "results.csv").exists():
            raise HarmError(f"exit code {code}, as if nothing were lost: {said[-2000:]}")
        if not any(word in said for word in words):
            raise HarmError(f"not said: {words}, but {said[-2000:]}")
        return f"exit code {code}, {said.strip().splitlines()[-1]!r}"

    def interrupt(self) -> None:
        """Ctrl-C, and wait for its end."""
        self._process.send_signal(signal.SIGINT)
        if code := self.end(60):
            raise HarmError(f"exit code {code} at the end: {self.said[-2000:]}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End whatever is left of it."""
        if self.runs:
            for process in family(self.pid):
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        self._process.wait()
