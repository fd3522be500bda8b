"""How much is sent of a file of which one row in a hundred has changed, since the job of the day before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.sides.pipeline import Pipeline, file_of, travels
from measure import Figure, show

if TYPE_CHECKING:
    from collections.abc import Iterator

# As many as four chunks on AWS hold, and as two.
ROWS, ROWS_PER_REQUEST = {1: 2_000, 32: 40_000}, (1, 32)
CHANGED_EVERY = 100
INVOKED = "sagemaker-runtime:InvokeEndpointAsync"


def figures() -> Iterator[Figure]:
    """Send both files through the whole pipeline, and count the requests."""
    for per_request in ROWS_PER_REQUEST:
        pipeline = Pipeline()
        files = [file_of(ROWS[per_request], every) for every in (None, CHANGED_EVERY)]
        jobs = travels(pipeline, files, **{"rows-per-request": str(per_request)})
        whole, both = (pipeline.calls[INVOKED] for _ in jobs)
        what = f"Requests for a file with 1 % changed rows, {per_request} per request: share"
        yield Figure(what, "all rows", (both - whole) / whole, 0.011, is_limit=True)


if __name__ == "__main__":
    show(figures())
