"""Spending: what a job has cost so far, and its end at `max-dollars`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isinf
from typing import TYPE_CHECKING

from fanfold_core.app.costs import AWAKE_SECONDS, HOUR, in_dollars, instance_dollars, job_services
from fanfold_core.domain.job import Spent, State
from fanfold_core.domain.results import requests
from fanfold_core.input.errors import counted

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from fanfold_core.app.follow_up import FollowUp
    from fanfold_core.app.ports import Ledger
    from fanfold_core.domain.job import JobRecord


@dataclass(frozen=True, slots=True)
class Spending:
    """Counts what jobs spend: on services, and on the `instances` of their endpoint."""

    ledger: Ledger
    follow_up: FollowUp
    instances: Callable[[str], int]
    instance_type: str
    now: Callable[[], datetime]

    def has_spent_all(self, job: JobRecord, out_of_time: Callable[[], bool]) -> bool:
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
        rows = counted(spent.rows, "row")
        if job.rows is not None and not job.takes_over:
            rows = f"{spent.rows:,} of {counted(job.rows, 'row')}"
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
        """What the job has taken, with the rows that have their answer from it; None if the time is too short.

        Chunks that are done don't change any more, so they are counted once, as far as nothing before them is open.
        """
        done = spent = before
        for number in range(before.chunks, job.released):
            if out_of_time():
                self.ledger.set_spent(job, done)
                return None
            chunk = self.ledger.chunk(job.id, number)
            sent = sum(requests(self.ledger.outcomes(job.id, number)).values())
            rows = chunk.rows_in(chunk.covered) - chunk.rows_in(chunk.inherited)
            spent = replace(spent, rows=spent.rows + rows, requests=spent.requests + sent)
            if number == done.chunks and (number < job.low or number in job.covered):
                done = spent = replace(spent, chunks=number + 1)
        # Of a type without a price, seconds are worth nothing.
        instances = self.instances(job.model.endpoint) if self._instance_dollars(HOUR) else 0
        now = int(self.now().timestamp())
        self.ledger.set_spent(job, done.seen(instances, now))
        return spent.seen(instances, now)
