"""How commands that follow a job end: with its files, its summary and an exit code, or interrupted."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from fanfold.cli.options import as_typed
from fanfold.cli.output import echo, show_table
from fanfold.errors import DownloadError
from fanfold.folder import HeldFolder
from fanfold.input.batch import BATCH_FILES
from fanfold.jobs import Job
from fanfold.results import results_file
from fanfold.status import JobState, JobStatus
from fanfold.terminal import stderr
from fanfold_core.app.rounds import Ending, advice_on
from fanfold_core.domain.keys import TABLE_FOLDER
from fanfold_core.input.errors import counted


class ExitCode(IntEnum):
    """Exit codes of all commands; a script may rely on them."""

    OK = 0
    FAILED = 1
    WRONG_USAGE = 2
    SOME_ROWS_FAILED = 3
    INTERRUPTED = 130


# Columns of a table of jobs that are numbers of rows.
COUNTS = ("rows", "predicted", "failed", "not answered")
_COLUMNS = ("file", "job", "state", *COUNTS, "folder")
MEANINGS = {
    ExitCode.OK: "success; for commands that follow a job: every row has a prediction",
    ExitCode.FAILED: "the command failed, or the job failed or was cancelled",
    ExitCode.WRONG_USAGE: "usage error: the command cannot be right as it was typed",
    ExitCode.SOME_ROWS_FAILED: "the job has ended, but some rows failed",
    ExitCode.INTERRUPTED: "interrupted",
}


def apart(counts: Mapping[str, Any]) -> dict[str, int | None]:
    """The rows without a prediction as they are shown: those that failed, and those that the job's end left unanswered.

    >>> apart({"failed": 9, "not_answered": 8})
    {'failed': 1, 'not answered': 8}
    """
    failed, unanswered = counts["failed"], counts.get("not_answered")
    return {"failed": failed and failed - (unanswered or 0), "not answered": unanswered or None}


def advise(counts: Mapping[str, Any], job: str, stack: str | None) -> str:
    """What helps an ended job that has not predicted all rows, and the command that does; empty if it has.

    Without a stack its local cloud has ended, so nothing can be retried.
    """
    failed, invalid, unanswered = (counts.get(name) or 0 for name in ("failed", "invalid", "not_answered"))
    if stack is None:
        return advice_on(invalid, invalid, 0)
    ending = Ending(counts["state"], counts["input"], failed, invalid, unanswered)
    is_of_use = ending.is_retryable and not failed == invalid > 0
    return ending.advice + (f" To retry: `fanfold retry {job} --stack {stack}`" if is_of_use else "")


def say_advice(status: JobStatus, stack: str) -> None:
    """Say the same of a job, if it has ended."""
    if status.has_ended and (advice := advise(status.as_dict(), status.id, stack)):
        stderr.print(advice, style="yellow", soft_wrap=True)


def code_of(state: JobState, failed: int | None) -> ExitCode:
    """What a job that has ended comes to."""
    if state in {JobState.FAILED, JobState.CANCELLED}:
        return ExitCode.FAILED
    return ExitCode.SOME_ROWS_FAILED if failed else ExitCode.OK


@dataclass(frozen=True, slots=True)
class Followed:
    """A job that is followed. `subject` is what the user calls it, `folder` is held for its files.

    Warnings that were `said` before aren't said again.
    """

    job: Job
    subject: str
    folder: HeldFolder
    said: Collection[str] = ()


def say_job(job: Job) -> None:
    """Name a job that has begun."""
    stderr.print(f"job {job.id}", soft_wrap=True)


def follow_to_the_end(followed: Sequence[Followed], stack: str | None) -> ExitCode:
    """Show the progress of jobs until they have ended, write their files, and print a summary, or a table of several.

    Without a stack they are those of a local cloud, which ends with the command. The exit code is that of the job that
    came to least.
    """
    ended = []
    for at, one in enumerate(followed):
        try:
            one.job.wait()
        except KeyboardInterrupt:
            for other in followed[at:]:
                if stack is None:
                    _keep_what_is_done(other.job, other.folder)
                else:
                    _say_what_next(other.job.id, stack)
            return ExitCode.INTERRUPTED
        except (BotoCoreError, ClientError):
            # The network, or keys that have expired: the jobs know nothing of it.
            for other in followed[at:]:
                if stack is not None:
                    _say_what_next(other.job.id, stack)
            raise
        ended.append(_finish(one, stack, is_only=len(followed) == 1))
    if len(followed) > 1:
        rows = [
            {**summary, **apart(summary), "file": one.subject, "folder": one.folder.path}
            for one, summary in zip(followed, ended, strict=True)
        ]
        show_table(rows, _COLUMNS, right=COUNTS)
    codes = {code_of(JobState(summary["state"]), summary["failed"]) for summary in ended}
    return next(code for code in (ExitCode.FAILED, ExitCode.SOME_ROWS_FAILED, ExitCode.OK) if code in codes)


def _finish(one: Followed, stack: str | None, *, is_only: bool) -> dict[str, Any]:
    """Write the files of a job that has ended, and say what came of it; its summary."""
    summary, out = one.job.summary(), one.folder.path
    if not summary["rows"] and (out / results_file(summary)).exists():
        stderr.print(f"no rows were read; {out} was not changed", style="yellow", soft_wrap=True)
    else:
        _fetch(one.job, one.folder, stack)
    if is_only:
        echo(json.dumps(summary, indent=2))
    for warning in summary["warnings"]:
        if warning not in one.said:
            stderr.print(f"{one.subject}: {as_typed(warning)}", style="yellow", soft_wrap=True)
    _conclude(one.subject, summary, out)
    if advice := advise(summary, one.job.id, stack):
        stderr.print(advice, style="yellow", soft_wrap=True)
    say_cost(one.job)
    return summary


def _fetch(job: Job, folder: HeldFolder, stack: str | None) -> None:
    try:
        job.write_files(folder)
    except DownloadError as error:
        if stack is None:
            raise DownloadError(
                f"{error}; the remaining files are gone, because the local cloud has stopped"
            ) from error
        again = f"fanfold download {job.id} --stack {stack} --out FOLDER"
        raise DownloadError(f"{error}; to download all files of the job: `{again}`") from error


def describe_accuracy(evaluation: Mapping[str, Any] | None) -> dict[str, str]:
    """How the predictions of a job agree with the true labels of its file, in two lines; none if it has no labels."""
    if evaluation is None:
        return {}
    rows, correct, macro_f1 = evaluation["rows"], evaluation["correct"], evaluation["macro_f1"]
    if not rows:
        return {"accuracy": f"no row has both a label in column {evaluation['column']!r} and a predicted one"}
    accuracy = f"{correct:,} of {counted(rows, 'row')} ({correct / rows:.1%})"
    names, lines = evaluation["matrix"]["labels"], evaluation["matrix"]["rows"]
    wrong = [
        (count, true, predicted)
        for true, line in zip(names, lines, strict=True)
        for predicted, count in zip(names, line, strict=True)
        if count and true != predicted and None not in (true, predicted)
    ]
    most = max(wrong, key=lambda found: found[0], default=None)
    mistake = f"{most[1]} predicted as {most[2]}, {counted(most[0], 'row')}" if most else ""
    macro = "" if macro_f1 is None else f"; macro F1 {macro_f1:.3f}"
    return {"accuracy": f"{accuracy}{macro}", "most frequent mistake": mistake}


def say_cost(job: Job) -> None:
    """Say in a line what a job that has ended cost."""
    if cost := job.cost():
        stderr.print(f"Estimated cost: {cost}", soft_wrap=True)


def _keep_what_is_done(job: Job, folder: HeldFolder) -> None:
    """Write the rows that are done, since their job ends with its local cloud."""
    status = job.status()
    if not status.done:
        words = f"interrupted: job {job.id} ended with its local cloud, before a row was done"
    else:
        stderr.print("interrupted: saving the rows that are done (Ctrl-C again to skip)", style="yellow")
        results = job.results(partial=True)
        file = folder.write(f"{job.id}.partial{Path(results.file_name).suffix}", results.blocks())
        # More of them were done meanwhile.
        saved = counted(sum(1 for _ in results.in_file(file)), "row")
        of_all = f" of {status.rows:,}" if status.rows else ""
        words = f"job {job.id} ended with its local cloud. {saved}{of_all} saved: {file}"
    stderr.print(words, style="yellow", soft_wrap=True)


def _say_what_next(job: str, stack: str) -> None:
    stderr.print(
        f"interrupted: job {job} continues. To follow it: `fanfold status {job} --watch --stack {stack}`. "
        f"To stop it and keep the rows that are done: `fanfold cancel {job} --stack {stack}`",
        style="yellow",
        soft_wrap=True,
    )


def say_reason(subject: str, summary: Mapping[str, Any]) -> None:
    """Say why a job has failed, or was cancelled."""
    stderr.print(f"{subject}: {as_typed(summary['reason'])}", style="red", soft_wrap=True)
    if details := summary.get("details"):
        stderr.print(details, style="red", soft_wrap=True)


def _conclude(subject: str, summary: dict[str, Any], out: Path) -> None:
    if summary["state"] in {JobState.FAILED, JobState.CANCELLED}:
        say_reason(subject, summary)
        if summary["rows"]:
            stderr.print(f"The rows that are done are in {out}.", soft_wrap=True)
        return
    stderr.print(
        f"{summary['predicted']:,} of {counted(summary['rows'], 'row')} predicted: {out / results_file(summary)}",
        soft_wrap=True,
    )
    if summary.get("parquet"):
        stderr.print(f"As a table of Parquet files: {out / TABLE_FOLDER}", soft_wrap=True)
    if summary.get("reused"):
        stderr.print(f"{counted(summary['reused'], 'row')} taken over from {summary['since']}", soft_wrap=True)
    if all((out / name).exists() for name in BATCH_FILES):
        stderr.print(
            f"In OpenAI's batch format: {' and '.join(str(out / name) for name in BATCH_FILES)}", soft_wrap=True
        )
    for name, words in describe_accuracy(summary.get("evaluation")).items():
        if words:
            stderr.print(f"{name.capitalize()}: {words}", soft_wrap=True)
    if summary["failed"]:
        counts = apart(summary)
        unanswered = f", {counts['not answered']:,} not answered" if counts["not answered"] else ""
        failed = f"{counted(counts['failed'] or 0, 'row')} failed{unanswered}"
        stderr.print(f"{failed}: {out / 'errors.csv'}", style="yellow", soft_wrap=True)
