"""Jobs: which there are, how far one is, and what can be done with it."""

import json
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import click

from fanfold.cli import options
from fanfold.cli.conclusion import (
    COUNTS,
    ExitCode,
    Followed,
    advise,
    apart,
    code_of,
    describe_accuracy,
    follow_to_the_end,
    say_job,
)
from fanfold.cli.inputs import job_by_id
from fanfold.cli.logs import LogLine, follow_log, log_groups, log_lines
from fanfold.cli.options import as_typed
from fanfold.cli.output import echo, show_facts, show_json, show_table
from fanfold.client import Fanfold
from fanfold.folder import Owner, held
from fanfold.status import JobState, JobStatus
from fanfold.terminal import stderr

_COLUMNS = ("job", "state", *COUNTS, "created (UTC)", "submitted_by")


@click.command(short_help="List the jobs of a stack.")
@options.of_a_stack
@click.option(
    "--limit", type=options.Number(1), default=20, show_default=True, metavar="N", help="Show the latest N jobs."
)
@options.as_json
def jobs(stack: str, limit: int, as_json: bool) -> None:
    """List the jobs of a stack, latest first.

    `submitted_by` is who uploaded the file; a terminal that is too narrow for this column doesn't show it.

    \b
    fanfold jobs
    fanfold jobs --limit 100 --json | jq -r '.[] | select(.state == "FAILED") | .id'
    """
    found = [job.status() for job in islice(Fanfold(stack).jobs(), limit)]
    if as_json:
        show_json([status.as_dict() for status in found])
        return
    rows = [
        _facts(status) | {"job": status.id, "created (UTC)": f"{status.created.astimezone(UTC):%Y-%m-%d %H:%M}"}
        for status in found
    ]
    show_table(rows, _COLUMNS, right=COUNTS, less="submitted_by")


@click.command(short_help="Show the status of a job.")
@options.of_a_job
@click.option("--watch", is_flag=True, help="Show progress until the job has ended; exit codes are those of `run`.")
@options.as_json
def status(job: str, stack: str, watch: bool, as_json: bool) -> None:
    """Show the status of JOB.

    If requests fail for a reason other than their rows (for example, the endpoint is gone), or if a function cannot
    process a message of the job, it shows the last error and its time.

    For a job that has ended, it shows how many of the failed rows are invalid (they cannot be sent as they stand in the
    file), and whether a retry helps (advice); the estimated cost on AWS at list prices (nothing on a local cloud), some
    minutes later with the hours that the endpoint's instances ran during the job, as CloudWatch has counted them; with
    --label-column, how many predictions are right and the most frequent mistake; and if it failed, what its reason must
    not quote: the file's first line, or the most frequent error of a row. Its warnings are those of the report, for
    example that labels are distributed differently than in the last job of the same file name.

    \b
    fanfold status tweets-6a5ef09ece7577f1
    fanfold status tweets --watch          # a unique prefix of the id
    """
    found = job_by_id(Fanfold(stack), job)
    now = found.wait() if watch else found.status()
    cost = found.cost() if now.has_ended else None
    summary = found.summary() if now.has_ended else {}
    told = {
        "advice": advise(now.as_dict(), now.id, stack) if now.has_ended else "",
        "details": summary.get("details", ""),
    }
    now = replace(now, warnings=tuple(summary.get("warnings", now.warnings)))
    evaluation = summary.get("evaluation")
    if as_json:
        found_out = {"evaluation": evaluation, "departure": summary.get("departure")}
        show_json(now.as_dict() | {"cost": cost and asdict(cost), **told, **found_out})
    else:
        show_facts(_facts(now) | describe_accuracy(evaluation) | {"cost": cost and str(cost), **told})
    sys.exit(code_of(now.state, now.failed) if watch else ExitCode.OK)


def _facts(status: JobStatus) -> dict[str, Any]:
    times = {"created": status.created, "ended": status.ended}
    facts = status.as_dict() | {
        name: at and f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" for name, at in times.items()
    }
    trouble, at = facts.pop("trouble"), facts.pop("trouble_at")
    facts |= apart(facts) | {"invalid": status.invalid or None}
    del facts["not_answered"]
    facts["submitted_by"] = status.submitter
    facts |= {name: as_typed(" ".join(facts[name])) for name in ("assumed", "warnings")}
    if at:
        ago = datetime.now(UTC) - datetime.fromisoformat(at)
        facts["last error"] = f"{trouble} ({ago.total_seconds():.0f} s ago)"
    return facts


