"""Sweeper: whatever was lost on the way is found and sent again.

It asks of every open job the questions that everybody asks, of the state as it is: is there a chunk to release, a
dispatch to finish, a row without an answer? So it needs to know nothing of what went wrong. What no function can
process ends its job.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isinf
from typing import TYPE_CHECKING

from fanfold_core.app.costs import AWAKE_SECONDS, HOUR, in_dollars, instance_dollars, job_services
from fanfold_core.app.rounds import PAST_DEADLINE
from fanfold_core.domain.errors import NewerVersionError, UnknownJobError
from fanfold_core.domain.job import Chunk, JobRecord, Spent, State
from fanfold_core.domain.keys import output_prefix, request_of_output
from fanfold_core.domain.options.table import TIMEOUT_SECONDS
from fanfold_core.domain.outcomes import Cause, Pause, cause_of
from fanfold_core.domain.results import requests
from fanfold_core.domain.spans import Span, gaps, is_covered
from fanfold_core.domain.window import Progress
from fanfold_core.input.errors import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from fanfold_core.app.follow_up import FollowUp
    from fanfold_core.app.ports import DeadLetter, DeadLetters, Ledger, Queues, Store
    from fanfold_core.domain.keys import RequestId

# An endpoint that only breaks requests is left alone for five minutes, then twice as long, up to an hour.
_FIRST_PAUSE_SECONDS = 300
_LONGEST_PAUSE_SECONDS = 3600
# For how long a model may fail every request in the same way. An endpoint that is not there is waited for.
_PATIENCE_SECONDS = {Cause.MODEL: 1800, Cause.TIMEOUT: 6 * 3600}
# And so many requests of single rows, of as many rows where there are so many.
_ATTEMPTS_OF_ROWS = 8
ASSEMBLER = "assembler"


@dataclass(slots=True)
class Swept:
    """What a sweep of one job found: outputs that nobody had reported, and spans that were sent again."""

    found: int = 0
    resent: int = 0


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Sweeps open jobs, each in messages of its own.

    What made no progress for `quiet_seconds` is looked at. A request that has no answer `grace_seconds` after its time
    in SageMaker's queue was over is lost: the model works for 15 minutes at most, unless the job's
    `invocation-timeout-seconds` are more, and its notification may take a while.
    `instance_type` is that of the endpoint, empty if the stack doesn't know it; `instances` says how many an endpoint
    has, or is about to have.
    """

    ledger: Ledger
    store: Store
    queues: Queues
    dead_letters: DeadLetters
    follow_up: FollowUp
    instances: Callable[[str], int]
    quiet_seconds: int
    grace_seconds: int
    instance_type: str
    now: Callable[[], datetime]

    def sweep_all(self) -> int:
        """Have every open job swept; answers with their number."""
        jobs = list(self.ledger.open_jobs())
        for job in jobs:
            self.queues.sweep(job)
        return len(jobs)

    def end_job_of(self, letter: DeadLetter) -> JobRecord | None:
        """End the job of a dead letter with what it has; the job, None if the ledger has none that this code can read.

        Once the job has ended, the letter is dropped. Until then it stays, so whoever comes next decides the same.
        """
        try:
            job = self.ledger.job(letter.job)
        except (UnknownJobError, NewerVersionError):
            return None
        if job.state is State.RUNNING:
            reason = f"the {letter.function} cannot process a message of this job{job.last_error}"
            return self.follow_up.close(job.id, State.FAILED, f"{reason}{job.retry_advice}")
        if job.state.is_terminal:
            self.dead_letters.drop(letter)
        elif letter.function == ASSEMBLER and self._is_quiet(job.touched):
            self.queues.abandon(job.id)
        return job

    def sweep(self, job_id: str, start: int, out_of_time: Callable[[], bool]) -> Swept:
        """Sweep a job from chunk `start` on. When time runs out, the next message goes on."""
        job, swept = self.ledger.job(job_id), Swept()
        if job.state is State.CLOSING and self._is_quiet(job.touched):
            self.queues.assemble(job.id)
        if job.state is not State.RUNNING:
            return swept
        if self.now() >= job.deadline:
            hours = counted(job.options.deadline_hours, "hour")
            self.follow_up.close(job.id, State.FAILED, f"{PAST_DEADLINE} of {hours}")
            return swept
        if job.total is None and self._is_quiet(job.touched):
            self.queues.split(job.id)
        if not start and self._has_spent_all(job, out_of_time):
            return swept
        numbers = [number for number in range(max(job.low, start), job.released) if number not in job.covered]
        chunks = list(self._chunks(job, numbers, out_of_time))
        if not start and len(chunks) == len(numbers):
            # Only who has seen all open chunks can say what the job has come to.
            self._measure(job, chunks)
            if self._gives_up(job, chunks):
                return swept
        paused = self._breaks_the_circuit(job)
        for chunk in chunks:
            if out_of_time():
                self.queues.sweep(job.id, chunk.number)
                return swept
            self._sweep_chunk(job, chunk, swept, paused=paused)
        self.follow_up(self.ledger.job(job_id))
        return swept

    def _has_spent_all(self, job: JobRecord, out_of_time: Callable[[], bool]) -> bool:
        """Cancel a job that would cost more than its `max-dollars` if it went on; whether it has been."""
        most = job.options.most_dollars
        if isinf(most):
            return False
        before = self.ledger.spent(job.id) or Spent(at=int(job.created.timestamp()))
        spent = self._spent(job, before, out_of_time)
        if spent is None:
            return False
        dollars = sum(job_services(spent.requests, job.stored).values())
        dollars += self._instance_dollars(spent.instance_seconds)
        # Until the next look, which is about as far away as the last one, and then until the endpoint sleeps.
        kept = self._instance_dollars(spent.instances * (spent.at - before.at + AWAKE_SECONDS))
        if dollars + kept < most:
            return False
        rows = counted(spent.rows, "row") if job.rows is None else f"{spent.rows:,} of {counted(job.rows, 'row')}"
        sleep = f", and {in_dollars(kept)} kept for {counted(spent.instances, 'instance')} until the endpoint sleeps"
        goes_on = (
            f"`fanfold retry {job.id}` continues, for as much again"
            if spent.rows
            else "upload the file again with a higher limit"
        )
        self.follow_up.close(
            job.id,
            State.CANCELLED,
            f"max-dollars={job.options.max_dollars} was reached after {rows}: {in_dollars(dollars)} are spent"
            f"{sleep if kept else ''}; {goes_on}",
        )
        return True

    def _instance_dollars(self, seconds: float) -> float:
        return instance_dollars(self.instance_type, seconds) or 0

    def _spent(self, job: JobRecord, before: Spent, out_of_time: Callable[[], bool]) -> Spent | None:
        """What the job has taken, with all rows that have their answer; None if the time is too short to count.

        Chunks that are done don't change any more, so they are counted once, as far as nothing before them is open.
        """
        done = spent = before
        for number in range(before.chunks, job.released):
            if out_of_time():
                self.ledger.set_spent(job, done)
                return None
            chunk = self.ledger.chunk(job.id, number)
            sent = sum(requests(self.ledger.outcomes(job.id, number)).values())
            spent = replace(spent, rows=spent.rows + chunk.rows_in(chunk.covered), requests=spent.requests + sent)
            if number == done.chunks and (number < job.low or number in job.covered):
                done = spent = replace(spent, chunks=number + 1)
        # Of a type without a price, seconds are worth nothing.
        instances = self.instances(job.model.endpoint) if self._instance_dollars(HOUR) else 0
        now = int(self.now().timestamp())
        self.ledger.set_spent(job, done.seen(instances, now))
        return spent.seen(instances, now)

    def _chunks(self, job: JobRecord, numbers: Sequence[int], out_of_time: Callable[[], bool]) -> Iterator[Chunk]:
        for number in numbers:
            yield self.ledger.chunk(job.id, number)
            if out_of_time():
                return

    def _measure(self, job: JobRecord, open_chunks: list[Chunk]) -> None:
        """Remember how far the job is. Where an earlier job has predicted rows, their number tells of no speed."""
        if job.parent or job.options.since or not job.released:
            return
        last = self.ledger.chunk(job.id, job.released - 1)
        open_rows = sum(chunk.rows - chunk.rows_in(chunk.covered) for chunk in open_chunks)
        rows, now = last.first_row + last.rows - open_rows, int(self.now().timestamp())
        known = self.ledger.progress(job.model.endpoint).get(job.id) or Progress(rows, now, job.rows_per_request)
        sent = [chunk for chunk in open_chunks if chunk.order]
        share = sum(chunk.length for chunk in sent) / sum(chunk.rows for chunk in sent) if sent else known.share
        progress = known.advanced(rows, now, share)
        self.ledger.set_progress(job, progress)

    def _sweep_chunk(self, job: JobRecord, chunk: Chunk, swept: Swept, *, paused: bool) -> None:
        if chunk.is_done:
            self.follow_up.cover(job, chunk)
            return
        if not self._is_quiet(chunk.touched):
            return
        found = self._unreported(job, chunk)
        self.queues.found(job.id, found)
        swept.found += len(found)
        if paused:
            return
        # Where there is no room a dispatch asks for it again and again, and where it was lost there will be room.
        unfinished = chunk.sent < chunk.length and self.follow_up.window(job).room(chunk.sent, chunk.waiting) > 0
        if unfinished:
            self.queues.dispatch(job.id, [chunk.number])
        resent = 0
        if self._age(chunk.touched) > job.options.request_ttl_seconds + self._grace_seconds(job):
            known = chunk.covered | {request.span for request in found}
            resent = self._resend(job, chunk, list(gaps(chunk.sent, known)))
        if unfinished or resent:
            self.ledger.touch(job.id, chunk.number)
        swept.resent += resent

    def _unreported(self, job: JobRecord, chunk: Chunk) -> dict[RequestId, str]:
        """Outputs that lie where a request's output must be, of rows that are not covered.

        Up to a span's mark they have been acted upon: such an output is no answer, and will not become one.
        """
        found: dict[RequestId, str] = {}
        covered = chunk.covered
        for key in self.store.keys(output_prefix(job.id, job.nonce, chunk.number)):
            request = request_of_output(job.id, chunk.number, key)
            if request is None or is_covered(request.span, covered) or request.span in chunk.held:
                continue
            if request.attempt > self.ledger.mark(job.id, chunk.number, request.span).attempt:
                found[request] = self.store.location(key)
        return found

    def _resend(self, job: JobRecord, chunk: Chunk, missing: list[Span]) -> int:
        """Send rows again that nothing has come back for. Attempts of a span only rise."""
        most = job.rows_per_request
        spans = [
            Span(start, min(most, gap.end - start)) for gap in missing for start in range(gap.start, gap.end, most)
        ]
        if spans:
            attempts = {span: self.ledger.mark(job.id, chunk.number, span).attempt + 1 for span in spans}
            self.queues.resend(job.id, chunk.number, attempts, delay=0)
            if job.doubts_answers_to(chunk):
                self.queues.probe(job.id, chunk.number, spans[0].start)
        return len(spans)

    def _breaks_the_circuit(self, job: JobRecord) -> bool:
        """Pause an endpoint whose latest news, from all jobs, are only failures; whether it is paused."""
        endpoint, seconds = job.model.endpoint, int(self.now().timestamp())
        health = self.ledger.health(endpoint)
        pause = health.pause
        if pause.until > seconds:
            return True
        if pause.seconds and health.answered > pause.until:
            self.ledger.set_pause(endpoint, Pause())
        since = max(health.answered, pause.until) or int(job.created.timestamp())
        if health.broken <= since or self._age(since) < _FIRST_PAUSE_SECONDS:
            return False
        length = min(max(2 * pause.seconds, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
        self.ledger.set_pause(endpoint, Pause(seconds + length, length))
        return True

    def _gives_up(self, job: JobRecord, chunks: list[Chunk]) -> bool:
        """End a job of which the model has failed every request in the same way for long; whether it did.

        Whether that is the model or the file, nobody can tell from here, and trying on would cost days.
        """
        patience = _PATIENCE_SECONDS.get(cause_of(job.trouble.words))
        has_answers = bool(job.fields) or any(chunk.predicted or chunk.held for chunk in chunks)
        if patience is None or not job.trouble.since or has_answers or self._age(job.trouble.since) < patience:
            return False
        if self.ledger.health(job.model.endpoint).answered >= job.trouble.since or not self._is_tried(job, chunks):
            return False
        minutes = patience // 60
        reason = f"the model has failed every request for {minutes} minutes and predicted no row: {job.trouble.words}"
        self.follow_up.close(job.id, State.FAILED, reason)
        return True

    def _is_tried(self, job: JobRecord, chunks: list[Chunk]) -> bool:
        """Whether rows that stood alone have failed so often that others will fail, too."""
        known = (outcome for chunk in chunks for outcome in self.ledger.outcomes(job.id, chunk.number))
        attempts = [outcome.requests for outcome in known if outcome.span.rows == 1 and outcome.reason is None]
        rows = sum(gap.rows for chunk in chunks for gap in gaps(chunk.length, chunk.covered))
        return sum(attempts) >= _ATTEMPTS_OF_ROWS and len(attempts) >= min(rows, _ATTEMPTS_OF_ROWS)

    def _grace_seconds(self, job: JobRecord) -> int:
        return self.grace_seconds + max(0, job.options.invocation_timeout_seconds - TIMEOUT_SECONDS)

    def _is_quiet(self, since: int) -> bool:
        return self._age(since) > self.quiet_seconds

    def _age(self, since: int) -> int:
        return int(self.now().timestamp()) - since
