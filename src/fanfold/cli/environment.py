"""The environment of jobs: the console, a check of the endpoint, completion for the shell."""

import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import click
from click.shell_completion import get_completion_class

from fanfold.cli import options
from fanfold.cli.conclusion import ExitCode
from fanfold.cli.output import echo, show_json
from fanfold.client import Fanfold
from fanfold.doctor.findings import Finding, Verdict
from fanfold.doctor.model import examine_model
from fanfold.doctor.stack import as_override, examine, examine_job_defaults
from fanfold.endpoint import Waking
from fanfold.hub import on_this_machine
from fanfold.terminal import stderr
from fanfold_core.domain.options.row import JOB_DEFAULTS

CONSOLE_PORT = 4568


@click.command(short_help="Open a web console for a stack.")
@options.of_a_stack
@options.port("--port", CONSOLE_PORT, "the console")
def console(stack: str, port: int) -> None:
    """Serve a web console for a stack until Ctrl-C: drop a CSV, watch its job, read its report.

    It prints the link to the console, which only works on this machine. The console uses your AWS credentials.
    `fanfold local up` includes a console.

    \b
    fanfold console --stack fanfold
    """
    # Takes a fifth of a second that other commands needn't wait for.
    from fanfold.console.server import listening, serving  # noqa: PLC0415

    with listening(port) as at, serving(Fanfold(stack), at) as link:
        echo(link)
        stderr.print("Press Ctrl-C to stop.")
        wait_for_the_end()


def wait_for_the_end() -> None:
    """Wait for Ctrl-C, or for whoever asks the process to end."""
    ended = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()


@click.command(short_help="Check the configuration of a stack's endpoint, or a model before its deploy.")
@options.of_a_stack
@click.option(
    "--model",
    type=options.ModelPath(),
    help="Check a model instead: a folder that transformers has saved, a model.tar.gz, or owner/name[@revision] of a "
    "model on the Hugging Face Hub.",
)
@click.option("--job-defaults", metavar="JSON", help="Check a value of the parameter JobDefaults instead.")
@options.as_json
def doctor(stack: str, model: str | None, job_defaults: str | None, as_json: bool) -> None:
    """Check that a stack's endpoint writes to its bucket, notifies its topics and scales, and that its model is pinned.

    Prints one finding per line: ok, costly (works, but costs more than necessary), risky (works, but perhaps not as it
    should) or wrong, with what to do. The exit code is 0 if nothing is wrong, else 1. The command reads the stack and
    the endpoint and changes nothing. With --model it needs no stack: it checks whether the container on AWS, which has
    transformers of a certain version, will load the model. Nor does --job-defaults need one: it checks a JSON object of
    options, and prints it as `fanfold deploy` and `sam deploy` take it.

    \b
    fanfold doctor --stack fanfold
    fanfold doctor --model ./my-model
    fanfold doctor --model cardiffnlp/twitter-roberta-base-sentiment
    fanfold doctor --job-defaults '{"rows-per-request": 64}'
    """
    findings = list(_findings(stack, model, job_defaults))
    is_wrong = any(finding.verdict is Verdict.WRONG for finding in findings)
    if as_json:
        show_json([{"verdict": finding.verdict.value, "words": finding.words} for finding in findings])
    else:
        for finding in findings:
            echo(finding)
    if job_defaults is not None and not is_wrong:
        parameter = shlex.quote(f"{JOB_DEFAULTS}={job_defaults}")
        stderr.print(f"fanfold deploy --parameter {parameter}", soft_wrap=True, markup=False)
        stderr.print(f"sam deploy --parameter-overrides {as_override(job_defaults)}", soft_wrap=True, markup=False)
    sys.exit(ExitCode.FAILED if is_wrong else ExitCode.OK)


def _findings(stack: str, model: str | None, job_defaults: str | None) -> Iterator[Finding]:
    if model:
        yield from examine_model(Path(on_this_machine(model)))
    if job_defaults is not None:
        yield from examine_job_defaults(job_defaults)
    if model is None and job_defaults is None:
        yield from examine(Fanfold(stack).stack)


@click.command(short_help="Start an instance of a stack's endpoint before a file comes.")
@options.of_a_stack
@click.option("--wait", is_flag=True, help="Wait until the instance is there, about ten minutes.")
def wake(stack: str, wait: bool) -> None:
    """Start an instance of a stack's endpoint that has scaled to zero, so that the next file doesn't wait for it.

    The instance costs from then on, until the endpoint scales to zero again: after about 15 minutes without a request,
    but how soon after this command isn't documented (docs/operations.md, "Wake the endpoint"). The command does nothing
    if there is an instance, or one is starting.

    \b
    fanfold wake --stack fanfold --wait
    """
    found = Fanfold(stack).stack
    waking = Waking(found)
    now = waking.start()
    if now.is_awake:
        stderr.print(f"{now} already: nothing to do", soft_wrap=True)
        return
    stderr.print(f"{now}; one is starting, which takes about ten minutes", soft_wrap=True)
    if wait:
        stderr.print(str(waking.wait()), soft_wrap=True)
    if found.parameters.get("Scaling") == "off" and not found.parameters.get("EndpointName"):
        stderr.print("Nothing lets it sleep again: deploy with Scaling=on", style="yellow", soft_wrap=True)


_VARIABLE = "_FANFOLD_COMPLETE"


@click.command(short_help="Print a shell completion script.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script that lets SHELL complete commands, options and values.

    \b
    fanfold completion bash > ~/.local/share/bash-completion/completions/fanfold
    fanfold completion zsh > "${fpath[1]}/_fanfold"
    fanfold completion fish > ~/.config/fish/completions/fanfold.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click has no completion for {shell}")
    echo(kind(context.find_root().command, {}, "fanfold", _VARIABLE).source())
