"""The whole system, running: template.yaml on the local cloud."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fanfold import Fanfold, Job
from fanfold.cli import main
from fanfold.client import LOCAL_PARAMETERS
from fanfold.input.sources import Source
from fanfold.input.uploads import metadata, upload
from fanfold.project import find_root
from localaws.cloud import LocalCloud
from localaws.conditions import Conditions
from localaws.endpoint.requests import InferenceRequest

# In cells of most files here.
TEXTS = ("so good", "so bad")


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the cloud's functions log to."""
    return tmp_path_factory.mktemp("logs")


class Slowly(Conditions):
    """A model that takes its time with texts which say so."""

    def service_time(self, request: InferenceRequest) -> float:
        return 0.2 if b"slowly" in request.body else 0


@pytest.fixture(scope="session")
def cloud(logs: Path) -> Iterator[LocalCloud]:
    with LocalCloud(find_root(), parameters=LOCAL_PARAMETERS, log_dir=logs, conditions=Slowly()) as cloud:
        yield cloud
    lines = [line for log in logs.glob("*Function.log") for line in log.read_text().splitlines()]
    assert lines
    assert [line for line in lines if any(text in line for text in TEXTS)] == []


@dataclass(frozen=True)
class Finished:
    """What a job came to. `results` and `errors` go by row, without their header lines."""

    summary: dict[str, Any]
    header: list[str]
    results: list[list[str]]
    errors: list[list[str]]
    content: bytes


class Pipeline:
    """Sends files down the pipeline."""

    def __init__(self, cloud: LocalCloud, folder: Path) -> None:
        self.folder = folder
        self.client = client_of(cloud)
        self._cloud = cloud

    def run(self, name: str, content: bytes, **options: Any) -> Finished:
        """Upload a file and wait for its results; options are those of `Fanfold.submit`."""
        file = self.folder / name
        file.write_bytes(content)
        return self.finish(self.client.submit(file, **options))

    def drop(self, name: str, content: bytes, **options: Any) -> Finished:
        """The same with a file that is put into the bucket as it is, as other tools do."""
        file = self.folder / name
        file.write_bytes(content)
        uploaded = upload(self.client.stack, Source.of_file(file), metadata(**options))
        return self.finish(Job(self.client.stack, uploaded.id, uploaded))

    def finish(self, job: Job) -> Finished:
        """Wait for the results of a job."""
        job.wait()
        out = self.folder / job.id
        job.download(out)
        header, *results = records(out / "results.csv")
        errors = records(out / "errors.csv")[1:]
        return Finished(job.summary(), header, results, errors, (out / "results.csv").read_bytes())

    def fanfold(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line against the cloud, as a user would against a deployed stack."""
        run = self.begin(*arguments)
        stdout, stderr = run.communicate(timeout=120)
        return subprocess.CompletedProcess(run.args, run.returncode, stdout, stderr)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """The same, without waiting for its end."""
        return self._begin([sys.executable, "-m", "fanfold", *arguments])

    def shell(self, script: str) -> subprocess.CompletedProcess[str]:
        """Have a shell run `$fanfold`."""
        run = self._begin(["/bin/bash", "-c", f'fanfold="{sys.executable} -m fanfold"; {script}'])
        stdout, stderr = run.communicate(timeout=120)
        return subprocess.CompletedProcess(run.args, run.returncode, stdout, stderr)

    def _begin(self, command: list[str]) -> subprocess.Popen[str]:
        environment = {**os.environ, **self._cloud.environment, "FANFOLD_STACK": self._cloud.stack_name}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, cwd=self.folder, stdout=pipe, stderr=pipe, text=True)


def client_of(cloud: LocalCloud) -> Fanfold:
    """The client of a local cloud that runs already."""
    return Fanfold(cloud.stack_name, session=cloud.session())


def records(file: Path) -> list[list[str]]:
    csv.field_size_limit(sys.maxsize)
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def printed(run: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(run.stdout)
    return summary


@pytest.fixture(scope="session")
def pipeline(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return Pipeline(cloud, tmp_path_factory.mktemp("pipeline"))


@dataclass(frozen=True)
class Said:
    """What the command line made of a file."""

    code: int
    stderr: str
    summary: dict[str, Any]
    out: Path


CommandLine = Callable[..., Said]


@pytest.fixture
def fanfold(
    cloud: LocalCloud, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """The command line in this process, which saves each of many tests a second."""
    for name, value in {**cloud.environment, "FANFOLD_STACK": cloud.stack_name}.items():
        monkeypatch.setenv(name, value)

    def run(name: str, content: bytes, *options: str) -> Said:
        file, out = pipeline.folder / name, pipeline.folder / f"out of {name}"
        file.write_bytes(content)
        monkeypatch.setattr("sys.argv", ["fanfold", "run", str(file), "--out", str(out), *options])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        summary = json.loads(printed.out or "{}")
        assert not summary or summary == json.loads((out / "summary.json").read_text())
        return Said(ended.value.code, printed.err, summary, out)  # type: ignore[arg-type] # ExitCode

    return run
