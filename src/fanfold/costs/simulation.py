"""Jobs against an endpoint in simulated time: when they end, how busy the endpoint is, what it costs in instance hours.

The endpoint scales by its own policies, and what is under way follows the window that the deployed functions follow.
Nothing here waits or draws lots: the same question has the same answer, a million requests in a few seconds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from fanfold_core.domain.requests import chunk_limits
from fanfold_core.domain.window import Demand, Progress, Window, compute_window, seconds_until_room, throughput
from fanfold_core.input.cutting import Limits
from localaws.scaling import LONGEST_MEMORY, MINUTE, START_MINUTES, Minute, Policies

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# What the queues between the functions and the functions themselves take: a chunk's way to the dispatcher, an answer's
# way to the ledger.
_TO_DISPATCHER_SECONDS, _TO_LEDGER_SECONDS = 1.0, 2.0
_BROKEN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class SimulatedEndpoint:
    """How long an instance works on a request, on how many at once, and how many instances there are.

    `instances` at the beginning; from then on `policies` decide, or, where there are none, the plan `changes`: numbers
    of instances by the second at which they come about.
    """

    request_seconds: float
    concurrency: int = 4
    instances: int = 0
    policies: Policies | None = None
    start_minutes: int = START_MINUTES
    changes: Mapping[float, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SimulatedJob:
    """A file of so many rows that is uploaded at second `begins`."""

    rows: int
    rows_per_request: int = 32
    ttl_seconds: int = 3600
    begins: float = 0.0

    @property
    def chunk_rows(self) -> int:
        """Rows of each chunk but the last."""
        return chunk_limits(Limits(), self.rows_per_request).rows


@dataclass(frozen=True, slots=True)
class JobCourse:
    """How a job went: the second in which its last row was covered (None: not in time), requests sent and expired."""

    finished: float | None
    requests: int
    expired: int


@dataclass(frozen=True, slots=True)
class Course:
    """How it all went. `instances` are their numbers by the second at which they came about.

    `busy_share` is the part of the instances' time, from the first upload to the last row, in which they worked.
    """

    jobs: Sequence[JobCourse]
    busy_share: float
    instance_seconds: float
    instances: Sequence[tuple[float, int]]


def simulate(
    endpoint: SimulatedEndpoint,
    jobs: Sequence[SimulatedJob],
    *,
    window_chunks: int = 4,
    sweep_seconds: int = 300,
    most_seconds: float = 30 * 24 * 3600,
) -> Course:
    """Let jobs run against an endpoint until the last one has ended, or for `most_seconds`.

    Example:
        >>> endpoint = SimulatedEndpoint(request_seconds=1.0, instances=4)
        >>> simulate(endpoint, [SimulatedJob(rows=320)]).jobs
        (JobCourse(finished=4.0, requests=10, expired=0),)
    """
    return _Simulation(endpoint, jobs, window_chunks, sweep_seconds).run(most_seconds)


@dataclass(slots=True)
class _Chunk:
    """Rows of a chunk, how many have been sent, how many of these have no answer, and when something last happened."""

    job: _Job
    rows: int
    touched: float
    sent: int = 0
    waiting: int = 0


@dataclass(slots=True)
class _Job:
    name: str
    facts: SimulatedJob
    stored: int
    released: int = 0
    done: int = 0
    covered: int = 0
    requests: int = 0
    expired: int = 0
    finished: float | None = None

    def demand(self, now: float) -> Demand:
        facts = self.facts
        return Demand(
            rows_per_request=facts.rows_per_request,
            ttl_seconds=facts.ttl_seconds,
            chunk_rows=facts.chunk_rows,
            stored=self.stored,
            done=self.done,
            age_seconds=now - facts.begins,
        )


class _Simulation:
    def __init__(
        self, endpoint: SimulatedEndpoint, jobs: Sequence[SimulatedJob], window_chunks: int, sweep_seconds: int
    ) -> None:
        self._endpoint = endpoint
        self._window_chunks = window_chunks
        self._sweep_seconds = sweep_seconds
        self._policies = replace(endpoint.policies) if endpoint.policies else None
        self._jobs = [_Job(str(number), job, -(-job.rows // job.chunk_rows)) for number, job in enumerate(jobs)]
        self._open = len(self._jobs)
        self._progress: dict[str, Progress] = {}
        self._queue: deque[tuple[float, _Chunk, int]] = deque()
        self._history: deque[Minute] = deque(maxlen=LONGEST_MEMORY)
        self._starting: tuple[int, float] | None = None
        self._instances = 0
        self._changes: list[tuple[float, int]] = []
        self._busy = 0
        self._worked = 0.0
        self._now = 0.0
        self._number = 0
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []

    def run(self, most_seconds: float) -> Course:
        begins = min(job.facts.begins for job in self._jobs)
        self._change(self._endpoint.instances)
        for second, instances in self._endpoint.changes.items():
            self._at(second, self._change, instances)
        for job in self._jobs:
            self._at(job.facts.begins, self._release, job)
        if self._policies:
            self._at(MINUTE, self._minute)
        self._at(self._sweep_seconds, self._sweep)
        while self._open and self._events[0][0] <= most_seconds:
            self._now, _, act, arguments = heappop(self._events)
            act(*arguments)
        capacity = self._instance_seconds(begins) * self._endpoint.concurrency
        return Course(
            jobs=tuple(JobCourse(job.finished, job.requests, job.expired) for job in self._jobs),
            busy_share=self._worked / capacity if capacity else 0.0,
            instance_seconds=capacity / self._endpoint.concurrency,
            instances=self._changes,
        )

    def _at(self, second: float, act: Callable[..., None], *arguments: Any) -> None:
        self._number += 1
        heappush(self._events, (second, self._number, act, arguments))

    def _release(self, job: _Job) -> None:
        """As splitter and collector do it after each chunk."""
        upto = min(job.stored, job.done + self._window(job).chunks)
        for number in range(job.released, upto):
            rows = min(job.facts.chunk_rows, job.facts.rows - number * job.facts.chunk_rows)
            self._at(self._now + _TO_DISPATCHER_SECONDS, self._dispatch, _Chunk(job, rows, self._now))
        job.released = max(job.released, upto)

    def _dispatch(self, chunk: _Chunk) -> None:
        """As the dispatcher does it: send what there is room for, and come again for the rest."""
        job, most = chunk.job, chunk.job.facts.rows_per_request
        room = self._window(job).room(chunk.sent, chunk.waiting)
        upto = min(chunk.rows, chunk.sent + room)
        while chunk.sent < upto:
            rows = min(most, chunk.rows - chunk.sent)
            chunk.sent += rows
            chunk.waiting += rows
            chunk.touched = self._now
            self._send(chunk, rows)
        if chunk.sent < chunk.rows:
            again = _TO_DISPATCHER_SECONDS + seconds_until_room(int(self._now - chunk.touched))
            self._at(self._now + again, self._dispatch, chunk)
        self._work()

    def _send(self, chunk: _Chunk, rows: int) -> None:
        chunk.job.requests += 1
        self._queue.append((self._now, chunk, rows))

    def _send_again(self, chunk: _Chunk, rows: int) -> None:
        self._send(chunk, rows)
        self._work()

    def _work(self) -> None:
        """Whoever has nothing to do takes the next request; one that has waited for too long is dropped."""
        capacity, seconds = self._instances * self._endpoint.concurrency, self._endpoint.request_seconds
        while self._busy < capacity and self._queue:
            sent, chunk, rows = self._queue.popleft()
            if self._now - sent > chunk.job.facts.ttl_seconds:
                chunk.job.expired += 1
                self._at(self._now + _BROKEN_SECONDS, self._send_again, chunk, rows)
                continue
            self._busy += 1
            self._at(self._now + seconds, self._answer, chunk, rows)

    def _answer(self, chunk: _Chunk, rows: int) -> None:
        self._busy -= 1
        self._worked += self._endpoint.request_seconds
        self._at(self._now + _TO_LEDGER_SECONDS, self._cover, chunk, rows)
        self._work()

    def _cover(self, chunk: _Chunk, rows: int) -> None:
        """As the collector does it."""
        job = chunk.job
        chunk.waiting -= rows
        chunk.touched = self._now
        job.covered += rows
        if chunk.waiting or chunk.sent < chunk.rows:
            return
        job.done += 1
        if job.done < job.stored:
            self._release(job)
        else:
            job.finished = self._now - job.facts.begins
            self._open -= 1

    def _sweep(self) -> None:
        """As the sweeper does it."""
        for job in self._jobs:
            if job.released and job.finished is None:
                before = self._progress.get(job.name)
                found = Progress(job.covered, int(self._now), job.facts.rows_per_request)
                self._progress[job.name] = before.advanced(found.rows, found.at) if before else found
                self._release(job)
        self._at(self._now + self._sweep_seconds, self._sweep)

    def _window(self, job: _Job) -> Window:
        seen = throughput(self._progress, job.name, int(self._now))
        return compute_window(job.demand(self._now), seen, self._window_chunks)

    def _minute(self) -> None:
        """As CloudWatch and Application Auto Scaling do it, and SageMaker, which makes one change at a time."""
        self._history.append(Minute(len(self._queue) + self._busy, self._instances))
        if self._starting:
            count, ready = self._starting
            if self._now >= ready:
                self._starting = None
                self._change(count)
        elif self._policies:
            wanted = self._policies.desired(round(self._now / MINUTE), list(self._history))
            if wanted > self._instances:
                self._starting = (wanted, self._now + self._endpoint.start_minutes * MINUTE)
            elif wanted < self._instances:
                self._change(wanted)
        self._at(self._now + MINUTE, self._minute)

    def _change(self, instances: int) -> None:
        self._instances = instances
        self._changes.append((self._now, instances))
        self._work()

    def _instance_seconds(self, begins: float) -> float:
        ends = [*(second for second, _ in self._changes[1:]), self._now]
        return sum(
            instances * max(0.0, end - max(begins, start))
            for (start, instances), end in zip(self._changes, ends, strict=True)
        )
