"""Patience: how long an endpoint is asked that answers nothing, and when a model that fails all of a job ends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fanfold_core.domain.job import State
from fanfold_core.domain.outcomes import Cause, Pause, cause_of
from fanfold_core.domain.spans import gaps

if TYPE_CHECKING:
    from collections.abc import Callable
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

    def gives_up(self, job: JobRecord, chunks: list[Chunk]) -> bool:
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

    def _age(self, since: int) -> int:
        return int(self.now().timestamp()) - since
