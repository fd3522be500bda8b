"""`fanfold local`: a local cloud that keeps running, or an endpoint alone."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fanfold.cli import options
from fanfold.cli.environment import CONSOLE_PORT, wait_for_the_end
from fanfold.cli.output import echo
from fanfold.client import STACK_VARIABLE, Fanfold, local_cloud, say_model
from fanfold.errors import extra
from fanfold.hub import on_this_machine
from fanfold.input.batch import LEXICON
from fanfold.terminal import spinner, stderr
from localaws.access.profiles import MISLEADING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from localaws.chaos import Chaos
    from localaws.cloud import LocalCloud


@click.group(short_help="Run the system on this machine.")
def local() -> None:
    """Run the system on this machine, without an AWS account and without Docker."""


_port = options.port("--port", 4566, "AWS services")
_endpoint_port = options.port("--endpoint-port", 4567, "the SageMaker runtime")
_logs = click.option(
    "--logs",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".fanfold"),
    show_default=True,
    help="Folder for logs. Only you can read them.",
)
_scaling = click.option(
    "--simulate-scaling",
    "scaling_speed",
    type=options.Amount(0),
    is_flag=False,
    flag_value=60.0,
    default=0.0,
    metavar="[SPEED]",
    help="Scale the endpoint to zero and back, SPEED times faster than real time (default 60).",
)


@local.command()
@_port
@_endpoint_port
@options.port("--console-port", CONSOLE_PORT, "the console")
@options.model
@options.container
@options.parameters
@_logs
@_scaling
@click.option(
    "--chaos",
    "seed",
    type=int,
    metavar="SEED",
    help="Inject random faults: kill workers, repeat and lose messages, break and restart the endpoint.",
)
def up(
    port: int,
    endpoint_port: int,
    console_port: int,
    model: str,
    container: str | None,
    chosen: dict[str, str],
    logs: Path,
    scaling_speed: float,
    seed: int | None,
) -> None:
    """Run a local cloud, created from template.yaml, until Ctrl-C.

    It prints lines for a shell (export, unset). With these, fanfold and AWS tools in another terminal use the local
    cloud; `fanfold run` does, too, since they set FANFOLD_STACK. Their keys are new each time it starts, and it refuses
    requests that are not signed with them:

    \b
    fanfold local up
    fanfold local up --model ./my-model --simulate-scaling
    fanfold submit tweets.csv
    aws s3 cp tweets.csv s3://fanfold-input-123456789012-us-east-1/
    aws s3 ls --recursive s3://fanfold-output-123456789012-us-east-1/results/
    """
    chaos = None if seed is None else make_chaos(seed)
    more = {"container": container, "scaling_speed": scaling_speed, "on_scaling": stderr.print, "conditions": chaos}
    # Takes a fifth of a second that `--help` needn't wait for.
    from fanfold.console.server import listening, serving  # noqa: PLC0415

    with (
        listening(console_port) as at,
        running(model, chosen, port=port, endpoint_port=endpoint_port, log_dir=logs, **more) as cloud,
        serving(Fanfold(cloud.stack_name, session=cloud.session()), at) as link,
    ):
        _print_exports({**cloud.environment, STACK_VARIABLE: cloud.stack_name})
        stderr.print(f"\nConsole:\n\n  {link}", soft_wrap=True)
        _print_commands(
            "fanfold submit tweets.csv",
            f"aws s3 cp tweets.csv s3://{cloud.outputs['InputBucket']}/",
            f"aws s3 ls --recursive s3://{cloud.outputs['OutputBucket']}/results/",
        )
        if chaos is not None:
            stderr.print("With --metadata request-ttl-seconds=60, lost requests are sent again after a minute.\n")
        stderr.print(f"The functions log to {logs}. Press Ctrl-C to stop.")
        wait_for_the_end()
    if chaos is not None:
        stderr.print("Injected faults: " + ", ".join(f"{count} {fault}" for fault, count in chaos.faults.items()))


@local.command()
@_port
@_endpoint_port
@options.model
@options.task
@options.container
@_logs
@_scaling
def endpoint(
    port: int,
    endpoint_port: int,
    model: str,
    task: str | None,
    container: str | None,
    logs: Path,
    scaling_speed: float,
) -> None:
    """Run a single asynchronous endpoint, without the pipeline, until Ctrl-C.

    The endpoint is named local and behaves like a SageMaker endpoint. With the printed lines, AWS tools and the
    SageMaker SDKs use it, and can create more endpoints. The keys are new each time it starts, and it refuses requests
    that are not signed with them.

    \b
    fanfold local endpoint
    aws s3 cp --content-type application/json request.json s3://sagemaker-us-east-1-123456789012/
    aws sagemaker-runtime invoke-endpoint-async --endpoint-name local \\
        --input-location s3://sagemaker-us-east-1-123456789012/request.json
    """
    check_task(model, task)
    with extra("local", "a local endpoint"):
        from localaws.standalone import BUCKET, ENDPOINT, LocalEndpoint  # noqa: PLC0415 - an extra, and takes a second

    say_model(model)
    alone = LocalEndpoint(
        on_this_machine(model),
        task=task,
        container=container,
        port=port,
        endpoint_port=endpoint_port,
        log_dir=logs,
        scaling_speed=scaling_speed,
        on_scaling=stderr.print,
    )
    with stderr.status("starting the endpoint"):
        alone.start()
    try:
        _print_exports(alone.environment)
        _print_commands(
            f"aws s3 cp --content-type application/json request.json s3://{BUCKET}/",
            f"aws sagemaker-runtime invoke-endpoint-async --endpoint-name {ENDPOINT} "
            f"--input-location s3://{BUCKET}/request.json",
        )
        stderr.print(f"Notifications go to {alone.queue_url}", soft_wrap=True)
        stderr.print("Press Ctrl-C to stop.")
        wait_for_the_end()
    finally:
        with stderr.status("stopping the endpoint"):
            alone.stop()


def _print_exports(environment: Mapping[str, str]) -> None:
    for name, value in environment.items():
        echo(f"export {name}={shlex.quote(value)}")
    echo(f"unset {' '.join(MISLEADING)}")


def _print_commands(*commands: str) -> None:
    stderr.print("\nIn another terminal, after these exports:\n")
    stderr.print(*(f"  {command}" for command in commands), sep="\n", end="\n\n", soft_wrap=True)


def check_task(model: str, task: str | None) -> None:
    """`click.UsageError` if a task is named for a model that has none to choose."""
    if task and (model == LEXICON or "://" in model):
        raise click.UsageError(
            "--task is for a model from a folder or the Hub: name one with --model, or leave --task out"
        )


def client_of(stack: str | None, model: str, task: str | None, container: str | None) -> Fanfold:
    """The client of a stack, or without one that of a local cloud with this model, which begins and ends with it."""
    return Fanfold(stack) if stack else Fanfold(local=True, model=model, task=task, container=container)


@contextmanager
def running(model: str, parameters: Mapping[str, str], **options: Any) -> Iterator[LocalCloud]:
    """A local cloud that is there to be used from elsewhere."""
    cloud = local_cloud(model, parameters, **options)
    with spinner("starting the local cloud"):
        cloud.start()
    try:
        yield cloud
    finally:
        with spinner("stopping the local cloud"):
            cloud.stop()


def make_chaos(seed: int) -> Chaos:
    """Conditions under which everything goes wrong at times."""
    with extra("local", "a local cloud"):
        from localaws.chaos import Chaos  # noqa: PLC0415 - an extra, and takes a second

    return Chaos(seed)
