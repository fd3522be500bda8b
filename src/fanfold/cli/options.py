"""Arguments and options that several commands have."""

from __future__ import annotations

import functools
import json
import os
import re
import socket
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from fanfold.client import DEFAULT_STACK
from fanfold.errors import UserError
from fanfold_core.domain.options import RANGES, Options

Command = Callable[..., None]


# An option of a job where an error speaks of it, as its metadata spells it.
_OPTION = re.compile(rf"\boption `?({'|'.join(field.name.replace('_', '-') for field in fields(Options))})\b`?")


def as_typed(words: str) -> str:
    """An error's words with a job's options as one types them.

    >>> as_typed("name it with the option `encoding`")
    'name it with the option `--encoding`'
    """
    return _OPTION.sub(r"option `--\1`", words)


def _json_object(_context: click.Context, _option: click.Parameter, value: str | None) -> dict[str, Any] | None:
    if value is None:
        return None
    try:
        found = json.loads(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise click.BadParameter(f'{value!r} is no JSON object, such as {{"truncation": true}}')
    return found


def _range(option: str) -> click.IntRange:
    return click.IntRange(*RANGES[option])


def _free(_context: click.Context, option: click.Parameter, port: int) -> int:
    """Refuse a taken port before anything begins, by the name of its option, which the servers don't know."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else error
        raise UserError(
            f"port {port} cannot be had ({why}), perhaps because a local cloud of yours runs already: end it, or name "
            f"another port with {option.opts[0]} (0: any)"
        ) from error
    return port


def port(name: str, default: int, what: str) -> Callable[[Command], Command]:
    """The port of a server of this machine."""
    return click.option(
        name,
        type=click.IntRange(0, 65535),
        default=default,
        show_default=True,
        callback=_free,
        help=f"Port of {what}; 0 for any.",
    )


_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
_reading = (
    click.option("--input-column", metavar="C", help="Column with the texts: its name, or its index from 0."),
    click.option("--header", type=click.Choice(["auto", "present", "absent"]), help="Whether the first record is one."),
    click.option("--delimiter", metavar="D", help='Character between two cells; "tab" for a tab.'),
    click.option("--quote", metavar="Q", help="Character around cells that need it."),
    click.option("--encoding", metavar="E", help="Encoding of the file, by its Python name."),
    click.option(
        "--rows-per-request", type=_range("rows_per_request"), metavar="N", help="Rows that a request carries."
    ),
    click.option(
        "--parameters",
        metavar="JSON",
        callback=_json_object,
        help="JSON object that each request carries beside its texts.",
    ),
    click.option("--input-expression", metavar="X", help="JMESPath over a row's columns: what the model gets of it."),
    click.option("--payload-expression", metavar="X", help="JMESPath over inputs and parameters: a request's body."),
    click.option("--result-expression", metavar="X", help="JMESPath over an answer: the list of results."),
    click.option("--guard-formulas", is_flag=True, default=None, help="Guard cells that a spreadsheet would compute."),
)
_lasting = (
    click.option("--max-attempts", type=_range("max_attempts"), metavar="N", help="Tries of a row that is refused."),
    click.option(
        "--request-ttl-seconds",
        type=_range("request_ttl_seconds"),
        metavar="S",
        help="Seconds that a request may wait in SageMaker's queue.",
    ),
    click.option(
        "--deadline-hours",
        type=_range("deadline_hours"),
        metavar="H",
        help="Hours after which the job ends with the rows that it has.",
    ),
    click.option(
        "--tolerated-failure-percentage",
        type=_range("tolerated_failure_percentage"),
        metavar="P",
        help="A larger share of failed rows makes the job FAILED.",
    ),
)
_trying = (
    click.option("--limit", type=click.IntRange(1), metavar="N", help="Try the first N rows only."),
    click.option("--dry-run", is_flag=True, help="Print the first requests as they would be sent, and send nothing."),
)
_stack = functools.partial(click.option, "--stack", metavar="NAME", envvar="FANFOLD_STACK", show_envvar=True)
_some_stack = functools.partial(_stack, default=DEFAULT_STACK, show_default=True)
_job_stack = _some_stack(help="Stack that has the job, by its name.")
stack_to_run_on = _some_stack(help="Stack to run on, by its name.")
stack_or_local = _stack(help="Deployed stack to run on, by its name.")
as_json = click.option("--json", "as_json", is_flag=True, help="JSON, for programs.")
partial = click.option("--partial", is_flag=True, help="Of a job that is at work: what is known by now.")
out_folder = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("out"),
    show_default=True,
    help="Folder for results.csv, errors.csv and the job's other files.",
)
model = click.option(
    "--model",
    default="vader",
    show_default=True,
    metavar="M",
    help="What the local endpoint runs: vader, a folder with a transformers model, or a container's address.",
)
task = click.option(
    "--task",
    metavar="T",
    help="What a model from a folder is used for, such as zero-shot-classification, if not what it was saved for.",
)


def of_a_file(command: Command) -> Command:
    """The file, and how it is read."""
    return _all(command, _file, *_reading)


def of_a_new_job(command: Command) -> Command:
    """How long and how often a job tries, and what one tries before running all of a file."""
    return _all(command, *_lasting, *_trying)


def of_a_job(command: Command) -> Command:
    """The job, by its id or how that begins, and the stack that has it."""
    return _all(command, click.argument("job"), _job_stack)


def of_a_stack(command: Command) -> Command:
    """The stack that is asked for its jobs."""
    return _all(command, _job_stack)


def _all(command: Command, *decorators: Callable[[Command], Any]) -> Command:
    return functools.reduce(lambda decorated, decorate: decorate(decorated), reversed(decorators), command)
