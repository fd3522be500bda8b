"""The processes of witnesses that are services: ministack (AWS in Python) and dynalite (DynamoDB in JavaScript)."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.witness.witness import AbsentError

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".venv-witness"
MODULES = ROOT / "build" / "witness" / "node_modules"
LOGS = ROOT / "build" / "witness" / "logs"
REGION = "us-east-1"
LAMBDA_PYTHON = "3.13"
ACCOUNT = "123456789012"
KEYS = {
    "AWS_ACCESS_KEY_ID": ACCOUNT,  # ministack takes the account from it
    "AWS_SECRET_ACCESS_KEY": "witness",
    "AWS_SESSION_TOKEN": "",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}
_PATIENCE_SECONDS = 60


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port: int = unused.getsockname()[1]
        return port


def lambda_python() -> Path:
    """The Python of the witnesses' environment, if it is Lambda's, for which the layers are built."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        raise AbsentError("no Python for the functions: make .venv-witness/.locked")
    asked = [str(python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    found = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    if found != LAMBDA_PYTHON:
        raise AbsentError(f"the layers are for Python {LAMBDA_PYTHON}, and .venv-witness has {found}")
    return python


@contextmanager
def ministack(variables: Mapping[str, str]) -> Iterator[str]:
    """Run it; its address. Functions inherit its environment, so `variables` reach them."""
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / "bin" / "ministack").exists():
        raise AbsentError("ministack is not installed: make .venv-witness/.locked")
    command = [str(python), str(Path(__file__).with_name("run_ministack.py"))]
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "LOG_LEVEL": "WARNING",
        # Python of its own environment runs the functions.
        "LAMBDA_EXECUTOR": "local",
    }
    with running("ministack", command, {**KEYS, **settings, "AWS_ENDPOINT_URL": url, **variables}, port):
        yield url


@contextmanager
def dynalite() -> Iterator[str]:
    """Run it, with all in memory; its address."""
    program, node = MODULES / "dynalite" / "cli.js", shutil.which("node")
    if node is None:
        raise AbsentError("dynalite needs Node.js, which is not installed")
    if not program.exists():
        raise AbsentError("dynalite is not installed: make build/witness/.locked")
    port = free_port()
    at_once = ["--createTableMs", "0", "--deleteTableMs", "0"]  # what AWS takes seconds for
    command = [node, str(program), "--host", "127.0.0.1", "--port", str(port), *at_once]
    with running("dynalite", command, KEYS, port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def running(name: str, command: Sequence[str], variables: Mapping[str, str], port: int) -> Iterator[None]:
    """A process that listens on a port, and writes into a log of its name, for as long as this takes."""
    LOGS.mkdir(parents=True, exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    with (LOGS / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, env={**kept, **variables}, stdout=log, stderr=log, start_new_session=True)
        try:
            _await(process, name, port)
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            # What it has started, such as Lambda's workers, is of its session.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _await(process: "subprocess.Popen[bytes]", name: str, port: int) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended with {process.returncode}: see {LOGS / f'{name}.log'}")
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{name} does not listen after {_PATIENCE_SECONDS} s")


def version(package: str) -> str:
    """The version of a package that is pinned for witnesses."""
    pinned = (ROOT / "requirements" / "witness.txt").read_text(encoding="utf-8").splitlines()
    lines = [line for line in pinned if line.startswith(f"{package}==")]
    if lines:
        return lines[0].partition("==")[2].split()[0]
    lock = json.loads((Path(__file__).parent / "package-lock.json").read_text(encoding="utf-8"))
    return str(lock["packages"][f"node_modules/{package}"]["version"])
