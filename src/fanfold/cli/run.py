"""`fanfold run` and `fanfold submit`: one file through the model, awaited or not."""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fanfold.cli import options
from fanfold.cli.conclusion import follow_to_the_end
from fanfold.cli.local import client_of
from fanfold.cli.output import echo, show_json
from fanfold.client import LOCAL_PARAMETERS, Fanfold
from fanfold.files import LocalFile
from fanfold.folder import held
from fanfold.project import find_root
from fanfold.terminal import counted, stderr
from fanfold.uploads import metadata
from fanfold_core.domain.requests import Request
from fanfold_core.input.formats import FileName
from localaws import template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fanfold.files import Planned

_REQUESTS_SHOWN = 3


@click.command(short_help="Run a file through the model and write the results.")
@options.of_a_file
@options.out_folder
@options.replace
@options.stack_or_local
@options.model
@options.task
@options.of_a_new_job
def run(
    file: Path,
    out: Path,
    replace: bool,
    stack: str | None,
    model: str,
    task: str | None,
    limit: int | None,
    dry_run: bool,
    **reading: Any,
) -> None:
    """Run FILE through the model and write the results to a folder.

    The folder may hold the files of an earlier run of FILE, which are replaced. If it holds those of another file,
    nothing is sent, unless you set --replace.

    Without --stack, everything runs on this machine, with VADER, a word lexicon, instead of a real model. If you
    interrupt it, the rows that are done are written to JOB.partial.csv in the folder. On a stack, the job continues.

    The summary is printed as JSON. Exit codes: 0 every row has a prediction, 3 some rows failed, 1 the job failed, 2
    usage error, 130 interrupted.

    \b
    fanfold run tweets.csv
    fanfold run reviews.csv.gz --input-column review --out reviews
    fanfold run export.csv --delimiter ';' --encoding cp1252 --out export
    fanfold run tweets.csv --dry-run | jq .body.inputs
    fanfold run tweets.csv --limit 100 --stack fanfold
    fanfold run tweets.csv --stack fanfold | jq .predicted
    """
    found = LocalFile.read(file, parameters_of(stack), metadata(**reading))
    say_what_is_assumed(found)
    if dry_run:
        _show_requests(found, limit)
        return
    with (
        held(out, file.name, replace=replace) as folder,
        client_of(stack, model, task) as fanfold,
        _head(found, limit, reading) as (head, how),
    ):
        code = follow_to_the_end(fanfold.submit(head, **how), str(file), folder, stack, found.layout.warnings)
    sys.exit(code)


@click.command(short_help="Upload a file and print the id of its job.")
@options.of_a_file
@options.stack_to_run_on
@options.of_a_new_job
@options.as_json
def submit(
    file: Path,
    stack: str,
    limit: int | None,
    dry_run: bool,
    as_json: bool,
    **reading: Any,
) -> None:
    """Upload FILE and print the id of its job, without waiting for it to end.

    \b
    fanfold submit tweets.csv
    fanfold submit tweets.csv --input-column text --stack fanfold
    fanfold status "$(fanfold submit tweets.csv)" --watch
    """
    fanfold = Fanfold(stack)
    found = LocalFile.read(file, fanfold.stack.parameters, metadata(**reading))
    say_what_is_assumed(found)
    if dry_run:
        _show_requests(found, limit)
        return
    with _head(found, limit, reading) as (head, how):
        job = fanfold.submit(head, **how)
    if as_json:
        show_json(job.status().as_dict())
    else:
        echo(job.id)
    stderr.print(f"to follow the job: fanfold status {job.id} --watch", soft_wrap=True)


@contextmanager
def _head(found: LocalFile, limit: int | None, reading: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The file that is uploaded, and how it is read: the one that is named, or a file of its first rows."""
    if limit is None:
        yield found.path, reading
        return
    with tempfile.TemporaryDirectory(prefix="fanfold-") as folder:
        head = Path(folder) / FileName.parse(found.path.name).stem
        encoding = found.write_head(limit, head)
        yield head, {**reading, "encoding": encoding}


def _show_requests(found: LocalFile, limit: int | None) -> None:
    stderr.print("Dry run: first requests (nothing is sent):")
    for planned in islice(_within(found.requests(), limit), _REQUESTS_SHOWN):
        if isinstance(planned.content, Request):
            shown = {
                "first_row": planned.first,
                "rows": planned.rows,
                "bytes": len(planned.content.body),
                "inline": planned.content.goes_inline,
                "body": json.loads(planned.content.body),
            }
        else:
            shown = {"first_row": planned.first, "rows": planned.rows, "error": planned.content.reason}
        echo(json.dumps(shown, ensure_ascii=False))


def _within(requests: Iterator[Planned], limit: int | None) -> Iterator[Planned]:
    return (planned for planned in requests if limit is None or planned.first < limit)


def parameters_of(stack: str | None) -> Mapping[str, str]:
    """The parameters of a stack, or those of a local cloud."""
    if stack:
        return Fanfold(stack).stack.parameters
    return {**template.defaults(find_root()), **LOCAL_PARAMETERS}


def say_what_is_assumed(found: LocalFile) -> None:
    """What the file is taken to be: header, columns and texts, why, and what may be wrong with that."""
    why = options.as_typed(" ".join(found.layout.assumed))
    stderr.print(f"{found.path}: {_taken_for(found)} {why}".rstrip(), soft_wrap=True)
    for hint in found.layout.warnings:
        stderr.print(options.as_typed(hint), style="yellow", soft_wrap=True)


def _taken_for(found: LocalFile) -> str:
    layout, expression = found.layout, found.options.input_expression
    columns = f"{counted(len(layout.columns), 'column')}, {'with' if layout.has_header else 'without'} a header"
    where = f"the texts are in column {layout.input_index}, {layout.columns[layout.input_index]!r}"
    return f"{columns}; {f'the model input is {expression}' if expression else where}."
