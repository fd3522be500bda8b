"""Arguments and options that several commands have."""

from __future__ import annotations

import errno
import functools
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fanfold.client import DEFAULT_STACK, STACK_VARIABLE
from fanfold.errors import InputFileError, UserError
from fanfold.hub import HubModel
from fanfold.input.batch import LEXICON
from fanfold.input.sources import Source, is_in_s3, where_else
from fanfold_core.domain.options import OPTIONS
from fanfold_core.domain.options.kinds import Choice, Integer, YesNo
from fanfold_core.input.errors import OptionError

if TYPE_CHECKING:
    from fanfold_core.domain.options.row import Option

Command = Callable[..., None]


# An option of a job where an error speaks of it, as its metadata spells it.
_OPTION = re.compile(rf"\boption `?({'|'.join(row.name for row in OPTIONS.values())})\b`?")


def as_typed(words: str) -> str:
    """An error's words with a job's options as one types them.

    >>> as_typed("name it with the option `encoding`")
    'name it with the option `--encoding`'
    """
    return _OPTION.sub(r"option `--\1`", words)


def _free(_context: click.Context, option: click.Parameter, port: int) -> int:
    """Refuse a taken port before anything begins, by the name of its option, which the servers don't know."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            problem = f"port {port} is already in use, perhaps by another local cloud: stop it, or"
        else:
            problem = f"port {port} cannot be opened ({error.strerror}):"
        raise UserError(f"{problem} choose another port with {option.opts[0]} (0: any free port)") from error
    return port


def port(name: str, default: int, what: str) -> Callable[[Command], Command]:
    """The port of a server of this machine."""
    return click.option(
        name,
        type=Number(0, 65535),
        default=default,
        show_default=True,
        callback=_free,
        help=f"Port for {what}; 0 for any free port.",
    )


def _of_table(row: Option) -> Callable[[Command], Command]:
    """The command line's option for a row of the table of options."""
    flag = f"--{row.name}"
    match row.kind:
        case YesNo():
            return click.option(f"{flag}/--no-{row.name}", default=None, help=row.help)
        case Choice(choices=choices):
            return click.option(flag, type=click.Choice(choices), help=row.help)
        case Integer(least=least, most=most, metavar=metavar):
            return click.option(flag, type=Number(least, most), metavar=metavar, help=row.help)
    return click.option(flag, metavar=row.kind.metavar, callback=functools.partial(_checked, row), help=row.help)


