"""The endpoint by itself, as its page in the documentation has it."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.ecosystem.conftest import ROOT
from tests.pages import commands

pytestmark = pytest.mark.ecosystem

PAGE = "local-endpoint.md"


@pytest.fixture
def exports(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What the command of the page prints, on any port."""
    _, *arguments = commands(PAGE).split()
    command = [sys.executable, "-m", "fanfold", *arguments, "--port", "0", "--endpoint-port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        lines = [running.stdout.readline() for _ in range(6)]
        yield dict(re.findall(r"^export (\w+)=(\S+)$", "".join(lines), re.MULTILINE))
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0


def test_the_page_s_commands_get_an_answer_and_a_notification(exports: dict[str, str], tmp_path: Path) -> None:
    path = f"{ROOT / '.venv-sdk2/bin'}{os.pathsep}{os.environ['PATH']}"
    mine = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    script = "set -e\n" + commands(PAGE, "In another terminal")

    run = subprocess.run(
        ["bash", "-c", script],  # noqa: S607 # as the reader's shell
        env={**mine, **exports, "PATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )

    assert run.returncode == 0, run.stderr
    notification = json.loads(re.findall(r'"Body": (".*")', run.stdout)[0])
    assert json.loads(notification)["invocationStatus"] == "Completed"
    [answer] = (tmp_path / "answers").iterdir()
    assert [one["label"] for one in json.loads(answer.read_text())] == ["LABEL_2", "LABEL_0"]
