"""How busy an endpoint of four instances is during a long job, in simulated time (`fanfold.costs.simulation`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from measure import Figure, show

from fanfold.costs.simulation import SimulatedEndpoint, SimulatedJob, simulate

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS_PER_REQUEST, INSTANCES, HOURS = 32, 4, 4


def figures() -> Iterator[Figure]:
    """Simulate a job of four hours for a slow and a fast model; a few seconds."""
    for request_seconds in (40.0, 1.0):
        endpoint = SimulatedEndpoint(request_seconds, instances=INSTANCES)
        requests = int(HOURS * 3600 * INSTANCES * endpoint.concurrency / request_seconds)
        course = simulate(endpoint, [SimulatedJob(requests * ROWS_PER_REQUEST)], window_chunks=16)
        what = f"Share of a long job in which four instances work, {request_seconds:g} s a request (simulated)"
        yield Figure(what, "1", course.busy_share, 0.95)


if __name__ == "__main__":
    show(figures())
