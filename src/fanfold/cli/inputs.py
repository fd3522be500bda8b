"""What commands are given: files, opened and read as their jobs would be, and folders of results, or jobs."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from math import isinf
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from fanfold.cli.options import StandardInput, as_typed
from fanfold.cli.output import echo
from fanfold.client import Fanfold, local_parameters
from fanfold.costs.estimate import project
from fanfold.costs.outlook import as_if_new, latest_speed, look_ahead
from fanfold.errors import JobNotFoundError, StackError, UserError
from fanfold.folder import Owner
from fanfold.input import files
from fanfold.input.batch import BATCH_FILES, LEXICON, has_batch_output
from fanfold.input.files import LocalFile
from fanfold.input.objects import is_manifest, is_prefix
from fanfold.input.sources import is_in_s3, spooled_stream, where_else
from fanfold.input.uploads import metadata
from fanfold.project import find_root
from fanfold.results import Results
from fanfold.terminal import stderr
from fanfold_core.domain.keys import RESULT_FILES, TABLE_FOLDER
from fanfold_core.domain.requests import Request
from fanfold_core.input.errors import counted
from fanfold_core.input.formats import FileName, Format
from localaws import template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fanfold import Job
    from fanfold.input.files import Planned

File = Path | str | StandardInput

_REQUESTS_SHOWN = 3
# What may be sent without a question: dollars, and, as long as the endpoint's aren't known, rows. For so many, an
# ml.g4dn.xlarge takes about a dollar at 20 rows per second.
DOLLARS_UNASKED = 1.0
ROWS_UNASKED = 100_000
# Enough to tell the endpoint's speed, even if some of them fail.
_ROWS_FOR_SPEED = 2_000


@dataclass(frozen=True, slots=True)
class Input:
    """What is sent of a file, read as a stack with these parameters would, and the options that are given for it."""

    sent: LocalFile
    parameters: Mapping[str, str]
    warnings: Sequence[str]
    options: Mapping[str, Any]

    def submit(self, fanfold: Fanfold) -> Job:
        """Begin its job."""
        return fanfold.submit(self.sent.source, **self.options)

    def owner(self, limit: int | None) -> Owner:
        """What is known of its job before that has begun."""
        return Owner(self.sent.source.shown, origin=self.sent.source.origin, rows=limit)

    def show_requests(self, most: int | None) -> None:
        """Print the first requests, or all of them."""
        for planned in islice(self.sent.requests(), most):
            echo(json.dumps(_shown(planned), ensure_ascii=False))


@contextmanager
def opened_all(
    given: Sequence[File],
    stack: str | None,
    limit: int | None,
    options: Mapping[str, Any],
    model: str = LEXICON,
    task: str | None = None,
) -> Iterator[list[Input]]:
    """Read how files are laid out, and say it; of each, only its first rows are sent if there is a limit."""
    if sum(isinstance(file, StandardInput) for file in given) > 1:
        raise click.UsageError("- stands for standard input, which can be read once")
    parameters = parameters_of(stack, model, task)
    if stack and options.get("since"):
        # The ids of the jobs that begin now may begin like it, too.
        options = {**options, "since": Fanfold(stack).job(options["since"]).id}
    with ExitStack() as open_files:
        inputs = []
        for file in given:
            found = open_files.enter_context(opened(file, stack, parameters, metadata(**options)))
            _say_what_is_assumed(found)
            sent = found
            if limit is not None:
                head = open_files.enter_context(found.head(limit))
                sent = LocalFile.read(head, parameters, metadata(**options))
            inputs.append(Input(sent, parameters, found.layout.warnings, options))
        yield inputs


def dry_run(inputs: Sequence[Input], *, is_limited: bool) -> None:
    """Print the first requests of files, or all of those of which only the first rows would be sent."""
    stderr.print(f"Dry run: {'the' if is_limited else 'first'} requests (nothing is sent):")
    if words := as_if_new(inputs[0].sent.options.since):
        stderr.print(words, soft_wrap=True)
    for one in inputs:
        one.show_requests(None if is_limited else _REQUESTS_SHOWN)


def ask_about_cost(inputs: Sequence[Input], stack: str, *, is_agreed: bool) -> None:
    """Say what files will cost on a stack if that is much, or not known, and ask whether to go on.

    A local one costs nothing. That a file will cost more than its job may is said whoever has agreed, unless it is
    compressed: then the estimate takes as long as reading it.

    `UserError` if not, and `click.UsageError` if there is nobody to ask.
    """
    options, compressed = inputs[0].sent.options, any(one.sent.content.is_copied for one in inputs)
    has_limit = not isinf(options.most_dollars)
    fanfold = None if is_agreed and (compressed or not has_limit) else Fanfold(stack)
    if fanfold is None or fanfold.stack.is_local:
        return
    first, *others = works = [project(one.sent) for one in inputs]
    speed = latest_speed(fanfold.jobs())
    if has_limit:
        for one, work in zip(inputs, works, strict=True):
            if words := look_ahead(work, options, fanfold.stack, speed).limit:
                stderr.print(f"{one.sent.source.shown}: {words}", style="yellow", soft_wrap=True)
    if is_agreed:
        return
    work = sum(others, first)
    outlook = look_ahead(work, options, fanfold.stack, speed)
    if outlook.estimate.total < DOLLARS_UNASKED and (outlook.has_instances or work.rows < ROWS_UNASKED):
        return
    stderr.print(f"Estimated cost on AWS: {outlook.cost}. {outlook.basis}", soft_wrap=True)
    if outlook.speed is None:
        stderr.print(f"To see how fast it is, send some rows first: add --limit {_ROWS_FOR_SPEED}", soft_wrap=True)
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask whether to go on: add --yes")
    if not click.confirm("Continue?", err=True):
        raise UserError("nothing was sent")


@contextmanager
def opened(
    file: File, stack: str | None, parameters: Mapping[str, str], given: Mapping[str, str]
) -> Iterator[LocalFile]:
    """What a FILE of the command line stands for, read with these parameters of a stack and options."""
    if stack is None and (is_in_s3(file) or is_manifest(file)):
        also = f", or download it (aws s3 cp {'--recursive ' if is_prefix(file) else ''}{file} .)"
        raise click.UsageError(f"{file} is read by a stack: add --stack{also if is_in_s3(file) else ''}")
    with ExitStack() as standard_input:
        data: object = file
        if isinstance(file, StandardInput):
            spooled = spooled_stream(file.name, "standard input", sys.stdin.buffer)
            data = standard_input.enter_context(spooled)
        with files.opened(data, lambda: Fanfold(stack).stack.client("s3"), parameters, given) as found:
            yield found


def job_of(name: str, stack: str) -> Job:
    """The job that is meant by a name which could be that of a folder, and is none's that a job has written."""
    here = f"folder {name} has no files of a job" if Path(name).is_dir() else f"there is no folder {name} here"
    try:
        return Fanfold(stack).job(name)
    except StackError as error:
        raise StackError(f"{here}; as the id of a job, it needs a stack: {error}") from error
    except JobNotFoundError as error:
        raise JobNotFoundError(f"{here}, and {error}") from error


