"""Cold starts: import and first event of each function in a fresh process, next to importing boto3 alone."""

from __future__ import annotations

from functools import partial
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
    """Measure for about half a minute."""
    environ = ENVIRONMENT | QUEUES | POWERTOOLS | MORE
    for name in FUNCTIONS:
        start(str(ROOT / "functions" / name / "handler.py"), environ)  # leaves bytecode behind
    handlers = {name: str(ROOT / "functions" / name / "handler.py") for name in FUNCTIONS}
    cpu = interleaved({name: partial(start, handler, environ) for name, handler in {"-": "-", **handlers}.items()})
    for name in FUNCTIONS:
        what = f"Cold start of the {name}: times"
        yield Figure(what, "`import boto3` and one client", cpu[name] / cpu["-"], 1.2, is_limit=True)


def start(handler: str, environ: dict[str, str]) -> float:
    """Processor time of a fresh process."""
    return float(child(PYTHON, "sides/cold_start.py", handler, **environ)["cpu"])


if __name__ == "__main__":
    show(figures())
