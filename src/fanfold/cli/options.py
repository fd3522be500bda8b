"""Options that several commands have."""

from collections.abc import Callable
from pathlib import Path

import click

from fanfold.client import DEFAULT_STACK

Command = Callable[..., None]


def stack_option(command: Command) -> Command:
    """The stack that a command is about."""
    return click.option(
        "--stack",
        metavar="NAME",
        envvar="FANFOLD_STACK",
        show_envvar=True,
        default=DEFAULT_STACK,
        show_default=True,
        help="Stack that has the job, by its name.",
    )(command)


def out_option(command: Command) -> Command:
    """The folder for a job's files."""
    return click.option(
        "--out",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("out"),
        show_default=True,
        help="Folder for results.csv, errors.csv, summary.json and report.html.",
    )(command)