def job_by_id(fanfold: Fanfold, name: str) -> Job:
    """The job of this id; `click.UsageError` if it names none, but a folder with the files of one, or one of these."""
    try:
        return fanfold.job(name)
    except (StackError, JobNotFoundError) as error:
        folder = Path(name).parent if Path(name).is_file() else Path(name)
        if not (files := [file for file in RESULT_FILES if (folder / file).is_file()]):
            raise
        raise click.UsageError(
            f"{name} is not the id of a job: the files of one are in {folder}. Read {', '.join(files)} there, or open "
            f"the report with `fanfold report {quote(str(folder))}`"
        ) from error


def results_of(name: str, stack: str) -> Results:
    """The results in a folder, or those of a job."""
    path = Path(name)
    if not (is_path(name) or path.is_file()):
        return job_of(name, stack).results()
    folder = path.parent if path.name in {*RESULT_FILES, TABLE_FOLDER} else path
    check_is_there(folder)
    return Results.of_folder(folder)


def check_is_there(folder: Path) -> None:
    """`click.UsageError` if there is no such folder."""
    if not folder.exists():
        wanted = "name one that `fanfold run` or `fanfold download` wrote"
        raise click.UsageError(f"folder {folder} does not exist: {wanted}; {where_else(folder)}")


def is_path(name: str) -> bool:
    """Whether this names what a job wrote, there or not: jobs' ids have no slashes, but folders may be called so."""
    path = Path(name)
    return path.name != name or any((path / file).exists() for file in RESULT_FILES)


def parameters_of(stack: str | None, model: str = LEXICON, task: str | None = None) -> Mapping[str, str]:
    """The parameters of a stack, or those of a local cloud that runs a model for a task."""
    if stack:
        return Fanfold(stack).stack.parameters
    of_task = {"HfTask": task} if task else {}
    return {**template.defaults(find_root()), **local_parameters(model), **of_task}


def _shown(planned: Planned) -> dict[str, Any]:
    shown = {"rows": planned.rows}
    if not isinstance(planned.content, Request):
        return {**shown, "error": planned.content.reason}
    body, inline = planned.content.body, planned.content.goes_inline
    return {**shown, "bytes": len(body), "inline": inline, "body": json.loads(body)}


def _say_what_is_assumed(found: LocalFile) -> None:
    """What the file is taken to be: header, columns and texts, why, and what may be wrong with that; all of it once."""
    why = as_typed(" ".join(found.layout.assumed))
    stderr.print(f"{found.source.shown}{_taken_for(found)} {why}".rstrip(), soft_wrap=True)
    for hint in found.layout.warnings:
        stderr.print(as_typed(hint), style="yellow", soft_wrap=True)


def _taken_for(found: LocalFile) -> str:
    layout, made = found.layout, found.options.input
    if found.assumed:
        written = f" The job's files include {' and '.join(BATCH_FILES)}." if has_batch_output(found.options) else ""
        return f" is in OpenAI's batch format: the body of each line is sent as a request of its own.{written}"
    said, columns = " ".join(layout.assumed).lower(), counted(len(layout.columns), "column")
    if FileName.parse(found.source.name).format is Format.CSV and "first line is " not in said:
        columns += f", {'with' if layout.has_header else 'without'} a header"
    if made:
        return f": {columns}; the model input is {made.text}."
    name = repr(layout.columns[layout.input_index])
    if len(layout.columns) == 1:
        return f": {columns}, {name}."
    where = "" if "the texts are in " in said else f"; the texts are in column {layout.input_index}, {name}"
    return f": {columns}{where}."
