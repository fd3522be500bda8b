"""What follows from a job as it is.

Decided from the state, not from the change just made: whoever sees a message again decides the same again. Splitter
and collector both ask after every write of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fanfold_core.domain.answers import bounded
from fanfold_core.domain.job import Chunk, JobRecord, State
from fanfold_core.domain.requests import chunk_limits
from fanfold_core.domain.window import Demand, compute_window, throughput
from fanfold_core.input.cutting import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from fanfold_core.app.ports import Ledger, Queues
    from fanfold_core.domain.job import JobRecord
    from fanfold_core.domain.window import Progress, Window

# The set of covered chunks is trimmed when it holds this many: every write of the job is charged by its whole size.
_COMPACT_FROM = 200


@dataclass(frozen=True, slots=True)
class FollowUp:
    """Releases chunks to the dispatcher, as many as its `window` takes, and closes a job when all of it is done."""

    ledger: Ledger
    queues: Queues
    window: Callable[[JobRecord], Window]

    def __call__(self, job: JobRecord) -> JobRecord:
        """Do what the job as it is calls for; answers with the job as it then is."""
        if job.state is State.RUNNING:
            self._release(job)
            self._compact(job)
        if job.all_done:
            return self.close(job.id, State.SUCCEEDED, "")
        return job

    def cover(self, job: JobRecord, chunk: Chunk) -> JobRecord:
        """Add a done chunk to its job; frozen, so that the job knows all its fields when the header is fixed."""
        frozen = chunk if chunk.frozen else self.ledger.freeze(job.id, chunk.number)
        return self.ledger.cover_chunk(job.id, chunk.number, bounded(job.fields, frozen.fields))

    def close(self, job_id: str, outcome: State, reason: str) -> JobRecord:
        """End the job with this outcome, unless it is ending already, and have it assembled."""
        job = self.ledger.close(job_id, outcome, reason)
        if job.state is State.CLOSING:
            self.queues.assemble(job_id)
        return job

    def _release(self, job: JobRecord) -> None:
        if job.released >= job.stored:
            return
        upto = min(job.stored, job.done + self.window(job).chunks)
        if upto > job.released:
            # The sends first: dying in between repeats them, and a repeated dispatch finds its work done.
            self.queues.dispatch(job.id, range(job.released, upto))
            self.ledger.raise_released(job.id, upto)

    def _compact(self, job: JobRecord) -> None:
        if len(job.covered) < _COMPACT_FROM:
            return
        low = job.low
        while low in job.covered:
            low += 1
        self.ledger.compact(job.id, low, {number for number in job.covered if number < low})


# What is known of an endpoint changes with each sweep, that is every few minutes.
_KNOWN_SECONDS = 10


@dataclass(slots=True)
class Windows:
    """Says the window of a job as it is; one whose endpoint's speed isn't known has `unmeasured_chunks` at most."""

    ledger: Ledger
    unmeasured_chunks: int
    now: Callable[[], datetime]
    _known: dict[str, tuple[float, Mapping[str, Progress]]] = field(default_factory=dict, init=False)

    def __call__(self, job: JobRecord) -> Window:
        """How much of the job may be under way."""
        now = self.now().timestamp()
        progress = self._progress(job.model.endpoint, now)
        share = progress[job.id].share if job.id in progress else 1.0
        seen = throughput(progress, job.id, int(now))
        return compute_window(_demand(job, now, share), seen, self.unmeasured_chunks)

    def _progress(self, endpoint: str, now: float) -> Mapping[str, Progress]:
        read, progress = self._known.get(endpoint, (float("-inf"), {}))
        if now - read >= _KNOWN_SECONDS:
            progress = self.ledger.progress(endpoint)
            self._known[endpoint] = now, progress
        return progress


def _demand(job: JobRecord, now: float, share: float) -> Demand:
    most = chunk_limits(Limits(), job.options.rows_per_request).rows
    return Demand(
        rows_per_request=job.rows_per_request,
        ttl_seconds=job.options.request_ttl_seconds,
        chunk_rows=max(1, int(share * (job.rows // job.total if job.rows and job.total else most))),
        stored=job.stored,
        done=job.done,
        age_seconds=now - job.created.timestamp(),
    )
