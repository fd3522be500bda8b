"""Models to try the recipes with, and what transformers itself makes of the texts."""

import csv
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.pages import commands

BIN = Path(__file__).parents[2] / ".venv-recipes/bin"
PAGE = "recipes.md"


class Kitchen:
    """A `folder` with the file and the models of the recipes. `answers` has the pipelines' own, by recipe."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sh(commands(PAGE, "All recipes use this file"))
        script = Path(__file__).with_name("tiny_models.py")
        self.answers: dict[str, Any] = json.loads(self._run(str(BIN / "python"), str(script), "reviews.csv", "models"))

    def cook(self, after: str, out: str, changes: Mapping[str, str] | None = None) -> list[dict[str, str]]:
        """Run the page's commands that follow some words, with others for some; the results, row by row."""
        self.run(after, changes or {})
        with (self.folder / "out" / out / "results.csv").open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))

    def run(self, after: str, changes: Mapping[str, str]) -> None:
        """Run the page's commands that follow some words, with others for some."""
        script = commands(PAGE, after)
        for words, others in changes.items():
            assert words in script
            script = script.replace(words, others)
        self._sh(script)

    def _sh(self, script: str) -> None:
        self._run("bash", "-ec", script)

    def _run(self, *command: str) -> str:
        environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "HF_HUB_OFFLINE": "1"}
        run = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert run.returncode == 0, run.stderr
        return run.stdout


@pytest.fixture(scope="session")
def kitchen(tmp_path_factory: pytest.TempPathFactory) -> Kitchen:
    return Kitchen(tmp_path_factory.mktemp("kitchen"))