@click.command(short_help="Stop a job and keep the rows that are done.")
@options.of_a_job
def cancel(job: str, stack: str) -> None:
    """Stop JOB. Results are written for the rows that are done; the other rows get the error "cancelled".

    It doesn't wait for the results. If they cannot be written, the job ends as FAILED with the reason.

    \b
    fanfold cancel tweets-6a5ef09ece7577f1
    """
    found = job_by_id(Fanfold(stack), job)
    if (now := found.status()).has_ended:
        stderr.print(f"job {found.id} has already ended: {now.state}", soft_wrap=True)
        return
    now = found.cancel()
    if now.has_ended:
        stderr.print(f"job {found.id}: {now.state}", soft_wrap=True)
        return
    stderr.print(
        f"job {found.id}: {now.state}; the rows that are done are being written to its results. To follow it: "
        f"`fanfold status {found.id} --watch --stack {stack}`",
        soft_wrap=True,
    )
    if now.trouble:
        stderr.print(f"last error: {now.trouble}", style="yellow", soft_wrap=True)


@click.command(short_help="Retry the failed rows of a job.")
@options.of_a_job
@options.out_folder
@options.replace
def retry(job: str, stack: str, out: Path, replace: bool) -> None:
    """Retry the failed rows of JOB and write all rows to a folder. JOB must have ended. Exit codes are those of `run`.

    The retry is a new job, named like the first with a number. Its predictions replace the errors. If no rows failed,
    the command does nothing. If all failed rows are invalid, such as empty ones, it ends with a usage error: only a
    corrected file helps.

    \b
    fanfold retry tweets-6a5ef09ece7577f1 --out second
    fanfold retry tweets-6a5ef09ece7577f1.2 --out third
    """
    client = Fanfold(stack)
    found = job_by_id(client, job)
    now = found.status()
    if now.state is JobState.SUCCEEDED:
        stderr.print(f"job {found.id} has no failed rows: nothing to retry", soft_wrap=True)
        return
    now.check_retry()
    with held(out, Owner.of_job(client.stack.ledger.job(found.id)), replace=replace) as folder:
        again = found.retry()
        say_job(again)
        code = follow_to_the_end([Followed(again, again.id, folder)], stack)
    sys.exit(code)


_STYLES = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}


@click.command(short_help="Print the log of a job.")
@options.of_a_job
@click.option("--follow", "-f", is_flag=True, help="Print new lines until the job has ended.")
@options.as_json
def tail(job: str, stack: str, follow: bool, as_json: bool) -> None:
    """Print what the functions log about JOB, in chronological order; with --json, print the raw records.

    It reads the functions' log groups in CloudWatch Logs, where lines arrive after a few seconds. Times are in UTC (Z).

    \b
    fanfold tail tweets-6a5ef09ece7577f1
    fanfold tail tweets --follow
    fanfold tail tweets --json | jq 'select(.level == "ERROR")'
    """
    client = Fanfold(stack)
    found, has_lines = job_by_id(client, job), False
    for line in (follow_log if follow else log_lines)(client.stack, found):
        has_lines = True
        if as_json:
            echo(json.dumps(line.record, ensure_ascii=False))
        else:
            echo(_spelt(line), _STYLES.get(line.level, ""))
    if not follow and not found.status().has_ended:
        stderr.print(f"job {found.id} goes on: add --follow to see its next lines", soft_wrap=True)
    elif not has_lines:
        stderr.print(
            f"no lines about job {found.id}: they arrive after some seconds, and expire after LogRetentionDays. All "
            f"lines of a function: `aws logs tail {log_groups(client.stack)[0]} --follow`",
            soft_wrap=True,
        )


def _spelt(line: LogLine) -> str:
    facts = " ".join(f"{name}={value}" for name, value in line.facts.items())
    return f"{line.time.astimezone(UTC):%H:%M:%S}Z {line.service:<10} {line.level:<7} {line.message} {facts}".rstrip()
