"""`fanfold doctor`: whether a stack's endpoint fits it."""

import sys

import boto3
import click

from fanfold.cli.codes import ExitCode
from fanfold.doctor import Verdict, examine
from fanfold.stacks import Stack


@click.command()
@click.option(
    "--stack",
    metavar="NAME",
    envvar="FANFOLD_STACK",
    show_envvar=True,
    required=True,
    help="Deployed stack to look at, by its name.",
)
def doctor(stack: str) -> None:
    """Check that a stack's endpoint writes where the stack reads and tells whom the stack listens to.

    One finding a line: ok, costly (works, and costs more than it must) or wrong, and then what to do. Exit code: 0
    nothing is wrong, 1 something is. It needs to read the stack and the endpoint, and changes nothing.
    """
    findings = list(examine(Stack.find(boto3.Session(), stack)))
    for finding in findings:
        click.echo(finding)
    sys.exit(ExitCode.FAILED if any(finding.verdict is Verdict.WRONG for finding in findings) else ExitCode.OK)