def _checked(row: Option, context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """A value as it was typed, if the option may have it."""
    if value is not None:
        try:
            row.parse(value)
        except OptionError as error:
            raise click.UsageError(as_typed(str(error)), context) from error
    return value


# Of a tag, in characters, as CloudFormation takes it.
_LONGEST_KEY, _LONGEST_VALUE = 128, 256


@dataclass(frozen=True, slots=True)
class StandardInput:
    """What `-` stands for, called so: how the name ends says which format it has."""

    name: str = "stdin.csv"


class _File(click.Path):
    """A file on this machine, - for standard input, or an address in S3."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """As click asks for it."""
        if value == "-":
            return (context.meta.get(_NAMED) if context else None) or StandardInput()
        if is_in_s3(value):
            return value
        try:
            Source.of_file(Path(value))
        except InputFileError as error:
            raise click.UsageError(str(error), context) from error
        return super().convert(value, parameter, context)


class ModelPath(click.Path):
    """A model on this machine, or on the Hub, of which nothing is downloaded yet."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """As click asks for it."""
        if HubModel.parse(value):
            return value
        if not Path(value).exists():
            raise click.UsageError(f"model {value} does not exist: {where_else(Path(value))}", context)
        return super().convert(value, parameter, context)


class Number(click.IntRange):
    """A whole number, by the word that people have for it."""

    name = "number"


class Amount(click.FloatRange):
    """Any number, likewise."""

    name = "number"


def _key_values(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """Values by their names, such as those of the template's parameters."""
    for one in given:
        if "=" not in one:
            raise click.BadParameter(f"expected KEY=VALUE, got {one!r}")
    return dict(one.split("=", 1) for one in given)


def _tags(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """Tags that CloudFormation takes."""
    tags = _key_values(context, option, given)
    for key, value in tags.items():
        if not 0 < len(key) <= _LONGEST_KEY or len(value) > _LONGEST_VALUE or key.lower().startswith("aws:"):
            raise click.BadParameter(
                f"{key}={value!r} cannot be a tag: its key may have {_LONGEST_KEY} characters and not begin with aws:, "
                f"and its value {_LONGEST_VALUE}"
            )
    return tags


_NAMED = f"{__name__}.standard_input"


def _name_standard_input(context: click.Context, _option: click.Parameter, name: str | None) -> None:
    """Keep it for the `-` among the files, which are read later."""
    if name is not None:
        context.meta[_NAMED] = StandardInput(Path(name).name)


def _check_is_named(context: click.Context, _argument: click.Parameter, files: Any) -> Any:
    """Refuse a name for standard input where that is not read."""
    if _NAMED in context.meta and StandardInput not in map(type, files if isinstance(files, tuple) else [files]):
        raise click.UsageError("--stdin-name is for standard input: name that as -, or leave it out", context)
    return files


_existing = _File(path_type=Path)
_file = click.argument("file", type=_existing, callback=_check_is_named)
_files = click.argument("files", type=_existing, nargs=-1, required=True, metavar="FILE...", callback=_check_is_named)
_stdin_name = click.option(
    "--stdin-name",
    metavar="NAME",
    is_eager=True,
    expose_value=False,
    callback=_name_standard_input,
    help="Name for standard input (-), whose ending says its format, such as chats.jsonl or tweets.csv.gz; default: "
    "stdin.csv.",
)
_of_a_job = tuple(map(_of_table, OPTIONS.values()))
_trying = (
    click.option("--limit", type=Number(1), metavar="N", help="Process only the first N rows."),
    click.option("--dry-run", "is_dry", is_flag=True, help="Print the first requests, or with --limit all; send none."),
    click.option(
        "--yes", "-y", "is_agreed", is_flag=True, help="Don't ask before files that cost more than $1 on a stack."
    ),
)
_stack = functools.partial(click.option, "--stack", metavar="NAME", envvar=STACK_VARIABLE, show_envvar=True)
_some_stack = functools.partial(_stack, default=DEFAULT_STACK, show_default=True)
stack_to_deploy = functools.partial(_some_stack, help="Name of the stack to create or update.")
_job_stack = _some_stack(help="Name of the stack.")
stack_to_run_on = _some_stack(help="Name of the stack to run on.")
stack_or_local = _stack(
    help="Name of the stack to run on, deployed or of `fanfold local up`; default: a temporary local cloud."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
parameters = click.option(
    "--parameter",
    "chosen",
    multiple=True,
    metavar="KEY=VALUE",
    callback=_key_values,
    help="Set a template parameter; repeatable.",
)
tags = click.option(
    "--tag",
    "tags",
    multiple=True,
    metavar="KEY=VALUE",
    callback=_tags,
    help="Tag the stack and its resources; repeatable. KEY= removes a tag. Others that the stack has are kept.",
)
partial = click.option("--partial", is_flag=True, help="While the job is running: only the rows that are done.")
out_folder = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("out"),
    show_default=True,
    help="Folder for results.csv, errors.csv and the job's other files.",
)
replace = click.option(
    "--replace", is_flag=True, help="Replace the files of another file's job in the folder, or of a job with more rows."
)
model = click.option(
    "--model",
    default=LEXICON,
    show_default=True,
    metavar="M",
    help="Model of the local endpoint: vader, a folder with a transformers model, owner/name[@revision] of one on the "
    "Hugging Face Hub (if there is no such folder), or a URL: of a container (http://127.0.0.1:8080), or of the path "
    "where any other server takes requests (http://127.0.0.1:8080/v1/chat/completions).",
)
task = click.option(
    "--task",
    metavar="T",
    help="Task of a model from a folder or the Hub, such as zero-shot-classification; default: the task that it was "
    "saved for.",
)
container = click.option(
    "--container",
    metavar="PYTHON",
    help="Run a model from a folder or the Hub as on AWS: with the Python that has Hugging Face's inference container "
    "installed.",
)


def of_a_file(command: Command) -> Command:
    """The file, and the options of its job."""
    return _all(command, _file, _stdin_name, *_of_a_job)


def of_files(command: Command) -> Command:
    """Files, and the options of their jobs."""
    return _all(command, _files, _stdin_name, *_of_a_job)


def of_a_new_job(command: Command) -> Command:
    """What one tries before running all of a file."""
    return _all(command, *_trying)


def of_a_job(command: Command) -> Command:
    """The job, by its id or how that begins, and the stack that has it."""
    return _all(command, click.argument("job"), _job_stack)


def of_a_stack(command: Command) -> Command:
    """The stack that is asked for its jobs."""
    return _all(command, _job_stack)


def _all(command: Command, *decorators: Callable[[Command], Any]) -> Command:
    return functools.reduce(lambda decorated, decorate: decorate(decorated), reversed(decorators), command)
