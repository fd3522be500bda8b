"""What came of a job: its results, its errors, its report."""

import json
import tempfile
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import click

from fanfold.cli import options
from fanfold.cli.conclusion import say_advice, say_cost, say_reason
from fanfold.cli.inputs import check_is_there, is_path, job_by_id, job_of, results_of
from fanfold.cli.output import REPORT, echo, is_terminal, show_bytes, show_facts, show_in_browser, show_json, show_table
from fanfold.client import Fanfold
from fanfold.comparison import Comparison
from fanfold.errors import DownloadError
from fanfold.folder import whole_file
from fanfold.results import FailedRow
from fanfold.status import JobState
from fanfold.terminal import stderr
from fanfold_core.domain.counting import kind_of
from fanfold_core.input.errors import counted
from fanfold_core.input.json.text import cell_of

_ROWS_ON_A_TERMINAL = 20
_SAMPLES, _LONGEST_SAMPLE = 3, 60


@click.command(short_help="Print the results of a job.")
@options.of_a_job
@options.partial
@click.option(
    "--row", type=options.Number(0), metavar="N", help="Only row N, counted from 0, even while JOB is running."
)
@click.option(
    "--parquet",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a Parquet file instead (needs pyarrow: pip install 'fanfold[arrow]').",
)
@click.option(
    "--athena",
    metavar="FOLDER",
    help="Write a Parquet file to s3://BUCKET/FOLDER/, and print the statement that makes it a table in Athena.",
)
@options.as_json
def results(
    job: str, stack: str, partial: bool, row: int | None, parquet: Path | None, athena: str | None, as_json: bool
) -> None:
    """Print the results of JOB: their file, or its first rows on a terminal, or with --json one object per row.

    With --json, all values are strings, as in results.csv; those of results.jsonl have types. A Parquet file has
    numeric columns where possible. A table in Athena has a Parquet file for each job; a retry replaces that of its job.

    \b
    fanfold results tweets-6a5ef09ece7577f1 > results.csv
    fanfold results tweets --partial | head
    fanfold results tweets --row 41
    fanfold results tweets --json | jq -r 'select(.label == "LABEL_0") | .text'
    fanfold results tweets --json | jq 'select(.score | tonumber? > 0.9)'
    fanfold results tweets --parquet tweets.parquet
    fanfold results tweets --athena s3://my-lake/tweets/
    """
    if parquet is not None and (as_json or row is not None or str(parquet) == "-"):
        raise click.UsageError(
            "--parquet writes all rows to a file: it cannot be combined with --json or --row, or be -"
        )
    if athena is not None and (as_json or row is not None or partial or parquet is not None):
        raise click.UsageError(
            "--athena writes all rows to S3: it cannot be combined with --json, --row, --partial or --parquet"
        )
    found = job_by_id(Fanfold(stack), job)
    if athena is not None:
        table = found.to_athena(athena)
        echo(table.statement)
        stderr.print(f"written to {table.file}", soft_wrap=True)
        return
    if row is not None:
        one = found.row(row)
        if as_json:
            show_json(one)
        else:
            show_facts({name: cell_of(value) for name, value in one.items()})
        return
    answered = found.results(partial=partial)
    if parquet is not None:
        answered.to_parquet(parquet)
        stderr.print(f"written to {parquet}", soft_wrap=True)
    elif as_json:
        for result in answered:
            echo(json.dumps(result, ensure_ascii=False))
    elif is_terminal():
        columns = answered.columns
        first = islice(answered, _ROWS_ON_A_TERMINAL)
        show_table([{name: cell_of(row.get(name)) for name in columns} for row in first], columns)
        all_rows = f"fanfold results {job} > {answered.file_name}"
        stderr.print(f"Shows at most {_ROWS_ON_A_TERMINAL} rows. For all rows: {all_rows}")
    else:
        show_bytes(answered.blocks())


@click.command(short_help="Show why rows failed.")
@options.of_a_job
@options.partial
@click.option("--csv", "as_csv", is_flag=True, help="Print errors.csv, one line per failed row.")
@options.as_json
def errors(job: str, stack: str, partial: bool, as_csv: bool, as_json: bool) -> None:
    """Show why rows of JOB failed: each reason with its number of rows, most frequent first.

    Reasons that differ only in numbers are one group, with its first reason. It also says which rows a retry helps, and
    of a job that failed before it had rows, why.

    \b
    fanfold errors tweets-6a5ef09ece7577f1
    fanfold errors tweets --csv > errors.csv
    fanfold errors tweets --partial --json
    """
    if as_csv and as_json:
        raise click.UsageError("--csv and --json cannot be combined: choose one")
    found = job_by_id(Fanfold(stack), job)
    failed, now = found.errors(partial=partial), found.status()
    if now.state is JobState.FAILED and not now.rows:
        say_reason(now.id, found.summary())
    if as_csv:
        show_bytes(failed.blocks())
        return
    groups = _by_kind(failed)
    if as_json:
        show_json([{"reason": group.reason, "rows": group.rows, "samples": group.samples} for group in groups])
        return
    shown = [{"rows": group.rows, "reason": group.reason, "examples": group.spelt} for group in groups]
    if shown or now.rows:
        show_table(shown, ("rows", "reason", "examples"), right=("rows",))
    say_advice(now, stack)


