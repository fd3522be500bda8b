"""`fanfold run` and `fanfold submit`: files through the model, awaited or not."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from fanfold.cli import options
from fanfold.cli.conclusion import ExitCode, Followed, follow_to_the_end, say_job
from fanfold.cli.inputs import File, Input, ask_about_cost, dry_run, opened_all
from fanfold.cli.local import check_task, client_of
from fanfold.cli.output import REPORT, echo, show_in_browser, show_json
from fanfold.client import STACK_VARIABLE, Fanfold
from fanfold.folder import held
from fanfold.terminal import stderr
from fanfold_core.input.formats import FileName


@click.command(short_help="Run files through the model and write the results.")
@options.of_files
@options.out_folder
@options.replace
@options.stack_or_local
@options.model
@options.task
@options.container
@click.option("--open-report", "opens", is_flag=True, help="Open the report in a browser when the job has ended.")
@options.of_a_new_job
def run(
    files: tuple[File, ...],
    out: Path,
    replace: bool,
    stack: str | None,
    model: str,
    task: str | None,
    container: str | None,
    opens: bool,
    limit: int | None,
    is_dry: bool,
    is_agreed: bool,
    **reading: Any,
) -> None:
    """Run each FILE through the model and write the results to a folder.

    FILE is the path of a CSV or JSON Lines (.jsonl), plain or compressed, or of a Parquet file; - for standard input (a
    CSV, unless --stdin-name says otherwise); or with --stack an s3:// address, which is copied without a download. With
    a slash at its end, it is a prefix: all objects below it become one job, as do those of a manifest (a .manifest file
    of Redshift's). Each of several files has a folder of its own in the folder, named like the file, and a line in a
    table at the end.

    Of a JSON Lines file in OpenAI's batch format (custom_id, method, url, body), each body is sent as a request of its
    own, and the folder also gets batch_output.jsonl and batch_errors.jsonl.

    The folder may hold the files of an earlier run of FILE (the same path or address; from standard input, the same
    content), which are replaced. If it holds those of another file, or of a run with more rows than --limit, nothing is
    sent, unless you set --replace.

    Without --stack and FANFOLD_STACK, everything runs on this machine, with VADER, a word lexicon, instead of a real
    model. If you interrupt it, the rows that are done are written to JOB.partial.csv (or .jsonl) in the folder. On a
    stack, the job continues.

    Before files that cost more than $1 on a stack it asks whether to continue. The estimate includes the endpoint's
    instances, at the speed of the stack's latest job of 1,000 rows or more. Before such a job, their cost is not known,
    and it asks from 100,000 rows on. Without a terminal, it then ends with a usage error, unless you set --yes. A file
    whose estimate is above --max-dollars is named (with --yes, unless it is compressed).

    The summary is printed as JSON. On a stack, it also says if labels are distributed differently than in the last job
    of the same file name, beyond what chance does. Exit codes: 0 every row has a prediction, 3 some rows failed, 1 the
    job failed, 2 usage error, 130 interrupted.

    \b
    fanfold run tweets.csv --open-report
    fanfold run reviews.csv.gz --input-column review --out reviews
    fanfold run export.csv --delimiter ';' --encoding cp1252 --out export
    fanfold run tweets.csv reviews.csv.gz --out both
    fanfold run chats.jsonl --results-format jsonl --out chats
    fanfold run tweets.csv --dry-run | jq .body.inputs
    fanfold run tweets.csv --limit 100 --stack fanfold
    fanfold run tweets.csv --stack fanfold | jq .predicted
    fanfold run s3://my-bucket/tweets.csv --stack fanfold
    fanfold run s3://my-bucket/reviews/ --stack fanfold
    """
    if stack:
        _refuse_local_options(stack)
    elif reading["since"]:
        raise click.UsageError(
            "--since names a job of a stack, and the temporary local cloud of this run has none: add --stack, or start "
            "a local cloud that keeps its jobs for other runs (`fanfold local up`)"
        )
    check_task(model, task)
    with opened_all(files, stack, limit, reading, model, task) as inputs, ExitStack() as running:
        if is_dry:
            dry_run(inputs, is_limited=limit is not None)
            return
        folders = [
            running.enter_context(held(folder, one.owner(limit), replace=replace))
            for one, folder in zip(inputs, _folders(inputs, out), strict=True)
        ]
        if stack:
            ask_about_cost(inputs, stack, is_agreed=is_agreed)
        fanfold = running.enter_context(client_of(stack, model, task, container))
        followed = []
        for one, folder in zip(inputs, folders, strict=True):
            job = one.submit(fanfold)
            say_job(job)
            followed.append(Followed(job, one.sent.source.shown, folder, one.warnings))
        code = follow_to_the_end(followed, stack)
        if opens and code is not ExitCode.INTERRUPTED:
            for folder in folders:
                show_in_browser(folder.path / REPORT)
    sys.exit(code)


@click.command(short_help="Upload files and print the ids of their jobs.")
@options.of_files
@options.stack_to_run_on
@options.of_a_new_job
@options.as_json
def submit(
    files: tuple[File, ...],
    stack: str,
    limit: int | None,
    is_dry: bool,
    is_agreed: bool,
    as_json: bool,
    **reading: Any,
) -> None:
    """Upload each FILE and print the id of its job, without waiting for it to end.

    FILE is the path of a CSV or JSON Lines (.jsonl), plain or compressed, or of a Parquet file; - for standard input (a
    CSV, unless --stdin-name says otherwise); or an s3:// address, which is copied without a download. With a slash at
    its end, it is a prefix: all objects below it become one job, as do those of a manifest (a .manifest file of
    Redshift's).

    Before files that cost more than $1 it asks whether to continue, as does `fanfold run`, which says how the cost is
    estimated. Without a terminal, it then ends with a usage error, unless you set --yes.

    \b
    fanfold submit tweets.csv
    fanfold submit tweets.csv --input-column text --stack fanfold
    fanfold submit s3://my-bucket/tweets.csv
    fanfold submit s3://my-bucket/reviews/
    zcat tweets.csv.gz | fanfold submit -
    zcat chats.jsonl.gz | fanfold submit - --stdin-name chats.jsonl
    fanfold status "$(fanfold submit tweets.csv)" --watch
    """
    with opened_all(files, stack, limit, reading) as inputs:
        if is_dry:
            dry_run(inputs, is_limited=limit is not None)
            return
        ask_about_cost(inputs, stack, is_agreed=is_agreed)
        fanfold, found = Fanfold(stack), []
        for one in inputs:
            job = one.submit(fanfold)
            if not as_json:
                echo(job.id)
            stderr.print(f"to follow the job: fanfold status {job.id} --watch", soft_wrap=True)
            found.append(job.status().as_dict())
    if as_json:
        show_json(found[0] if len(found) == 1 else found)


def _refuse_local_options(stack: str) -> None:
    """See that nothing is asked of a stack's endpoint that only a local one can be asked."""
    context = click.get_current_context()
    for name in ("model", "task", "container"):
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(
                f"--{name} is for the local endpoint, and stack {stack} has one of its own: leave out --{name}, or "
                f"--stack (and unset {STACK_VARIABLE})"
            )


def _folders(inputs: list[Input], out: Path) -> list[Path]:
    """The folder of each file's results: `out`, or one in it for each of several."""
    if len(inputs) == 1:
        return [out]
    names = [Path(FileName.parse(one.sent.source.name).stem).stem for one in inputs]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise click.UsageError(f"several files are named {twice[0]}, as their folders would be: run them one by one")
    return [out / name for name in names]
