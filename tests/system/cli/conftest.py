"""The command line in this process, and a job to ask it about."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from fanfold.cli import main

if TYPE_CHECKING:
    from tests.system.conftest import Pipeline

    from fanfold import Job
    from localaws.cloud import LocalCloud

OK, FAILED, WRONG_USAGE, SOME_ROWS_FAILED, INTERRUPTED = 0, 1, 2, 3, 130
MIXED = b"id,text\n1,so good\n2,\n3,so bad\n4,well,really\n5,\n"


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def table(self) -> list[list[str]]:
        return [line.split("\t") for line in self.stdout.splitlines()]


Fanfold = Callable[..., Said]


@pytest.fixture
def fanfold(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Fanfold:
    """The command line in this process, which saves each of many tests a second."""
    for name, value in {**cloud.environment, "FANFOLD_STACK": cloud.stack_name}.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> Said:
        monkeypatch.setattr("sys.argv", ["fanfold", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return Said(int(ended.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture(scope="module")
def job(pipeline: Pipeline) -> Job:
    """A job that has ended, with three failed rows."""
    file = pipeline.folder / "commands.csv"
    file.write_bytes(MIXED)
    job = pipeline.client.submit(file, rows_per_request=2)
    job.wait(timeout=60)
    return job
