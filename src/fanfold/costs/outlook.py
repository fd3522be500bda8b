"""What a job will cost on a stack, and how long it will take, before anything is sent.

The speed of the endpoint is that of an earlier job; before the first one that is large enough, nobody knows it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from fanfold.costs.estimate import INSTANCES, EndpointPlan, Estimate, Workload, make_estimate
from fanfold.errors import DownloadError, JobStillOpenError
from fanfold_core.app.costs import HOUR, in_dollars, instance_dollars

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from fanfold.jobs import Job
    from fanfold.stacks import Stack
    from fanfold_core.domain.options import Options

# Of more requests than this, the first are simulated, and the others take as long: an estimate takes a moment only.
_MOST_SIMULATED = 20_000
# Rows of a job from which a speed may be read, and jobs that are asked for one.
_LEAST_ROWS, _MOST_ASKED = 1_000, 10
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Outlook:
    """An estimate of what a job will take, and the speed that it is by, in rows per second; None if nobody knows it.

    One of a local cloud costs nothing, and its endpoint doesn't sleep, unless scaling is simulated. What is taken over
    from the job `since` is counted, too. `limit` says that the job may not cost as much, if so.
    """

    estimate: Estimate
    speed: float | None
    instance_type: str
    is_local: bool = False
    since: str = ""
    limit: str = ""

    @property
    def cost(self) -> str:
        """What it costs, in words."""
        return "a local cloud costs nothing" if self.is_local else str(self.estimate)

    @property
    def wakes(self) -> bool:
        """Whether the endpoint wakes for it."""
        return self.estimate.wakes and not self.is_local

    @property
    def seconds(self) -> float | None:
        """From the upload to the last row, if that is known."""
        return self.estimate.working_seconds if self.is_local else self.estimate.seconds

    @property
    def has_instances(self) -> bool:
        """Whether the endpoint's instances are among the dollars."""
        return INSTANCES in self.estimate.dollars

    @property
    def basis(self) -> str:
        """What is known of the endpoint, and not of the rows, in sentences."""
        counted = as_if_new(self.since)
        return f"{self._of_endpoint} {counted}" if counted else self._of_endpoint

    @property
    def _of_endpoint(self) -> str:
        if self.speed:
            rows = f"{self.speed:,.0f}" if self.speed >= 10**_DIGITS else f"{self.speed:.{_DIGITS}g}"
            return f"At {rows} rows per second, as in the latest job."
        hour = None if self.is_local else instance_dollars(self.instance_type, HOUR)
        price = "" if hour is None else f"; an hour of an {self.instance_type} is {in_dollars(hour)}"
        return f"How long the endpoint takes is known after the first job of {_LEAST_ROWS:,} rows or more{price}."


def as_if_new(since: str) -> str:
    """What is said of a count of all rows if some may be taken over from a job: which, its splitter finds out."""
    return since and f"All rows are counted; those that can be taken over from {since} are not sent."


def beyond_limit(estimate: Estimate, options: Options) -> str:
    """What is said before a job whose `max-dollars` are less than its estimate; empty if they are not."""
    if estimate.total <= options.most_dollars:
        return ""
    amount = f"{'about' if INSTANCES in estimate.dollars else 'at least'} {in_dollars(estimate.total)}"
    return (
        f"max-dollars={options.max_dollars} is below the estimate of {amount}: when it is reached, the job ends as "
        "CANCELLED with the rows that are done"
    )


def speed_of(summary: Mapping[str, Any]) -> float | None:
    """Rows a second by what the summary of a job says; None if too few were sent to tell.

    What a retry says is of all rounds, so nobody knows how many rows it has sent.
    """
    sent = summary.get("predicted", 0) - summary.get("reused", 0)
    if sent < _LEAST_ROWS or summary.get("retry_of") or not summary.get("endpoint_seconds"):
        return None
    return float(sent / summary["endpoint_seconds"])


def latest_speed(jobs: Iterable[Job]) -> float | None:
    """Rows a second of the first of these jobs that tells, of which only some are asked."""
    for job in islice(jobs, _MOST_ASKED):
        with suppress(JobStillOpenError, DownloadError):  # it has not ended, or expired
            if speed := speed_of(job.summary()):
                return speed
    return None


def look_ahead(work: Workload, options: Options, stack: Stack, speed: float | None) -> Outlook:
    """What the job of a workload will take on a stack, at such a speed if it is known."""
    parameters = stack.parameters
    plan = EndpointPlan.of_stack(parameters, speed, options.request_ttl_seconds) if speed else None
    found = make_estimate(work, options.rows_per_request, plan, parameters["Architecture"], _MOST_SIMULATED)
    instance_type = "" if parameters.get("EndpointName") else parameters.get("InstanceType", "")
    limit = "" if stack.is_local else beyond_limit(found, options)
    return Outlook(found, speed, instance_type, stack.is_local, options.since, limit)
