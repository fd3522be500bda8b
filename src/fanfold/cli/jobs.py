"""`fanfold cancel` and `fanfold retry`: what can be done with a job that has begun."""

import sys
from collections.abc import Callable
from pathlib import Path

import boto3
import click

from fanfold import jobs
from fanfold.cli.conclusion import follow_to_the_end
from fanfold.cli.talk import talk
from fanfold.stacks import Stack

Command = Callable[..., None]


def stack_option(command: Command) -> Command:
    """The stack that a command is about."""
    return click.option(
        "--stack",
        metavar="NAME",
        envvar="FANFOLD_STACK",
        show_envvar=True,
        default="fanfold",
        show_default=True,
        help="Stack that has the job, by its name.",
    )(command)


@click.command()
@click.argument("job")
@stack_option
def cancel(job: str, stack: str) -> None:
    """End JOB with the rows that it has by now. They are assembled as ever, and the others say "cancelled".

    \b
    fanfold cancel tweets-6a5ef09ece7577f1
    """
    ended = jobs.cancel(Stack.find(boto3.Session(), stack), job)
    talk.print(f"job {job}: {ended.state}", soft_wrap=True)


@click.command()
@click.argument("job")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("out"),
    show_default=True,
    help="Folder for results.csv, errors.csv and summary.json.",
)
@stack_option
def retry(job: str, out: Path, stack: str) -> None:
    """Try the failed rows of an ended JOB again, and write all rows to a folder. Exit codes are those of `run`.

    The retry is a job of its own, called like the first with a number: its predictions take the place of the errors.

    \b
    fanfold retry tweets-6a5ef09ece7577f1 --out second
    fanfold retry tweets-6a5ef09ece7577f1.2 --out third
    """
    target = Stack.find(boto3.Session(), stack)
    following = jobs.retry(target, job)
    sys.exit(follow_to_the_end(target, following.id, job, out))
