"""Cold starts: import and first event of each function in a fresh process, next to importing boto3 alone.

Functions start from the layer, built as `sam build` builds it but for the Python that runs here: botocore's data is
trimmed, and bytecode is not checked against its sources. boto3 alone is as pip installs it.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from measure import PYTHON, ROOT, Figure, child, interleaved, show
from sides.pipeline import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTIONS = ("splitter", "dispatcher", "collector", "assembler", "sweeper")
QUEUES = {f"{name}_QUEUE_URL": "http://127.0.0.1/queue" for name in ("UPLOADS", "CHUNKS", "OUTCOMES", "ASSEMBLY")}
POWERTOOLS = {"POWERTOOLS_METRICS_NAMESPACE": "bench", "POWERTOOLS_LOG_LEVEL": "CRITICAL"}
MORE = {"SWEEPS_QUEUE_URL": "http://127.0.0.1/queue", "QUIET_SECONDS": "600", "GRACE_SECONDS": "1200"}


def figures() -> Iterator[Figure]:
    """Measure for about a minute; packages for the layer come from pip's index, or its cache."""
    with tempfile.TemporaryDirectory() as folder:
        environ = ENVIRONMENT | QUEUES | POWERTOOLS | MORE | {"PYTHONPATH": str(layer(Path(folder)))}
        functions = {name: partial(start, str(ROOT / "functions" / name / "handler.py"), environ) for name in FUNCTIONS}
        for function in functions.values():
            function()  # leaves the handler's bytecode behind
        cpu = interleaved({"-": partial(start, "-", ENVIRONMENT), **functions}, runs=9)
    for name in FUNCTIONS:
        what = f"Cold start of the {name}: times"
        yield Figure(
            what, "`import boto3` and one client, as pip installs it", cpu[name] / cpu["-"], 1.2, is_limit=True
        )


def layer(folder: Path) -> Path:
    """Where the functions' packages are, once the layer is built in this folder."""
    shutil.copytree(ROOT / "layers/core", folder / "source")
    python, version, architecture = PYTHON, platform.python_version_tuple(), platform.machine()
    for_here = [f"PYTHON={python}", f"LAMBDA_PYTHON={version[0]}.{version[1]}", f"ARCHITECTURES={architecture}"]
    build = ["make", "--silent", "-C", folder / "source", "build-CoreLayer", f"ARTIFACTS_DIR={folder}", *for_here]
    path = {"PATH": f"{python.parent}:{os.environ['PATH']}"}  # Make looks for the Python that compiles
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL, env=os.environ | path)
    return folder / "python"


def start(handler: str, environ: dict[str, str]) -> float:
    """Processor time of a fresh process."""
    return float(child(PYTHON, "sides/cold_start.py", handler, **environ)["cpu"])


if __name__ == "__main__":
    show(figures())
