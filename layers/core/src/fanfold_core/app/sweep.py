"""Sweeper: whatever was lost on the way is found and sent again.

It asks of every open job the questions that everybody asks, of the state as it is: is there a chunk to release, a
dispatch to finish, a row without an answer? So it needs to know nothing of what went wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fanfold_core.domain.job import Chunk, JobRecord, Pause, State
from fanfold_core.domain.keys import output_prefix, request_of_output
from fanfold_core.domain.spans import Span, gaps, is_covered
from fanfold_core.domain.window import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from fanfold_core.app.follow_up import FollowUp
    from fanfold_core.app.ports import Ledger, Queues, Store
    from fanfold_core.domain.keys import RequestId

# An endpoint that only breaks requests is left alone for five minutes, then twice as long, up to an hour.
_FIRST_PAUSE_SECONDS = 300
_LONGEST_PAUSE_SECONDS = 3600


@dataclass(slots=True)
class Swept:
    """What a sweep of one job found: outputs that nobody had reported, and spans that were sent again."""

    found: int = 0
    resent: int = 0


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Sweeps open jobs, each in messages of its own.

    What made no progress for `quiet_seconds` is looked at. A request that has no answer `grace_seconds` after its time
    in SageMaker's queue was over is lost: it works for 15 minutes at most, and its notification may take a while.
    """

    ledger: Ledger
    store: Store
    queues: Queues
    follow_up: FollowUp
    quiet_seconds: int
    grace_seconds: int
    now: Callable[[], datetime]

    def sweep_all(self) -> int:
        """Have every open job swept; answers with their number."""
        jobs = list(self.ledger.open_jobs())
        for job in jobs:
            self.queues.sweep(job)
        return len(jobs)

    def sweep(self, job_id: str, start: int, out_of_time: Callable[[], bool]) -> Swept:
        """Sweep a job from chunk `start` on. When time runs out, the next message goes on."""
        job, swept = self.ledger.job(job_id), Swept()
        if job.state is State.CLOSING and self._is_quiet(job.touched):
            self.queues.assemble(job.id)
        if job.state is not State.RUNNING:
            return swept
        if self.now() >= job.deadline:
            hours = job.options.deadline_hours
            self.follow_up.close(job.id, State.FAILED, f"the job did not end within its deadline of {hours} hours")
            return swept
        if job.total is None and self._is_quiet(job.touched):
            self.queues.split(job.id)
        chunks = list(self._open_chunks(job, start, out_of_time))
        if not start and not out_of_time():
            self._measure(job, chunks)
        paused = self._breaks_the_circuit(job, chunks)
        for chunk in chunks:
            if out_of_time():
                self.queues.sweep(job.id, chunk.number)
                return swept
            self._sweep_chunk(job, chunk, swept, paused=paused)
        self.follow_up(self.ledger.job(job_id))
        return swept

    def _open_chunks(self, job: JobRecord, start: int, out_of_time: Callable[[], bool]) -> Iterator[Chunk]:
        for number in range(max(job.low, start), job.released):
            if number not in job.covered:
                yield self.ledger.chunk(job.id, number)
                if out_of_time():
                    return

    def _measure(self, job: JobRecord, open_chunks: list[Chunk]) -> None:
        """Remember how far the job is. Of a later round most rows were covered before it began: it isn't measured."""
        if job.parent or not job.released:
            return
        last = self.ledger.chunk(job.id, job.released - 1)
        open_rows = sum(gap.rows for chunk in open_chunks for gap in gaps(chunk.rows, chunk.covered))
        rows, now = last.first_row + last.rows - open_rows, int(self.now().timestamp())
        known = self.ledger.progress(job.model.endpoint).get(job.id)
        progress = known.advanced(rows, now) if known else Progress(rows, now, job.options.rows_per_request)
        self.ledger.set_progress(job, progress)

    def _sweep_chunk(self, job: JobRecord, chunk: Chunk, swept: Swept, *, paused: bool) -> None:
        if chunk.is_done:
            self.follow_up.cover(job.id, chunk)
            return
        if not self._is_quiet(chunk.touched):
            return
        found = self._unreported(job, chunk)
        self.queues.found(found)
        swept.found += len(found)
        if paused:
            return
        # Where there is no room a dispatch asks for it again and again, and where it was lost there will be room.
        unfinished = chunk.sent < chunk.rows and self.follow_up.window(job).room(chunk.sent, chunk.waiting) > 0
        if unfinished:
            self.queues.dispatch(job.id, [chunk.number])
        resent = 0
        if self._age(chunk.touched) > job.options.request_ttl_seconds + self.grace_seconds:
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
        for key in self.store.keys(output_prefix(job.id, chunk.number)):
            request = request_of_output(job.id, chunk.number, key)
            if request is None or is_covered(request.span, covered):
                continue
            if request.attempt > self.ledger.mark(job.id, chunk.number, request.span):
                found[request] = self.store.location(key)
        return found

    def _resend(self, job: JobRecord, chunk: Chunk, missing: list[Span]) -> int:
        """Send rows again that nothing has come back for. Attempts of a span only rise."""
        most = job.options.rows_per_request
        spans = [
            Span(start, min(most, gap.end - start)) for gap in missing for start in range(gap.start, gap.end, most)
        ]
        if spans:
            attempts = {span: self.ledger.mark(job.id, chunk.number, span) + 1 for span in spans}
            self.queues.resend(job.id, chunk.number, attempts, delay=0)
        return len(spans)

    def _breaks_the_circuit(self, job: JobRecord, chunks: list[Chunk]) -> bool:
        """Pause an endpoint whose latest news are all of the platform's failures; whether it is paused."""
        endpoint, seconds = job.model.endpoint, int(self.now().timestamp())
        pause = self.ledger.pause(endpoint)
        if pause.until > seconds:
            return True
        broken = max((chunk.broken for chunk in chunks), default=0)
        answered = max((job.answered, *(chunk.answered for chunk in chunks)))
        if pause.seconds and answered > pause.until:
            self.ledger.set_pause(endpoint, Pause())
        since = max(answered, pause.until) or int(job.created.timestamp())
        if broken <= since or self._age(since) < _FIRST_PAUSE_SECONDS:
            return False
        length = min(max(2 * pause.seconds, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
        self.ledger.set_pause(endpoint, Pause(seconds + length, length))
        return True

    def _is_quiet(self, since: int) -> bool:
        return self._age(since) > self.quiet_seconds

    def _age(self, since: int) -> int:
        return int(self.now().timestamp()) - since
