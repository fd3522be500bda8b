"""Windows of jobs: how much of each may be under way, by what the sweeper has seen of its endpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fanfold_core.domain.job import REQUESTS_PER_CHUNK
from fanfold_core.domain.limits import Limits
from fanfold_core.domain.window import Demand, throughput, window

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from fanfold_core.app.ports import Ledger
    from fanfold_core.domain.job import Job
    from fanfold_core.domain.window import Progress, Window

# What is known of an endpoint changes with each sweep, that is every few minutes.
_KNOWN_SECONDS = 10


@dataclass(slots=True)
class Windows:
    """Says the window of a job as it is; one whose endpoint's speed isn't known has `unmeasured_chunks` at most."""

    ledger: Ledger
    unmeasured_chunks: int
    now: Callable[[], datetime]
    _known: dict[str, tuple[float, Mapping[str, Progress]]] = field(default_factory=dict, init=False)

    def __call__(self, job: Job) -> Window:
        """How much of the job may be under way."""
        now = self.now().timestamp()
        seen = throughput(self._progress(job.model.endpoint, now), job.id, int(now))
        return window(_demand(job, now), seen, self.unmeasured_chunks)

    def _progress(self, endpoint: str, now: float) -> Mapping[str, Progress]:
        read, progress = self._known.get(endpoint, (float("-inf"), {}))
        if now - read >= _KNOWN_SECONDS:
            progress = self.ledger.progress(endpoint)
            self._known[endpoint] = now, progress
        return progress


def _demand(job: Job, now: float) -> Demand:
    most = min(Limits().rows, REQUESTS_PER_CHUNK * job.options.rows_per_request)
    return Demand(
        rows_per_request=job.options.rows_per_request,
        ttl_seconds=job.options.request_ttl_seconds,
        chunk_rows=max(1, job.rows // job.total) if job.rows and job.total else most,
        stored=job.stored,
        done=job.done,
        age_seconds=now - job.created.timestamp(),
    )
