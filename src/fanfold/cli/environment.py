"""The environment of jobs: the console, a check of the endpoint, completion for the shell."""

import signal
import sys
from threading import Event

import click
from click.shell_completion import get_completion_class

from fanfold.cli import options
from fanfold.cli.conclusion import ExitCode
from fanfold.cli.output import show_json
from fanfold.client import Fanfold
from fanfold.doctor import Verdict, examine
from fanfold.terminal import stderr

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
        stderr.print("Ctrl-C ends it.")
        wait_for_the_end()


def wait_for_the_end() -> None:
    """Wait for Ctrl-C, or for whoever asks the process to end."""
    ended = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()


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


_VARIABLE = "_FANFOLD_COMPLETE"


@click.command(short_help="Print what completes commands in a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes SHELL complete commands, options and their values.

    \b
    fanfold completion bash > ~/.local/share/bash-completion/completions/fanfold
    fanfold completion zsh > "${fpath[1]}/_fanfold"
    fanfold completion fish > ~/.config/fish/completions/fanfold.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click knows no completion for {shell}")
    click.echo(kind(context.find_root().command, {}, "fanfold", _VARIABLE).source())
