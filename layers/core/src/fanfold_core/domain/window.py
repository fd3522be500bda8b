"""Window: how much of a job may be under way at once, so that its endpoint stays busy and no request expires.

SageMaker's queue drops a request that has waited for its time to live. So no more is under way than the endpoint works
off in a share of that time, at the speed at which it was last seen to work. Until it was seen, a job begins with little
and doubles it with every answer, as TCP does. The jobs that are open share what an endpoint may have.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# What is under way is worked off in a fifth of the time to live, so that three of four instances may go; and in five
# minutes, so that a small job that comes doesn't wait much longer behind a giant.
_SHARE, _LONGEST_SECONDS = 5, 300
# An endpoint is taken to work off one request in ten seconds while nothing is known, and never less.
_LEAST_PER_SECOND = 0.1
# Two at least: the second is on its way while the last requests of the first are worked off.
_LEAST_CHUNKS, _MOST_CHUNKS = 2, 1000
# Less than this share of what may be under way isn't worth reading the chunk again.
_WORTH = 4
# Who may not send yet asks again after so many seconds at most.
_LONGEST_PAUSE_SECONDS = 15
# What was measured is forgotten after three sweeps. A sweep is repeated when its message is.
_SHORTEST_SECONDS, _STALE_SECONDS = 30, 900


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job was when it was last swept, `at` in seconds since 1970, and its rows per second since before.

    A `share` of its rows are sent; the others share a place with one of them, and don't count for its speed.

    >>> Progress(rows=600, at=100, rows_per_request=32).advanced(rows=3600, at=400)
    Progress(rows=3600, at=400, rows_per_request=32, rows_per_second=10.0, share=1.0)
    """

    rows: int
    at: int
    rows_per_request: int
    rows_per_second: float = 0.0
    share: float = 1.0

    def advanced(self, rows: int, at: int, share: float = 1.0) -> Progress:
        """What is known at the next sweep; one that comes too soon after this one says nothing."""
        seconds = at - self.at
        if seconds < _SHORTEST_SECONDS:
            return self
        per_second = max(0, rows - self.rows) * share / seconds
        return replace(self, rows=rows, at=at, rows_per_second=per_second, share=share)

    def is_stale(self, now: int) -> bool:
        """Whether it says nothing of the present: the job has probably ended."""
        return now - self.at > _STALE_SECONDS


@dataclass(frozen=True, slots=True)
class Throughput:
    """What an endpoint works off per second, 0 if that isn't known, and the number of open jobs that share it."""

    rows: float = 0.0
    requests: float = 0.0
    jobs: int = 1


def throughput(progress: Mapping[str, Progress], job: str, now: int) -> Throughput:
    """The throughput of an endpoint whose jobs have come so far, as one of them sees it, measured yet or not.

    >>> throughput({"a": Progress(600, 90, 32, 3.2), "b": Progress(80, 95, 1, 0.5)}, "new", now=100)
    Throughput(rows=3.7, requests=0.6, jobs=3)
    """
    fresh = {name: known for name, known in progress.items() if not known.is_stale(now)}
    return Throughput(
        rows=sum(known.rows_per_second for known in fresh.values()),
        requests=sum(known.rows_per_second / known.rows_per_request for known in fresh.values()),
        jobs=len({*fresh, job}),
    )


@dataclass(frozen=True, slots=True)
class Demand:
    """A job as far as its window goes.

    `done` of its chunks are covered, `stored` are known, and of each `chunk_rows` rows are sent, `age_seconds` after it
    began.
    """

    rows_per_request: int
    ttl_seconds: int
    chunk_rows: int
    stored: int
    done: int
    age_seconds: float


@dataclass(frozen=True, slots=True)
class Window:
    """How much of a job may be under way: so many `chunks`, and of each so many `rows`.

    Or, if that is more, the rows of it that have an answer, times `growth`.
    """

    chunks: int
    rows: int
    growth: float = 0.0

    def room(self, sent: int, waiting: int) -> int:
        """How many rows of a chunk may be sent now, of which `sent` have been and `waiting` of these have no answer.

        >>> Window(chunks=2, rows=100).room(sent=500, waiting=60)
        40
        """
        most = max(self.rows, int((sent - waiting) * self.growth))
        room = most - waiting
        return room if room * _WORTH >= most else 0


def compute_window(demand: Demand, seen: Throughput, unmeasured_chunks: int) -> Window:
    """The window of a job. While the throughput isn't known it has no more than `unmeasured_chunks` chunks.

    >>> demand = Demand(32, 3600, 10_000, stored=90, done=7, age_seconds=900)
    >>> compute_window(demand, Throughput(200, 6.25), unmeasured_chunks=4)
    Window(chunks=6, rows=10000, growth=0.0)
    """
    seconds = demand.ttl_seconds / _SHARE
    least = _LEAST_PER_SECOND * demand.rows_per_request * seconds
    # What takes its time may be the request or its rows; a job with other requests than those seen counts on the worse.
    per_second = min(seen.rows, seen.requests * demand.rows_per_request)
    rows, most, growth = max(per_second * min(seconds, _LONGEST_SECONDS), least) / seen.jobs, _MOST_CHUNKS, 0.0
    if not per_second:
        # What has been worked off since the job began will be worked off once more in the same time.
        growth = min(1.0, seconds / max(demand.age_seconds, 1))
        # One of the chunks that are done may be the last one, of a single row.
        rows = max(rows, max(demand.done - 1, 0) * demand.chunk_rows * growth)
        most = max(unmeasured_chunks, 1)
    chunks = min(max(ceil(rows / demand.chunk_rows), _LEAST_CHUNKS), most)
    at_once = max(1, min(chunks, demand.stored - demand.done))
    each = max(int(rows / at_once), demand.rows_per_request)
    return Window(chunks, min(each, demand.chunk_rows), growth)


def seconds_until_room(quiet_seconds: int) -> int:
    """When it is worth asking again for room, if nothing has come of a chunk for `quiet_seconds`.

    >>> seconds_until_room(0), seconds_until_room(8), seconds_until_room(400)
    (1, 8, 15)
    """
    return max(1, min(quiet_seconds, _LONGEST_PAUSE_SECONDS))
