"""`fanfold estimate`: what a file will take, before anything is spent."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from math import isinf
from typing import Any

import click

from fanfold.cli import options
from fanfold.cli.inputs import File, opened, parameters_of
from fanfold.cli.output import show_facts, show_json
from fanfold.costs.estimate import BYTES_PER_TOKEN, EndpointPlan, Estimate, Workload, count, make_estimate, read_prices
from fanfold.costs.outlook import as_if_new, beyond_limit
from fanfold.input.uploads import metadata
from fanfold.project import find_root
from fanfold.terminal import bytes_bar, stderr
from fanfold_core.app.costs import HOUR, cost_lines
from localaws import template

_DIGITS = 6


@click.command("estimate", short_help="Estimate requests, cost and time for a file.")
@options.of_a_file
@click.option("--stack", metavar="NAME", help="Deployed stack whose parameters to use; default: the template's.")
@click.option(
    "--rows-per-second",
    type=options.Amount(0, min_open=True),
    metavar="R",
    help="Rows that one instance processes per second: `predicted` ÷ `endpoint_seconds` of a job on one instance.",
)
@click.option("--instances", type=options.Number(1), metavar="N", help="Assume N instances, always on.")
@click.option(
    "--instance-type",
    metavar="T",
    help="Instance type to assume, such as ml.g5.xlarge; default: the stack's. Required for the cost of an existing "
    "endpoint.",
)
@options.as_json
def estimate_command(
    file: File,
    stack: str | None,
    rows_per_second: float | None,
    instances: int | None,
    instance_type: str | None,
    as_json: bool,
    **reading: Any,
) -> None:
    """Estimate rows, requests, AWS API calls, cost and time for FILE. Nothing is uploaded.

    The file is cut into chunks and requests as on AWS. Costs are based on on-demand prices of us-east-1, dated in
    prices.toml, without free tiers. Time is simulated with the template's scaling policies. The tokens in prompts for a
    language model are estimated by their bytes; of its answers, nothing is known before. With --since, all rows are
    counted: which of them are new is found out by the job.

    The cost is at least that of AWS services, and with --rows-per-second also that of one instance while it works. If
    the endpoint has scaled to zero and wakes for this job, all instances until they are gone again are included: they
    stay for 15 minutes after the last row. If that is more than --max-dollars, the last line says so.

    \b
    fanfold estimate tweets.csv
    fanfold estimate tweets.csv --stack fanfold --rows-per-second 200
    fanfold estimate tweets.csv.gz --rows-per-second 12 --instances 2 --rows-per-request 8 --json
    """
    if instance_type:
        template.check(template.read(find_root()), {"InstanceType": instance_type})
    parameters = parameters_of(stack)
    with (
        opened(file, stack, parameters, metadata(**reading)) as found,
        bytes_bar("reading", None if found.content.is_copied else found.source.size) as seen,
    ):
        work = count(found, seen)
    chosen = found.options
    plan = (
        None
        if rows_per_second is None
        else EndpointPlan.of_stack(
            parameters,
            rows_per_second,
            chosen.request_ttl_seconds,
            instances=instances,
            instance_type=instance_type,
        )
    )
    came = make_estimate(work, chosen.rows_per_request, plan, parameters["Architecture"])
    if chosen.since:
        stderr.print(as_if_new(chosen.since), soft_wrap=True)
    if plan and plan.instance_type and "instances" not in came.dollars:
        stderr.print(f"The price of {plan.instance_type} is not known: only services are counted.", soft_wrap=True)
    if as_json:
        prices = read_prices()
        show_json(
            {
                **asdict(work),
                "prompt_tokens": work.prompt_tokens,
                **_rounded({**asdict(came), "at_least": came.at_least, "total": came.total}),
                "max_dollars": None if isinf(chosen.most_dollars) else chosen.most_dollars,
                "exceeds_max_dollars": came.total > chosen.most_dollars,
            }
            | {"prices": {"date": str(prices["date"]), "region": prices["region"]}}
        )
        return
    show_facts(_facts(work, came) | {"limit": beyond_limit(came, chosen)})
    if plan is None:
        stderr.print("To estimate the time and cost of the endpoint, add --rows-per-second.")


def _rounded(value: Any) -> Any:
    """The same with no more digits than an estimate has."""
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def _facts(work: Workload, came: Estimate) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "rows": work.rows,
        "cannot be sent": work.unsendable or None,
        "requests": work.requests,
        "AWS API calls": came.calls,
        "prompt tokens": f"about {work.prompt_tokens:,} ({BYTES_PER_TOKEN} bytes each)" if work.prompt_bytes else None,
    }
    facts |= cost_lines(came.dollars)
    facts["cost"] = str(came)
    if came.instance_seconds is not None:
        facts["instance hours"] = f"{came.instance_seconds / HOUR:.2f}"
        facts["time"] = "more than a month" if came.seconds is None else str(timedelta(seconds=round(came.seconds)))
    return facts
