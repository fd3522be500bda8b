"""What follows from a job as it is.

Decided from the state, not from the change just made: whoever sees a message again decides the same again. Splitter
and collector both ask after every write of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fanfold_core.domain.job import Chunk, Job, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from fanfold_core.app.ports import Ledger, Queues
    from fanfold_core.domain.window import Window

# The set of covered chunks is trimmed when it holds this many: every write of the job is charged by its whole size.
_COMPACT_FROM = 200


@dataclass(frozen=True, slots=True)
class FollowUp:
    """Releases chunks to the dispatcher, as many as its `window` takes, and closes a job when all of it is done."""

    ledger: Ledger
    queues: Queues
    window: Callable[[Job], Window]

    def __call__(self, job: Job) -> Job:
        """Do what the job as it is calls for; answers with the job as it then is."""
        if job.state is State.RUNNING:
            self._release(job)
            self._compact(job)
        if job.all_done:
            return self.close(job.id, State.SUCCEEDED, "")
        return job

    def cover(self, job_id: str, chunk: Chunk) -> Job:
        """Add a done chunk to its job; frozen, so that the job knows all its fields when the header is fixed."""
        frozen = chunk if chunk.frozen else self.ledger.freeze(job_id, chunk.number)
        return self.ledger.cover_chunk(job_id, chunk.number, frozen.fields)

    def close(self, job_id: str, outcome: State, reason: str) -> Job:
        """End the job with this outcome, unless it is ending already, and have it assembled."""
        job = self.ledger.close(job_id, outcome, reason)
        if job.state is State.CLOSING:
            self.queues.assemble(job_id)
        return job

    def _release(self, job: Job) -> None:
        if job.released >= job.stored:
            return
        upto = min(job.stored, job.done + self.window(job).chunks)
        if upto > job.released:
            # The sends first: dying in between repeats them, and a repeated dispatch finds its work done.
            self.queues.dispatch(job.id, range(job.released, upto))
            self.ledger.raise_released(job.id, upto)

    def _compact(self, job: Job) -> None:
        if len(job.covered) < _COMPACT_FROM:
            return
        low = job.low
        while low in job.covered:
            low += 1
        self.ledger.compact(job.id, low, {number for number in job.covered if number < low})
