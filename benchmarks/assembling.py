"""Assembling results.csv: rows per second next to a plain copy of the same rows, and memory for jobs of any length."""

from __future__ import annotations

import csv
import time
from io import StringIO
from typing import TYPE_CHECKING

from measure import PYTHON, Figure, child, interleaved, show

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 200_000
LINES = "".join(f'{row},"so good, no. {row}, and then some more of it",2024-01-01\r\n' for row in range(10_000))


def figures() -> Iterator[Figure]:
    """Measure for about two minutes."""
    seconds = interleaved(
        {"assemble": lambda: float(child(PYTHON, "sides/assemble.py", ROWS)["seconds"]), "copy": copy}
    )
    share = seconds["copy"] / seconds["assemble"]
    yield Figure("Assembling results.csv: share of its rows/s", "`csv.reader` → `csv.writer`", share, 0.40)
    # From 400,000 rows on a part is more than it may hold in memory.
    small, large = (float(child(PYTHON, "sides/assemble.py", rows)["mib"]) for rows in (400_000, 10_000_000))
    yield Figure("Assembling, memory for 10 million rows: times", "400,000 rows", large / small, 1.1, is_limit=True)


def copy() -> float:
    """Processor time of reading and writing the same rows, and nothing else."""
    before = time.process_time()
    for _ in range(ROWS // 10_000):
        csv.writer(StringIO(newline="")).writerows(csv.reader(StringIO(LINES, newline="")))
    return time.process_time() - before


if __name__ == "__main__":
    show(figures())
