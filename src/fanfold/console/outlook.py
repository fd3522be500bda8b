"""What a file will cost and how long it will take, before its upload: reckoned from its first bytes and its size.

The speed of the endpoint is that of the jobs that the console has seen end; before the first one, nobody knows it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

from fanfold.costs.estimate import EndpointPlan, Workload, make_estimate, read_prices
from fanfold_core.domain.options import Options
from fanfold_core.domain.requests import chunk_limits
from fanfold_core.input.cutting import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from fanfold.console.preview import Preview

# Of more requests than this, the first are simulated, and the others take as long: an estimate takes a moment only.
_MOST_SIMULATED = 20_000
# Rows of a job from which a speed may be read.
_LEAST_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a job will take: rows and requests, dollars for services and for the endpoint, seconds.

    `endpoint` dollars and `seconds` are None where the speed, which is in rows per second, or the price isn't known;
    `hour` is the price of an instance then. A local cloud costs nothing: all dollars are None. `is_exact` if the rows
    were counted. `prompt_tokens` are a guess.
    """

    rows: int
    is_exact: bool
    requests: int
    services: float | None
    endpoint: float | None
    seconds: float | None
    speed: float | None
    instance_type: str
    hour: float | None
    prices: str
    prompt_tokens: int


def speed_of(summary: Mapping[str, Any]) -> float | None:
    """Rows a second by what the summary of a job says; None if it had too few to tell."""
    if summary.get("predicted", 0) < _LEAST_ROWS or not summary.get("endpoint_seconds"):
        return None
    return float(summary["predicted"] / summary["endpoint_seconds"])


def look_ahead(  # noqa: PLR0913 - what is known beforehand
    preview: Preview,
    size: int,
    parameters: Mapping[str, str],
    given: Mapping[str, str],
    speed: float | None,
    *,
    is_local: bool,
) -> Outlook | None:
    """What the job of a file of this size will take; None if its first bytes don't tell."""
    if preview.question or not preview.bytes_read or not preview.rows_read:
        return None
    options = Options.of_stack(parameters, given)
    rows = max(1, round(preview.rows_read * max(1, size / preview.bytes_read)))
    limits = chunk_limits(Limits(), options.rows_per_request)
    chunks = ceil(max(rows / limits.rows, size / limits.bytes))
    # The first row of each chunk goes alone.
    requests = ceil(rows / options.rows_per_request) + chunks
    prompts = round(preview.prompt_bytes * rows / preview.rows_read)
    work = Workload(rows, 0, requests, chunks, size, prompt_bytes=prompts)
    known = Outlook(
        rows=rows,
        is_exact=size <= preview.bytes_read,
        requests=work.requests,
        services=None,
        endpoint=None,
        # Unless scaling is simulated, a local endpoint doesn't sleep.
        seconds=rows / speed if speed else None,
        speed=speed,
        instance_type="",
        hour=None,
        prices="",
        prompt_tokens=work.prompt_tokens,
    )
    return known if is_local else _priced(known, work, options, parameters)


def _priced(known: Outlook, work: Workload, options: Options, parameters: Mapping[str, str]) -> Outlook:
    """The same on AWS."""
    speed, prices = known.speed, read_prices()
    instance_type = "" if parameters.get("EndpointName") else parameters["InstanceType"]
    endpoint = seconds = None
    if speed:
        simulated = replace(work, requests=min(work.requests, _MOST_SIMULATED))
        times = work.requests / simulated.requests
        plan = EndpointPlan.of_stack(parameters, speed, options.request_ttl_seconds)
        found = make_estimate(simulated, options.rows_per_request, plan)
        if (instances := found.dollars.get("instances")) is not None:
            endpoint = instances * times
        seconds = found.seconds and found.seconds * times
    return replace(
        known,
        services=make_estimate(work, options.rows_per_request, None, parameters["Architecture"]).total,
        endpoint=endpoint,
        seconds=seconds,
        instance_type=instance_type,
        hour=prices["sagemaker"]["hour"].get(instance_type),
        prices=f"{prices['region']}, {prices['date']}",
    )
