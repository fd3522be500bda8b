"""`fanfold doctor`: whether a stack's endpoint fits it."""

import sys

import click

from fanfold.cli import options
from fanfold.cli.codes import ExitCode
from fanfold.cli.output import show_json
from fanfold.client import Fanfold
from fanfold.doctor import Verdict, examine


@click.command(short_help="Check that a stack's endpoint fits it.")
@options.of_a_stack
@options.as_json
def doctor(stack: str, as_json: bool) -> None:
    """Check that a stack's endpoint writes where the stack reads and tells whom the stack listens to.

    One finding a line: ok, costly (works, and costs more than it must) or wrong, and then what to do. Exit code: 0
    nothing is wrong, 1 something is. It needs to read the stack and the endpoint, and changes nothing.

    \b
    fanfold doctor --stack fanfold
    """
    findings = list(examine(Fanfold(stack).stack))
    if as_json:
        show_json([{"verdict": finding.verdict.value, "words": finding.words} for finding in findings])
    else:
        for finding in findings:
            click.echo(finding)
    sys.exit(ExitCode.FAILED if any(finding.verdict is Verdict.WRONG for finding in findings) else ExitCode.OK)