@click.command(short_help="Open the report of a job in a browser.")
@options.of_a_job
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the job's files; default: a temporary folder, and the report opens in a browser.",
)
@options.replace
def report(job: str, stack: str, out: Path | None, replace: bool) -> None:
    """Open the report of JOB in a browser, or write it to a folder with the job's other files. JOB must have ended.

    JOB can also be a folder that contains the files of a job, such as one that `fanfold run` has written. The command
    prints the path of the report.

    \b
    fanfold report out
    fanfold report tweets-6a5ef09ece7577f1
    fanfold report tweets --out report
    """
    file = Path(job) / REPORT
    if is_path(job) and not file.is_file():
        check_is_there(Path(job))
        raise DownloadError(f"{job} has no {REPORT}: name a folder that `fanfold run` or `fanfold download` wrote")
    if not file.is_file():
        folder = out or Path(tempfile.mkdtemp(prefix="fanfold-"))
        found = job_of(job, stack)
        file = next(file for file in found.download(folder, replace=replace) if file.name == REPORT)
        say_cost(found)
    echo(file)
    if out is None:
        show_in_browser(file)


@click.command(short_help="Download the files of a job.")
@options.of_a_job
@options.out_folder
@options.replace
def download(job: str, stack: str, out: Path, replace: bool) -> None:
    """Write the files of JOB to a folder and print their paths. JOB must have ended.

    The folder may hold the files of an earlier job of the same file (the same object in the input bucket, or the same
    content, by its ETag), which are replaced. If it holds others, nothing is written, unless you set --replace.

    \b
    fanfold download tweets-6a5ef09ece7577f1 --out tweets
    fanfold download tweets --replace            # to out, whatever job's files are there
    """
    for file in job_by_id(Fanfold(stack), job).download(out, replace=replace):
        echo(file)


@click.command(short_help="Compare the results of two jobs of the same file.")
@click.argument("before")
@click.argument("after")
@options.of_a_stack
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the changed rows as a CSV."
)
@options.as_json
def compare(before: str, after: str, stack: str, out: Path | None, as_json: bool) -> None:
    """Show how many predictions changed from job BEFORE to job AFTER, row by row, for example with another model.

    Each of the two is a folder with the files of a job, the results.csv in one, or a job of the stack. A row has
    changed if it has another label, or no prediction any more, or one now; if results have no label, all their fields
    but the score count. If the rows of one are the first of the other, as after --limit, those that both have are
    compared. If the two are of other rows, the command fails and names the first one that differs. The exit code is 0
    whether or not rows have changed.

    FILE has the row number (from 0), the file's own columns, and the results of both jobs.

    \b
    fanfold compare both/tweets out
    fanfold compare both/tweets tweets-6a5ef09ece7577f1 --out changed.csv
    fanfold compare both/tweets out --json | jq .changed
    """
    compared = Comparison(results_of(before, stack), results_of(after, stack))
    _write(compared.changes(), out)
    found = compared.as_dict()
    if as_json:
        show_json(found)
        return
    labels = [
        {name: "(no prediction)" if cell is None else cell for name, cell in one.items()} for one in found["labels"]
    ]
    show_table(labels, ("from", "to", "rows"), right=("rows",))
    if compared.other:
        stderr.print(f"{counted(compared.other, 'more row')} changed between other labels", soft_wrap=True)
    stderr.print(f"{compared.changed:,} of {counted(compared.rows, 'row')} changed", soft_wrap=True)
    for name, more in ((before, compared.only_before), (after, compared.only_after)):
        if more:
            stderr.print(f"not compared: {counted(more, 'more row')} of {name}", style="yellow", soft_wrap=True)
    if compared.furthest is not None:
        stderr.print(
            f"{counted(compared.rescored, 'row')} with the same label and another score, at most "
            f"{compared.distance:.3g} (row {compared.furthest:,}, from 0)",
            soft_wrap=True,
        )
    if out is not None:
        stderr.print(f"changed rows: {out}", soft_wrap=True)


def _write(lines: Iterable[str], file: Path | None) -> None:
    """Write lines to a file, which is there when it is whole; read them all the same if none is wanted.

    `DownloadError` if it cannot be written.
    """
    if file is None:
        deque(lines, maxlen=0)
        return
    try:
        with whole_file(file) as stream:
            stream.writelines(line.encode() for line in lines)
    except OSError as error:
        words = f"cannot write {file} ({error.strerror}): free some space, or choose another file (--out)"
        raise DownloadError(words) from error


@dataclass(slots=True)
class _Group:
    """Failed rows of one kind; the first ones are kept."""

    rows: int = 0
    first: list[FailedRow] = field(default_factory=list)

    def add(self, failed: FailedRow) -> None:
        self.rows += 1
        if len(self.first) < _SAMPLES:
            self.first.append(failed)

    @property
    def reason(self) -> str:
        return self.first[0].error

    @property
    def samples(self) -> list[dict[str, Any]]:
        return [{"row": one.row, "error": one.error, "cells": one.cells} for one in self.first]

    @property
    def spelt(self) -> str:
        return "; ".join(map(_spelt, self.first))


def _by_kind(failed: Iterable[FailedRow]) -> list[_Group]:
    groups: defaultdict[str, _Group] = defaultdict(_Group)
    for one in failed:
        groups[kind_of(one.error)].add(one)
    return sorted(groups.values(), key=lambda group: -group.rows)


def _spelt(failed: FailedRow) -> str:
    text = " ".join(" | ".join(cell for cell in failed.cells.values() if cell.strip()).split())
    return f"row {failed.row}: {text[:_LONGEST_SAMPLE]}{'…' if len(text) > _LONGEST_SAMPLE else ''}"
