"""Dispatcher: sends the rows of one chunk to the endpoint, in requests of several rows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from fanfold_core.app.failures import next_attempts
from fanfold_core.app.ports import LONGEST_DELAY_SECONDS
from fanfold_core.app.rows import read_rows
from fanfold_core.app.since import Since
from fanfold_core.domain.errors import JobError
from fanfold_core.domain.job import JobRecord, State
from fanfold_core.domain.keys import RequestId, output_folder, request_key
from fanfold_core.domain.outcomes import Mark
from fanfold_core.domain.requests import Request, Unsendable, body, inputs, obstacle, plan
from fanfold_core.domain.results import requests
from fanfold_core.domain.spans import Span, gaps, is_covered
from fanfold_core.domain.window import seconds_until_room
from fanfold_core.input.errors import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from fanfold_core.app.follow_up import FollowUp
    from fanfold_core.app.ports import Endpoint, Ledger, Queues, Store
    from fanfold_core.domain.job import Chunk

# Requests between two entries of the progress in the ledger. Dying costs at most so many sent twice; and after each
# wave the endpoint waits for the last reply, so a wave is several times what is under way at once.
WAVE = 500
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
    now: Callable[[], datetime]

    def dispatch(self, job_id: str, number: int, out_of_time: Callable[[], bool]) -> Dispatched:
        """Send what has not been sent yet of a chunk. When room or time runs out, the next message goes on."""
        return self._while_running(
            job_id,
            lambda job: self._dispatch(job, self.ledger.chunk(job_id, number), out_of_time),
            lambda pause: self.queues.dispatch(job_id, [number], delay=pause),
        )

    def resend(self, job_id: str, number: int, attempts: Mapping[Span, int]) -> Dispatched:
        """Send spans of a chunk again, each as the attempt that is named, unless they are covered by now."""
        return self._while_running(
            job_id,
            lambda job: self._resend(job, self.ledger.chunk(job_id, number), attempts),
            lambda pause: self.queues.resend(job_id, number, attempts, delay=pause),
        )

    def send_witness(self, job_id: str, number: int, span: Span) -> Dispatched:
        """Send a span again that has a prediction, to see whether the endpoint works. A paused one isn't asked."""
        return self._while_running(job_id, lambda job: self._send_witness(job, number, span))

    def probe(self, job_id: str, number: int, row: int) -> Dispatched:
        """Send the first row from this one on that can be sent and has no answer, alone, rather an untried one."""
        return self._while_running(
            job_id,
            lambda job: self._probe(job, self.ledger.chunk(job_id, number), row),
            lambda pause: self.queues.probe(job_id, number, row, delay=pause),
        )

    def _while_running(
        self, job_id: str, send: Callable[[JobRecord], Dispatched], later: Callable[[int], None] | None = None
    ) -> Dispatched:
        """Send for a job that is RUNNING; `later`, after so many seconds, if its endpoint is paused.

        An error after which the job cannot go on ends it, with the error's words.
        """
        job = self.ledger.job(job_id)
        if job.state is not State.RUNNING:
            return Dispatched()
        if pause := self._pause(job):
            if later is None:
                return Dispatched()
            later(pause)
            return Dispatched(postponed=frozenset({f"the endpoint is paused for {counted(pause, 'second')}"}))
        try:
            return send(job)
        except JobError as error:
            self.follow_up.close(job.id, State.FAILED, str(error))
            return Dispatched()

    def _pause(self, job: JobRecord) -> int:
        """Seconds for which nothing is to be sent to the job's endpoint, at most the longest delay of a message.

        A job that has come since the pause began isn't held up: what is left of another one may be all that fails.
        """
        pause = self.ledger.health(job.model.endpoint).pause
        if job.created.timestamp() >= pause.until - pause.seconds:
            return 0
        return max(0, min(pause.until - int(self.now().timestamp()), LONGEST_DELAY_SECONDS))

    def _dispatch(self, job: JobRecord, chunk: Chunk, out_of_time: Callable[[], bool]) -> Dispatched:
        if chunk.is_done:
            return self._conclude(job, chunk)
        room = self.follow_up.window(job).room(chunk.sent, chunk.waiting)
        if not room and chunk.sent < chunk.length:
            quiet_seconds = int(self.now().timestamp()) - chunk.touched
            self.queues.dispatch(job.id, [chunk.number], delay=seconds_until_room(quiet_seconds))
            return Dispatched()
        return self._send_rest(job, chunk, room, out_of_time)

    def _send_rest(self, job: JobRecord, chunk: Chunk, room: int, out_of_time: Callable[[], bool]) -> Dispatched:
        chunk, rows, found = self._read(job, chunk)
        if chunk.is_done:
            return self._conclude(job, chunk)
        runs = [run for run in _plan(job, chunk, rows, found) if _span(run).start >= chunk.sent]
        reached, sent = chunk.sent, Dispatched()
        while reached < chunk.length:
            has_room = reached < chunk.sent + room
            if not has_room or out_of_time():
                self.queues.dispatch(job.id, [chunk.number], delay=0 if has_room else seconds_until_room(0))
                return sent
            # One at least: rows that an earlier job has predicted may stand before it.
            wave = [run for run in runs[:WAVE] if _span(run).start < chunk.sent + room] or runs[:1]
            runs = runs[len(wave) :]
            self.queues.report(job.id, chunk.number, [run for run in wave if isinstance(run, Unsendable)])
            sent += self._send(job, chunk, {run: 1 for run in wave if isinstance(run, Span)}, found)
            # After the last wave nothing is left to send, also where rows follow that an earlier job has predicted.
            before, reached = reached, _span(wave[-1]).end if runs else chunk.length
            if not self.ledger.advance_sent(job.id, chunk.number, before, reached):
                return sent  # somebody else is at it, and further
        return sent

    def _conclude(self, job: JobRecord, chunk: Chunk) -> Dispatched:
        """An earlier job has predicted all of it, and no outcome will come that the collector could act upon."""
        self.follow_up(self.follow_up.cover(job, chunk))
        return Dispatched()

    def _resend(self, job: JobRecord, chunk: Chunk, attempts: Mapping[Span, int]) -> Dispatched:
        chunk, rows, found = self._read(job, chunk)
        again: dict[Span, int] = {}
        unsendable: list[Unsendable] = []
        covered = chunk.covered
        for span, attempt in attempts.items():
            if is_covered(span, covered):
                continue
            runs = list(plan(rows, found, span, job.known_layout, job.rows_per_request))
            unsendable += [run for run in runs if isinstance(run, Unsendable)]
            again |= self._attempts(job, chunk, span, attempt, [run for run in runs if isinstance(run, Span)])
        self.queues.report(job.id, chunk.number, unsendable)
        self.ledger.touch(job.id, chunk.number)
        return self._send(job, chunk, again, found)

    def _attempts(
        self, job: JobRecord, chunk: Chunk, span: Span, attempt: int, runs: Sequence[Span]
    ) -> Mapping[Span, int]:
        """The attempt of each run that a span is sent in: its own if it is sent whole, else the run's next one."""
        return {span: attempt} if list(runs) == [span] else next_attempts(self.ledger, job, chunk, runs)

    def _send_witness(self, job: JobRecord, number: int, span: Span) -> Dispatched:
        attempt = max(self.ledger.mark(job.id, number, span).attempt, 1) + 1
        chunk, _, found = self._read(job, self.ledger.chunk(job.id, number))
        sent = self._send(job, chunk, {span: attempt}, found)
        self.ledger.set_mark(job, number, span, Mark(attempt))
        return sent

    def _probe(self, job: JobRecord, chunk: Chunk, row: int) -> Dispatched:
        chunk, rows, found = self._read(job, chunk)
        places = chain.from_iterable(range(max(row, gap.start), gap.end) for gap in gaps(chunk.length, chunk.covered))
        open_rows = (Span(place, 1) for place in places)
        spans = [one for one in open_rows if obstacle(rows[one.start], found[one.start], job.known_layout) is None]
        if not spans:
            return Dispatched()
        # A row that has failed alone may be a bad one, so one that nobody has tried says more.
        known = requests(self.ledger.outcomes(job.id, chunk.number))
        span = next((one for one in spans if one not in known), spans[0])
        return self._send(job, chunk, {span: known.get(span, 0) + 1}, found)

    def _read(self, job: JobRecord, chunk: Chunk) -> tuple[Chunk, Sequence[Sequence[str]], Sequence[Any]]:
        """The chunk, whose order is fixed by now; and its rows and their inputs, in that order.

        What an earlier job has predicted of them is covered before anything is sent.
        """
        rows = read_rows(self.store, job, chunk)
        found = inputs(rows, job.known_layout, job.options.input)
        since = Since(self.ledger, self.store)
        is_fresh = job.options.since and not (chunk.sent or chunk.inherited)
        known = since.find(job, chunk, found) if is_fresh else {}
        if chunk.order is None:
            chunk = self.ledger.set_order(job.id, chunk.number, job.options.order(found, first=known))
        sent = chunk.sent_as.sent
        in_order = [found[row] for row in sent]
        if known:
            chunk = since.take_over(job, chunk, in_order, known)
        return chunk, [rows[row] for row in sent], in_order

    def _send(self, job: JobRecord, chunk: Chunk, attempts: Mapping[Span, int], found: Sequence[Any]) -> Dispatched:
        highest = max(attempts.values(), default=0)
        if highest > chunk.attempts:
            # Before they are sent: the collector takes what tells of a higher attempt for forged.
            self.ledger.raise_attempts(job.id, chunk.number, highest)
        made = [self._request(job, RequestId(job.id, chunk.number, *item), found) for item in attempts.items()]
        postponed = self.endpoint.send(job.model.endpoint, made, job.options.request_ttl_seconds)
        if postponed:
            again = {late.request.id.span: late.request.id.attempt for late in postponed}
            self.queues.resend(job.id, chunk.number, again, delay=_PAUSE_SECONDS)
        return Dispatched(len(made) - len(postponed), frozenset(late.reason for late in postponed))

    def _request(self, job: JobRecord, identity: RequestId, found: Sequence[Any]) -> Request:
        of_span = found[identity.span.start : identity.span.end]
        content = body(of_span, job.options.parameters, job.options.payload)
        folder, timeout = output_folder(job.id, job.nonce, identity.chunk), job.options.invocation_timeout_seconds
        request = Request(identity, content, folder, job.nonce, timeout_seconds=timeout)
        if request.goes_inline:
            return request
        self.store.write(request_key(identity), request.body, "application/json")
        return request._replace(location=self.store.location(request_key(identity)))


def _plan(
    job: JobRecord, chunk: Chunk, rows: Sequence[Sequence[str]], found: Sequence[Any]
) -> Iterator[Span | Unsendable]:
    """What is to be sent of a chunk: all but what an earlier job has predicted.

    Whoever makes the plan again must cut alike, so nothing goes into it that changes while the chunk is sent; but for
    single rows, which begin wherever something else would.
    """
    # Jobs of earlier versions have no nonce, and chunks that begin with as many rows as any request.
    first_alone = bool(job.nonce)
    for gap in gaps(chunk.length, chunk.inherited):
        for run in plan(rows, found, gap, job.known_layout, job.rows_per_request, first_alone=first_alone):
            first_alone = first_alone and isinstance(run, Unsendable)
            yield run


def _span(run: Span | Unsendable) -> Span:
    return run if isinstance(run, Span) else run.span
