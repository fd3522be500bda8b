"""How commands that follow a job end: with its files, its summary and an exit code, or interrupted."""

import json
from collections.abc import Collection
from enum import IntEnum
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from fanfold.cli.options import as_typed
from fanfold.cli.output import echo
from fanfold.errors import DownloadError
from fanfold.folder import HeldFolder
from fanfold.jobs import Job
from fanfold.status import JobState
from fanfold.terminal import counted, stderr


class ExitCode(IntEnum):
    """Exit codes of all commands; a script may rely on them."""

    OK = 0
    FAILED = 1
    WRONG_USAGE = 2
    SOME_ROWS_FAILED = 3
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: "success; for commands that follow a job: every row has a prediction",
    ExitCode.FAILED: "the command failed, or the job failed or was cancelled",
    ExitCode.WRONG_USAGE: "usage error",
    ExitCode.SOME_ROWS_FAILED: "the job has ended, but some rows failed",
    ExitCode.INTERRUPTED: "interrupted",
}


def code_of(state: JobState, failed: int | None) -> ExitCode:
    """What a job that has ended comes to."""
    if state in {JobState.FAILED, JobState.CANCELLED}:
        return ExitCode.FAILED
    return ExitCode.SOME_ROWS_FAILED if failed else ExitCode.OK


def follow_to_the_end(
    job: Job, subject: str, folder: HeldFolder, stack: str | None, said: Collection[str] = ()
) -> ExitCode:
    """Show a job's progress until it has ended, write its files to the folder held for them, and print its summary.

    `subject` is what the user called it: the words of an error begin with it. Without a stack the job is that of a
    local cloud, which ends with the command. Warnings that were `said` before aren't said again.
    """
    try:
        stderr.print(f"job {job.id}", soft_wrap=True)
        job.wait()
    except KeyboardInterrupt:
        if stack is None:
            _keep_what_is_done(job, folder)
        else:
            _say_what_next(job.id, stack)
        return ExitCode.INTERRUPTED
    except (BotoCoreError, ClientError):
        # The network, or keys that have expired: the job knows nothing of it.
        if stack is not None:
            _say_what_next(job.id, stack)
        raise
    summary, out = job.summary(), folder.path
    if not summary["rows"] and (out / "results.csv").exists():
        stderr.print(f"no rows were read; {out} was not changed", style="yellow", soft_wrap=True)
    else:
        _fetch(job, folder, stack)
    echo(json.dumps(summary, indent=2))
    for warning in summary["warnings"]:
        if warning not in said:
            stderr.print(f"{subject}: {as_typed(warning)}", style="yellow", soft_wrap=True)
    _conclude(subject, summary, out)
    say_cost(job)
    return code_of(JobState(summary["state"]), summary["failed"])


def _fetch(job: Job, folder: HeldFolder, stack: str | None) -> None:
    try:
        job.write_files(folder)
    except DownloadError as error:
        if stack is None:
            raise DownloadError(
                f"{error}; the remaining files are gone, because the local cloud has stopped"
            ) from error
        again = f"fanfold report {job.id} --stack {stack} --out FOLDER"
        raise DownloadError(f"{error}; to download all files of the job: `{again}`") from error


def say_cost(job: Job) -> None:
    """Say in a line what a job that has ended costs on AWS."""
    if cost := job.cost():
        stderr.print(f"Estimated cost on AWS: {cost}", soft_wrap=True)


def _keep_what_is_done(job: Job, folder: HeldFolder) -> None:
    """Write the rows that are done, since their job ends with its local cloud."""
    status = job.status()
    if not status.done:
        words = f"interrupted: job {job.id} ended with its local cloud, before a row was done"
    else:
        of_all = f" of {status.rows:,}" if status.rows else ""
        stderr.print(f"interrupted: saving {status.done:,}{of_all} rows (Ctrl-C again to skip)", style="yellow")
        file = folder.write(f"{job.id}.partial.csv", job.results(partial=True).blocks())
        words = f"job {job.id} ended with its local cloud. The rows that were done: {file}"
    stderr.print(words, style="yellow", soft_wrap=True)


def _say_what_next(job: str, stack: str) -> None:
    stderr.print(
        f"interrupted: job {job} continues. To follow it: `fanfold status {job} --watch --stack {stack}`. "
        f"To stop it and keep the rows that are done: `fanfold cancel {job} --stack {stack}`",
        style="yellow",
        soft_wrap=True,
    )


def _conclude(subject: str, summary: dict[str, Any], out: Path) -> None:
    if summary["state"] in {JobState.FAILED, JobState.CANCELLED}:
        stderr.print(f"{subject}: {as_typed(summary['reason'])}", style="red", soft_wrap=True)
        if details := summary.get("details"):
            stderr.print(details, style="red", soft_wrap=True)
        if summary["rows"]:
            stderr.print(f"The rows that are done are in {out}.", soft_wrap=True)
        return
    stderr.print(
        f"{summary['predicted']:,} of {counted(summary['rows'], 'row')} predicted: {out / 'results.csv'}",
        soft_wrap=True,
    )
    if summary["failed"]:
        failed = counted(summary["failed"], "row")
        stderr.print(f"{failed} failed: {out / 'errors.csv'}", style="yellow", soft_wrap=True)
