"""`fanfold console`: a deployed stack's jobs in the browser."""

import click

from fanfold.cli import options
from fanfold.cli.ending import wait_for_the_end
from fanfold.client import Fanfold
from fanfold.talk import talk

CONSOLE_PORT = 4568


@click.command(short_help="Show a stack's jobs on a page, with reports.")
@options.of_a_stack
@options.port("--port", CONSOLE_PORT, "the page")
def console(stack: str, port: int) -> None:
    """Show a stack's jobs on a page of this machine, until Ctrl-C: drop a CSV, watch it, read its report.

    It prints the page's address, which only this machine reaches, and acts with your credentials. `fanfold local up`
    has a console, too.

    \b
    fanfold console --stack fanfold
    """
    # Takes a fifth of a second that other commands needn't wait for.
    from fanfold.console.server import listening, serving  # noqa: PLC0415

    with listening(port) as at, serving(lambda: Fanfold(stack), at) as link:
        click.echo(link)
        talk.print("Ctrl-C ends it.")
        wait_for_the_end()
