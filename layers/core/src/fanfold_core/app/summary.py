"""The summary of a finished job, as `summary.json` and the command line give it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fanfold_core.app.costs import read_prices, services
from fanfold_core.domain.keys import result_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from fanfold_core.domain.job import Job, State, Totals


# Millionths of a dollar are said, and a tenth of one.
_DIGITS = 7


@dataclass(frozen=True, slots=True)
class _Work:
    requests: int
    chunks: int


def summary(job: Job, state: State, totals: Totals, location: Callable[[str], str], version: str) -> dict[str, Any]:
    """What a finished job came to, ready for JSON. Times are ISO 8601 in UTC, `seconds` lie between them.

    `endpoint_seconds` are those from the first answer to the last: what the endpoint took once it was awake.
    `dollars` are estimated, by service, at the list `prices` of that region and day, with functions on x86.
    """
    prices = read_prices()
    dollars = services(_Work(totals.requests, job.stored), prices, "x86_64")
    ended = job.ended or job.created
    return {
        "job": job.id,
        "state": state.value,
        "reason": job.reason,
        "rows": totals.rows,
        "predicted": totals.predicted,
        "failed": totals.failed,
        "requests": totals.requests,
        "requests_again": totals.statistics.again,
        "chunks": job.stored,
        "endpoint_seconds": totals.statistics.answers.lasted,
        "dollars": {service: round(amount, _DIGITS) for service, amount in dollars.items()},
        "prices": f"{prices['region']}, {prices['date']}",
        "retry_of": job.parent,
        "seconds": round((ended - job.created).total_seconds(), 3),
        "created": job.created.isoformat(),
        "ended": ended.isoformat(),
        "input": f"s3://{job.source.bucket}/{job.source.key}",
        "input_version": job.source.version,
        "results": location(result_key(job.id, "results.csv")),
        "errors": location(result_key(job.id, "errors.csv")),
        "model": job.model.model,
        "endpoint": job.model.endpoint,
        "endpoint_config": job.model.endpoint_config,
        "fanfold": version,
    }
