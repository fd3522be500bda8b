"""Retry: the failed rows of an ended job once more, as a job of its own.

The new round has the chunks of the earlier one, in which all that was predicted is covered from the start. A finished
round is never touched again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fanfold_core.domain.errors import NotEndedError
from fanfold_core.domain.job import Job
from fanfold_core.domain.keys import next_round

if TYPE_CHECKING:
    from datetime import datetime

    from fanfold_core.app.ports import Ledger, Queues


def retry(job_id: str, ledger: Ledger, queues: Queues, now: datetime) -> Job:
    """Begin the next round of a job; the same one, if it has begun already.

    `UnknownJobError` if there is no such job, `NotEndedError` if it is still at work.
    """
    job = ledger.job(job_id)
    if not job.state.is_terminal:
        raise NotEndedError(job_id)
    kept = job.expires - int(job.created.timestamp())
    following = Job(
        id=next_round(job.id),
        source=job.source,
        options=job.options,
        model=job.model,
        created=now,
        expires=int(now.timestamp()) + kept,
        part_bytes=job.part_bytes,
        layout=job.layout,
        fields=job.fields,
        parent=job.id,
    )
    following = ledger.create(following)
    queues.split(following.id)
    return following
