"""Sweeper: whatever was lost on the way is found and sent again.

It asks of every open job the questions that everybody asks, of the state as it is: is there a chunk to release, a
dispatch to finish, a row without an answer? So it needs to know nothing of what went wrong. What no function can
process ends its job.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fanfold_core.app.rounds import PAST_DEADLINE
from fanfold_core.app.sweep.patience import Patience
from fanfold_core.app.sweep.spending import Spending
from fanfold_core.domain.errors import NewerVersionError, UnknownJobError
from fanfold_core.domain.job import State
from fanfold_core.domain.keys import output_prefix, request_of_output
from fanfold_core.domain.options.table import TIMEOUT_SECONDS
from fanfold_core.domain.spans import Span, gaps, is_covered
from fanfold_core.domain.window import Progress
from fanfold_core.input.errors import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from fanfold_core.app.follow_up import FollowUp
    from fanfold_core.app.ports import DeadLetter, DeadLetters, Ledger, Queues, Store
    from fanfold_core.domain.job import Chunk, JobRecord
    from fanfold_core.domain.keys import RequestId

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
        if not start and self._spending.has_spent_all(job, out_of_time):
            return swept
        numbers = [number for number in range(max(job.low, start), job.released) if number not in job.covered]
        chunks = list(self._chunks(job, numbers, out_of_time))
        patience = Patience(self.ledger, self.follow_up, self.now)
        if not start and len(chunks) == len(numbers):
            # Only who has seen all open chunks can say what the job has come to.
            self._measure(job, chunks)
            if patience.gives_up(job, chunks):
                return swept
        paused = patience.breaks_the_circuit(job)
        for chunk in chunks:
            if out_of_time():
                self.queues.sweep(job.id, chunk.number)
                return swept
            self._sweep_chunk(job, chunk, swept, paused=paused)
        self.follow_up(self.ledger.job(job_id))
        return swept

    @property
    def _spending(self) -> Spending:
        return Spending(self.ledger, self.follow_up, self.instances, self.instance_type, self.now)

    def _chunks(self, job: JobRecord, numbers: Sequence[int], out_of_time: Callable[[], bool]) -> Iterator[Chunk]:
        for number in numbers:
            yield self.ledger.chunk(job.id, number)
            if out_of_time():
                return

    def _measure(self, job: JobRecord, open_chunks: list[Chunk]) -> None:
        """Remember how far the job is. Where an earlier job has predicted rows, their number tells of no speed."""
        if job.takes_over or not job.released:
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

    def _grace_seconds(self, job: JobRecord) -> int:
        return self.grace_seconds + max(0, job.options.invocation_timeout_seconds - TIMEOUT_SECONDS)

    def _is_quiet(self, since: int) -> bool:
        return self._age(since) > self.quiet_seconds

    def _age(self, since: int) -> int:
        return int(self.now().timestamp()) - since
