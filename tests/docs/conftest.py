"""What a reader of the documentation has: a shell in a folder with some files, and in other terminals a local cloud."""

import contextlib
import functools
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.docs.files import write_files
from tests.docs.pages import ROOT
from tests.docs.reader import Reader, Stack

from fanfold import Fanfold, Job
from fanfold.stacks import Stack as DeployedStack

Start = Callable[..., dict[str, str]]


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts a command that keeps running in a terminal of its own, once; what it prints to `export`."""
    with contextlib.ExitStack() as running:

        @functools.cache
        def start(*command: str) -> dict[str, str]:
            return running.enter_context(_running(command, tmp_path_factory.mktemp("terminal")))

        yield start


@contextlib.contextmanager
def _running(command: tuple[str, ...], folder: Path) -> Iterator[dict[str, str]]:
    ports = ("--port", "0", "--endpoint-port", "0")
    whole = [sys.executable, "-m", *command, *ports]
    with subprocess.Popen(
        whole, cwd=folder, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout
        said = ""
        while "Press Ctrl-C to stop" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        yield dict(re.findall(r"^export (\w+)=(\S+)$", said, re.MULTILINE))
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


@pytest.fixture(scope="session")
def cloud(start: Start) -> dict[str, str]:
    """One local cloud for all pages, as their readers start it."""
    return start("fanfold", "local", "up", "--console-port", "0")


@pytest.fixture(scope="session")
def stack(cloud: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """What pages name without knowing it: jobs, and the stack's resources."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cloud.items():
            patch.setenv(name, value)
        folder = write_files(tmp_path_factory.mktemp("jobs"))
        client = Fanfold("fanfold")
        client.stack.client("s3").create_bucket(Bucket="my-lake")
        ended, cancelled = (
            client.submit(folder / "tweets.csv"),
            client.submit(ROOT / "samples/texts.csv", rows_per_request=1),
        )
        _cancel(cancelled)
        ended.wait()
        cancelled.wait()
        return Stack(ended.id, cancelled.id, dispatcher=_function(client.stack, "Dispatcher"))


def _cancel(job: Job) -> None:
    """Cancel a job as soon as it has begun."""
    next(status for status in job.follow() if status.state != "UPLOADED")
    job.cancel()


def _function(stack: DeployedStack, name: str) -> str:
    functions = stack.session.client("lambda").list_functions()["Functions"]
    return next(found["FunctionName"] for found in functions if name in found["FunctionName"])


@pytest.fixture
def reader(cloud: dict[str, str], stack: Stack, start: Start, tmp_path: Path) -> Reader:
    """A reader in a folder that has what a clone has, and the files that pages talk of."""
    write_files(tmp_path)
    for name in ("Makefile", "pyproject.toml", "hatch_build.py", "requirements", "samples", ".venv/bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(ROOT / name)
    # Whoever runs this has made the environment; it is not to be made again from here.
    for stamp in (".locked", ".installed"):
        (tmp_path / ".venv" / stamp).touch()
    return Reader(tmp_path, {**_environment(), **cloud, "FANFOLD_STACK": "fanfold"}, stack, start)


def _environment() -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "FANFOLD_"))}
    folders = (ROOT / ".venv/bin", ROOT / ".venv-sdk2/bin")
    # A browser that is content with any page.
    return {**mine, "PATH": os.pathsep.join([*map(str, folders), mine["PATH"]]), "BROWSER": "true"}
