"""How commands that begin a job end: with its files, its summary and an exit code."""

import json
from pathlib import Path
from typing import Any

import click

from fanfold.cli.codes import ExitCode
from fanfold.jobs import Job
from fanfold.status import JobState
from fanfold.talk import talk


def follow_to_the_end(job: Job, subject: str, out: Path) -> ExitCode:
    """Show a job's progress until it has ended, write its files to a folder, and print its summary.

    `subject` is what the user called it: the words of an error begin with it.
    """
    talk.print(f"job {job.id}", soft_wrap=True)
    job.wait()
    job.download(out)
    summary = job.summary()
    click.echo(json.dumps(summary, indent=2))
    return _conclude(subject, summary, out)


def _conclude(subject: str, summary: dict[str, Any], out: Path) -> ExitCode:
    if summary["state"] in {JobState.FAILED, JobState.CANCELLED}:
        talk.print(f"{subject}: {summary['reason']}", style="red", soft_wrap=True)
        talk.print(f"What is known of its rows is in {out}.", soft_wrap=True)
        return ExitCode.FAILED
    talk.print(f"{summary['predicted']:,} of {summary['rows']:,} rows predicted: {out / 'results.csv'}", soft_wrap=True)
    if summary["failed"]:
        talk.print(f"{summary['failed']:,} rows ended in errors: {out / 'errors.csv'}", style="yellow", soft_wrap=True)
        return ExitCode.SOME_ROWS_FAILED
    return ExitCode.OK
