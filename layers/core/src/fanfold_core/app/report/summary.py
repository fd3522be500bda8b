"""Summary: what a job came to, as summary.json, the event at its end and the report tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fanfold_core.app.costs import job_services, read_prices
from fanfold_core.domain.counting import short_label
from fanfold_core.domain.keys import TABLE_FOLDER, result_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fanfold_core.domain.job import JobRecord, State
    from fanfold_core.domain.parts import Totals
    from fanfold_core.domain.statistics.labels import Labels

# Millionths of a dollar are said, and a tenth of one.
_DIGITS = 7


def summarize(
    job: JobRecord, state: State, totals: Totals, location: Callable[[str], str], version: str
) -> dict[str, Any]:
    """What a finished job came to, ready for JSON. Times are ISO 8601 in UTC, `seconds` lie between them.

    `endpoint_seconds` are those from the first answer to the last: what the endpoint took once it was awake.
    `dollars` are estimated, by service, at the list `prices` of that region and day, with functions on x86.
    """
    prices = read_prices()
    dollars = job_services(totals.requests, job.stored)
    ended = job.ended or job.created
    # A clock may have been set back meanwhile.
    seconds = max(0, round((ended - job.created).total_seconds(), 3))
    return {
        "job": job.id,
        "state": state.value,
        "reason": job.reason,
        "rows": totals.rows,
        "predicted": totals.predicted,
        "failed": totals.failed,
        "not_answered": totals.statistics.unanswered,
        "invalid": totals.statistics.invalid,
        "duplicates": totals.statistics.duplicates,
        "reused": totals.statistics.reused,
        "tokens": totals.statistics.tokens or None,
        "requests": totals.requests,
        "requests_again": totals.statistics.again,
        "mismatched_answers": totals.statistics.mismatched,
        "chunks": job.stored,
        # Answers are counted by steps, which are whole seconds.
        "endpoint_seconds": min(totals.statistics.answers.lasted, seconds),
        "dollars": {service: round(amount, _DIGITS) for service, amount in dollars.items()},
        "prices": f"{prices['region']}, {prices['date']}",
        "assumed": list(job.layout.assumed) if job.layout else [],
        "warnings": [
            *(job.layout.warnings if job.layout else ()),
            *totals.statistics.warnings(),
            *_useless_names(job.options.label_names, totals.statistics.labels),
        ],
        "columns": len(job.layout.columns) if job.layout else 0,
        "delimiter": job.dialect.delimiter,
        "quote": job.dialect.quote,
        "retry_of": job.parent,
        "since": job.options.since or None,
        "submitted_by": job.submitted_by,
        "seconds": seconds,
        "created": job.created.isoformat(),
        "ended": ended.isoformat(),
        "input": job.source.address,
        "input_version": job.source.version,
        "results": location(result_key(job.id, job.results_file)),
        "parquet": location(result_key(job.id, f"{TABLE_FOLDER}/")) if job.options.has_table else None,
        "errors": location(result_key(job.id, "errors.csv")),
        "model": job.model.model,
        "revision": job.model.revision,
        "endpoint": job.model.endpoint,
        "endpoint_config": job.model.endpoint_config,
        "fanfold": version,
    }


def _useless_names(names: Mapping[str, str], labels: Labels) -> Iterator[str]:
    """That the names for labels fit none, which a typing error does, or another model."""
    if names and labels.rows and not labels.other and labels.rows.keys().isdisjoint(map(short_label, names.values())):
        yield "The option `labels` names no label that was predicted: compare its names with the labels in the report."
