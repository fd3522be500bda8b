"""What the benchmarks share: both sides in one interleaved run, medians of five at least, and ratios."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import which
from statistics import median
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

ROOT = Path(__file__).parents[1]
HERE = ROOT / "benchmarks"
PYTHON = ROOT / ".venv/bin/python"
SDK_PYTHON = ROOT / ".venv-bench/bin/python"
RUNS = 5
Side = TypeVar("Side")
# So that scripts here find the package that they are in when tests import them.
sys.path.insert(0, str(ROOT))


@dataclass(frozen=True, slots=True)
class Figure:
    """A ratio that was measured, and the one to reach: at least it, or at most it if `is_limit`."""

    what: str
    against: str
    found: float
    reach: float
    is_limit: bool = False

    @property
    def is_reached(self) -> bool:
        """Whether it is as good as it was to be."""
        return self.found <= self.reach if self.is_limit else self.found >= self.reach


def interleaved(sides: Mapping[Side, Callable[[], float]], runs: int = RUNS) -> dict[Side, float]:
    """Run all sides in turn, so that what slows the machine down slows all of them; the median of each."""
    found: dict[Side, list[float]] = {name: [] for name in sides}
    for _ in range(runs):
        for name, side in sides.items():
            found[name].append(side())
    return {name: median(values) for name, values in found.items()}


def child(python: Path, script: str, *arguments: object, **environ: str) -> dict[str, Any]:
    """What a script of this folder prints last, which is a JSON object."""
    command = [python, HERE / script, *map(str, arguments)]
    # Bytecode is kept, as it is in the layer: otherwise each import would compile, and that would be what is measured.
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "", **environ}
    answer = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    if answer.returncode:
        sys.exit(f"{script}: {answer.stderr}")
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


@contextmanager
def stub(latency_ms: float) -> Iterator[int]:
    """A server that answers everything after so long; its port."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "stub"
        subprocess.run([needed("cc"), "-O2", "-o", program, HERE / "stub.c"], check=True)
        with subprocess.Popen([program, str(latency_ms)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            assert server.stdin and server.stdout  # noqa: S101, PT018 - asked for above
            yield int(server.stdout.readline())
            server.stdin.close()


def needed(program: str) -> str:
    """Where a program is; says what to install if it isn't there."""
    packages = {"cc": "build-essential", "wrk": "wrk"}
    found = which(program)
    if found is None:
        sys.exit(f"{program} is missing: apt-get install {packages[program]}")
    return found


def show(figures: Iterable[Figure]) -> None:
    """Print figures, one JSON object a line."""
    for figure in figures:
        print(json.dumps(asdict(figure)), flush=True)
