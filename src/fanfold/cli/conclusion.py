"""How commands that follow a job end: with its files, its summary and an exit code, or interrupted."""

import json
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from fanfold.cli.codes import ExitCode, code_of
from fanfold.jobs import Job
from fanfold.status import JobState
from fanfold.talk import talk


def follow_to_the_end(job: Job, subject: str, out: Path, stack: str | None) -> ExitCode:
    """Show a job's progress until it has ended, write its files to a folder, and print its summary.

    `subject` is what the user called it: the words of an error begin with it. Without a stack the job is that of a
    local cloud, which ends with the command.
    """
    try:
        talk.print(f"job {job.id}", soft_wrap=True)
        job.wait()
    except KeyboardInterrupt:
        _say_what_next(job.id, stack)
        return ExitCode.INTERRUPTED
    except (BotoCoreError, ClientError):
        # The network, or keys that have expired: the job knows nothing of it.
        _say_what_next(job.id, stack)
        raise
    job.download(out)
    summary = job.summary()
    click.echo(json.dumps(summary, indent=2))
    _conclude(subject, summary, out)
    say_cost(job)
    return code_of(JobState(summary["state"]), summary["failed"])


def say_cost(job: Job) -> None:
    """Say in a line what a job that has ended costs on AWS."""
    if cost := job.cost():
        talk.print(f"On AWS: {cost}", soft_wrap=True)


def _say_what_next(job: str, stack: str | None) -> None:
    if stack is None:
        words = (
            f"interrupted: job {job} ends with its local cloud, and nothing of it is kept. A cloud that outlives "
            "the command: `fanfold local up`"
        )
    else:
        words = (
            f"interrupted: job {job} goes on. `fanfold status {job} --watch --stack {stack}` follows it again, "
            f"`fanfold cancel {job} --stack {stack}` ends it with the rows that it has"
        )
    talk.print(words, style="yellow", soft_wrap=True)


def _conclude(subject: str, summary: dict[str, Any], out: Path) -> None:
    if summary["state"] in {JobState.FAILED, JobState.CANCELLED}:
        talk.print(f"{subject}: {summary['reason']}", style="red", soft_wrap=True)
        talk.print(f"What is known of its rows is in {out}.", soft_wrap=True)
        return
    talk.print(f"{summary['predicted']:,} of {summary['rows']:,} rows predicted: {out / 'results.csv'}", soft_wrap=True)
    if summary["failed"]:
        talk.print(f"{summary['failed']:,} rows ended in errors: {out / 'errors.csv'}", style="yellow", soft_wrap=True)
