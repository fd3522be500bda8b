"""`fanfold cancel` and `fanfold retry`: what can be done with a job that has begun."""

import sys
from pathlib import Path

import click

from fanfold.cli.conclusion import follow_to_the_end
from fanfold.cli.options import out_option, stack_option
from fanfold.client import Fanfold
from fanfold.talk import talk


@click.command()
@click.argument("job")
@stack_option
def cancel(job: str, stack: str) -> None:
    """End JOB with the rows that it has by now. They are assembled as ever, and the others say "cancelled".

    \b
    fanfold cancel tweets-6a5ef09ece7577f1
    """
    found = Fanfold(stack).job(job)
    talk.print(f"job {found.id}: {found.cancel().state}", soft_wrap=True)


@click.command()
@click.argument("job")
@out_option
@stack_option
def retry(job: str, out: Path, stack: str) -> None:
    """Try the failed rows of an ended JOB again, and write all rows to a folder. Exit codes are those of `run`.

    The retry is a job of its own, called like the first with a number: its predictions take the place of the errors.

    \b
    fanfold retry tweets-6a5ef09ece7577f1 --out second
    fanfold retry tweets-6a5ef09ece7577f1.2 --out third
    """
    sys.exit(follow_to_the_end(Fanfold(stack).job(job).retry(), job, out))
