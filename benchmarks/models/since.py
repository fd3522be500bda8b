"""How much is sent of a file of which one row in a hundred has changed, since the job of the day before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from measure import PYTHON, Figure, child, show

if TYPE_CHECKING:
    from collections.abc import Iterator

# By rows per request: as many as two chunks on AWS hold, and as four.
ROWS = {1: 2_000, 32: 40_000}
CHANGED_EVERY = 100


def figures() -> Iterator[Figure]:
    """Send both files through the whole pipeline, and count the requests."""
    for per_request, rows in ROWS.items():
        found = child(PYTHON, "sides/pipeline.py", rows, CHANGED_EVERY, per_request)
        what = f"Requests for a file with 1 % changed rows, {per_request} per request: share"
        yield Figure(what, "all rows", found["both"] / found["whole"] - 1, 0.011, is_limit=True)


if __name__ == "__main__":
    show(figures())
