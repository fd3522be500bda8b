"""How commands that begin a job end: with its files, its summary and an exit code."""

import json
from pathlib import Path
from typing import Any

import click

from fanfold import jobs
from fanfold.cli.codes import ExitCode
from fanfold.cli.talk import show_progress, talk
from fanfold.stacks import Stack
from fanfold_core.domain.job import State

# Seconds between two looks at the ledger.
_INTERVAL = 0.5


def follow_to_the_end(stack: Stack, job: str, subject: str, out: Path) -> ExitCode:
    """Show a job's progress until it has ended, write its files to a folder, and print its summary.

    `subject` is what the user called it: the words of an error begin with it.
    """
    talk.print(f"job {job}", soft_wrap=True)
    show_progress(jobs.follow(stack, job, _INTERVAL))
    summary = jobs.fetch(stack, job, out)
    click.echo(json.dumps(summary, indent=2))
    return _conclude(subject, summary, out)


def _conclude(subject: str, summary: dict[str, Any], out: Path) -> ExitCode:
    if summary["state"] in {State.FAILED, State.CANCELLED}:
        talk.print(f"{subject}: {summary['reason']}", style="red", soft_wrap=True)
        talk.print(f"What is known of its rows is in {out}.", soft_wrap=True)
        return ExitCode.FAILED
    talk.print(f"{summary['predicted']:,} of {summary['rows']:,} rows predicted: {out / 'results.csv'}", soft_wrap=True)
    if summary["failed"]:
        talk.print(f"{summary['failed']:,} rows ended in errors: {out / 'errors.csv'}", style="yellow", soft_wrap=True)
        return ExitCode.SOME_ROWS_FAILED
    return ExitCode.OK
