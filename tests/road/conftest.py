"""The whole system, running: template.yaml on the local cloud."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fanfold import jobs
from fanfold.local.cloud import LocalCloud
from fanfold.stacks import Stack


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the cloud's functions log to."""
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="session")
def cloud(logs: Path) -> Iterator[LocalCloud]:
    with LocalCloud(log_dir=logs) as cloud:
        yield cloud


@dataclass(frozen=True)
class Finished:
    """What a job came to. `results` and `errors` go by row, without their header lines."""

    summary: dict[str, Any]
    header: list[str]
    results: list[list[str]]
    errors: list[list[str]]
    content: bytes


class Road:
    """Sends files down the road."""

    def __init__(self, cloud: LocalCloud, folder: Path) -> None:
        self.folder = folder
        self._cloud = cloud

    def run(self, name: str, content: bytes, options: Mapping[str, str] | None = None) -> Finished:
        """Upload a file and wait for its results."""
        file = self.folder / name
        file.write_bytes(content)
        stack = Stack.find(self._cloud.session(), self._cloud.stack_name)
        job = jobs.submit(stack, file, options or {}, lambda _sent: None)
        for _ in jobs.follow(stack, job, interval=0.1):
            pass
        out = self.folder / job
        summary = jobs.fetch(stack, job, out)
        header, *results = records(out / "results.csv")
        return Finished(summary, header, results, records(out / "errors.csv")[1:], (out / "results.csv").read_bytes())

    def fanfold(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line against the cloud, as a user would against a deployed stack."""
        environment = {**os.environ, **self._cloud.environment, "FANFOLD_STACK": self._cloud.stack_name}
        command = [sys.executable, "-m", "fanfold", *arguments]
        return subprocess.run(
            command, env=environment, cwd=self.folder, capture_output=True, text=True, check=False, timeout=120
        )


def records(file: Path) -> list[list[str]]:
    csv.field_size_limit(sys.maxsize)
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def printed(run: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(run.stdout)
    return summary


@pytest.fixture(scope="session")
def road(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Road:
    return Road(cloud, tmp_path_factory.mktemp("road"))
