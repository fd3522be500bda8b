"""Patience: how long an endpoint is asked that answers nothing, and when a model that fails all of a job ends it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from fanfold_core.domain.job import State
from fanfold_core.domain.outcomes import Cause, Pause, cause_of
from fanfold_core.domain.spans import gaps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from fanfold_core.app.follow_up import FollowUp
    from fanfold_core.app.ports import Ledger
    from fanfold_core.domain.job import Chunk, JobRecord

# An endpoint that only breaks requests is left alone for five minutes, then twice as long, up to an hour.
_FIRST_PAUSE_SECONDS = 300
_LONGEST_PAUSE_SECONDS = 3600
# For how long a model may fail every request in the same way. An endpoint that is not there is waited for.
_PATIENCE_SECONDS = {Cause.MODEL: 1800, Cause.TIMEOUT: 6 * 3600}
# And so many requests of single rows, of as many rows where there are so many.
_ATTEMPTS_OF_ROWS = 8


@dataclass(frozen=True, slots=True)
class Patience:
    """With an endpoint that breaks all requests, and with a model that fails all of a job."""

    ledger: Ledger
    follow_up: FollowUp
    now: Callable[[], datetime]

    def breaks_the_circuit(self, job: JobRecord) -> bool:
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

    def gives_up(self, job: JobRecord, open_chunks: Sequence[Chunk]) -> bool:
        """End a job of which the model has failed every request in the same way for long; whether it did.

        Whether that is the model or the file, nobody can tell from here, and trying on would cost days.
        """
        patience, since = _PATIENCE_SECONDS.get(cause_of(job.trouble.words)), job.trouble.since
        if patience is None or not since or self._age(since) < patience:
            return False
        if self._is_answering(job, open_chunks) or not self._is_tried(job, open_chunks):
            return False
        reason = f"the model has failed every request for {patience // 60} minutes and predicted none of the rows sent"
        self.follow_up.close(job.id, State.FAILED, f"{reason}: {job.trouble.words}")
        return True

    def _is_answering(self, job: JobRecord, open_chunks: Iterable[Chunk]) -> bool:
        """Whether the endpoint has answered since the trouble began, or the model a row of the job before.

        Rows that were taken over from an earlier job, which have fields, too, are no answers. But they are sent again
        as witnesses: with these, an endpoint that works has answered since the job began, whatever it makes of others.
        """
        answered = self.ledger.health(job.model.endpoint).answered
        if answered >= job.trouble.since:
            return True
        has_answers = bool(job.fields) or any(chunk.predicted or chunk.held for chunk in open_chunks)
        return has_answers and (not job.takes_over or answered >= int(job.created.timestamp()))

    def _is_tried(self, job: JobRecord, open_chunks: Sequence[Chunk]) -> bool:
        """Whether rows that stood alone have failed so often that others will fail, too."""
        known = chain.from_iterable(self.ledger.outcomes(job.id, chunk.number) for chunk in open_chunks)
        alone = (outcome for outcome in known if outcome.span.rows == 1 and outcome.reason is None)
        attempts = [outcome.requests for outcome in alone if outcome.requests]  # none was sent of a row taken over
        rows = sum(gap.rows for chunk in open_chunks for gap in gaps(chunk.length, chunk.covered))
        return sum(attempts) >= _ATTEMPTS_OF_ROWS and len(attempts) >= min(rows, _ATTEMPTS_OF_ROWS)

    def _age(self, since: int) -> int:
        return int(self.now().timestamp()) - since
