"""Dispatcher: sends the rows of one chunk to the endpoint, in requests of several rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from fanfold_core.app.rows import read_rows
from fanfold_core.domain.errors import ChunkMismatchError, EndpointError, ObjectGoneError
from fanfold_core.domain.job import Job, State
from fanfold_core.domain.keys import RequestId, request_key
from fanfold_core.domain.requests import Request, Unsendable, body, plan
from fanfold_core.domain.spans import Span, is_covered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fanfold_core.app.follow_up import FollowUp
    from fanfold_core.app.ports import Endpoint, Ledger, Queues, Store
    from fanfold_core.domain.job import Chunk

# Requests between two entries of the progress in the ledger: dying costs at most so many sent twice.
_WAVE = 128
# A throttled endpoint is left alone for so many seconds.
_PAUSE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Dispatched:
    """How many requests the endpoint took, and why it could not take others; those come again."""

    requests: int = 0
    postponed: frozenset[str] = frozenset()

    def __add__(self, other: Dispatched) -> Dispatched:
        return Dispatched(self.requests + other.requests, self.postponed | other.postponed)


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Sends each span of a chunk once, and again whenever it is told to."""

    ledger: Ledger
    store: Store
    queues: Queues
    endpoint: Endpoint
    follow_up: FollowUp

    def dispatch(self, job_id: str, number: int, out_of_time: Callable[[], bool]) -> Dispatched:
        """Send what has not been sent yet of a chunk. When time runs out, the next message goes on."""
        job = self.ledger.job(job_id)
        if job.state is not State.RUNNING:
            return Dispatched()
        chunk = self.ledger.chunk(job_id, number)
        try:
            return self._dispatch(job, chunk, out_of_time)
        except (ObjectGoneError, ChunkMismatchError, EndpointError) as error:
            self.follow_up.close(job.id, State.FAILED, str(error))
            return Dispatched()

    def resend(self, job_id: str, number: int, attempts: Mapping[Span, int]) -> Dispatched:
        """Send spans of a chunk again, each as the attempt that is named, unless they are covered by now."""
        job = self.ledger.job(job_id)
        if job.state is not State.RUNNING:
            return Dispatched()
        chunk = self.ledger.chunk(job_id, number)
        due = {span: attempt for span, attempt in attempts.items() if not is_covered(span, chunk.covered)}
        try:
            rows = read_rows(self.store, job, chunk)
            return self._send(job, number, due, rows)
        except (ObjectGoneError, ChunkMismatchError, EndpointError) as error:
            self.follow_up.close(job.id, State.FAILED, str(error))
            return Dispatched()

    def _dispatch(self, job: Job, chunk: Chunk, out_of_time: Callable[[], bool]) -> Dispatched:
        rows = read_rows(self.store, job, chunk)
        runs = plan(rows, job.known_layout, job.options.rows_per_request)
        waiting = (run for run in runs if _span(run).start >= chunk.sent)
        reached, sent = chunk.sent, Dispatched()
        while wave := list(islice(waiting, _WAVE)):
            if out_of_time():
                self.queues.dispatch(job.id, [chunk.number])
                return sent
            self.queues.report(job.id, chunk.number, [run for run in wave if isinstance(run, Unsendable)])
            sent += self._send(job, chunk.number, {run: 1 for run in wave if isinstance(run, Span)}, rows)
            before, reached = reached, _span(wave[-1]).end
            if not self.ledger.advance_sent(job.id, chunk.number, before, reached):
                return sent  # somebody else is at it, and further
        return sent

    def _send(self, job: Job, number: int, attempts: Mapping[Span, int], rows: Sequence[Sequence[str]]) -> Dispatched:
        requests = [self._request(job, RequestId(job.id, number, *item), rows) for item in attempts.items()]
        postponed = self.endpoint.send(job.model.endpoint, requests, job.options.request_ttl_seconds)
        if postponed:
            again = {late.request.id.span: late.request.id.attempt for late in postponed}
            self.queues.resend(job.id, number, again, delay=_PAUSE_SECONDS)
        return Dispatched(len(requests) - len(postponed), frozenset(late.reason for late in postponed))

    def _request(self, job: Job, identity: RequestId, rows: Sequence[Sequence[str]]) -> Request:
        span, column = identity.span, job.known_layout.input_index
        request = Request(
            identity, body([cells[column] for cells in rows[span.start : span.end]], job.options.parameters)
        )
        if request.goes_inline:
            return request
        self.store.write(request_key(identity), request.body, "application/json")
        return replace(request, location=self.store.location(request_key(identity)))


def _span(run: Span | Unsendable) -> Span:
    return run if isinstance(run, Span) else run.span
