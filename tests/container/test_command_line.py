"""The command line runs a folder's model in the container, and leaves nothing of it behind."""

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.container.conftest import PYTHON, REVIEWS, with_code
from tests.pages import commands

from localaws.endpoint.models import ModelServer

pytestmark = pytest.mark.container

# The container starts a worker for each processor that it may use, and each loads the model: one is enough.
ON_ONE_PROCESSOR = (
    "import os, sys; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); os.execvp(sys.argv[1], sys.argv[1:])"
)


def typed(*command: str, folder: Path, **variables: str) -> str:
    """What a command prints in a folder."""
    run = subprocess.run(
        [sys.executable, "-c", ON_ONE_PROCESSOR, *command],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_a_file_runs_through_the_container_and_nothing_stays(folders: Path, tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_text(REVIEWS, encoding="utf-8")
    # Its own code, which nothing but the container runs, tells where it runs.
    folder = with_code(folders / "sentiment", "process", tmp_path / "model")
    command = [sys.executable, "-m", "fanfold", "run", "reviews.csv", "--model", str(folder), "--container", PYTHON]
    said = typed(*command, folder=tmp_path, SAGEMAKER_MODEL_SERVER_WORKERS="9")
    assert json.loads(said)["predicted"] == 3
    with (tmp_path / "out/results.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    # As the template has it, and nothing of this environment.
    assert {(row["task"], row["limit"], row["workers"]) for row in rows} == {("text-classification", "1073741824", "")}
    # A process that is killed takes its time.
    until = time.monotonic() + 60
    while left := [row["pid"] for row in rows if Path("/proc", row["pid"]).exists()]:
        assert time.monotonic() < until, left
        time.sleep(0.1)


def test_code_of_ones_own_is_run_as_its_recipe_says(folders: Path, tmp_path: Path) -> None:
    shutil.copytree(folders / "sentiment", tmp_path / "models/sentiment")
    (tmp_path / "container").symlink_to(Path(PYTHON).parents[1])
    texts = ["I love Paris. The soup was awful", "I love Paris"]
    (tmp_path / "reviews.csv").write_text("\n".join(["text", *texts, ""]), encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    typed("bash", "-ec", commands("recipes.md", "## Code of your own"), folder=tmp_path, PATH=path)
    with (tmp_path / "out/own/results.csv").open(encoding="utf-8", newline="") as stream:
        both, first = csv.DictReader(stream)
    assert both["label"] == first["label"]
    assert float(both["score"]) == pytest.approx(float(first["score"]), abs=1e-4)


def tuned(folder: Path, *model: str) -> dict[tuple[int, int | None], dict[str, Any]]:
    header, *rows = REVIEWS.splitlines()
    # Rows that differ: the same ones are sent once.
    many = [f"{row} {number}" for number in range(14) for row in rows]
    (folder / "reviews.csv").write_text("\n".join([header, *many, ""]), encoding="utf-8")
    command = [sys.executable, "-m", "fanfold", "tune", "reviews.csv", "--json", "--model", *model]
    said = json.loads(typed(*command, folder=folder))
    assert (said["sample"]["rows"], said["sample"]["refused"]) == (42, 0)
    assert said["best"] == said["settings"][0]
    return {(one["rows_per_request"], one["batch_size"]): one for one in said["settings"]}


def test_settings_are_tried_with_a_container_that_runs(stock: ModelServer, tmp_path: Path) -> None:
    found = tuned(tmp_path, stock.url)
    assert found.keys() >= {(32, None), (32, 8), (32, 16), (32, 32)}
    assert not any(one["failure"] for one in found.values())


def test_a_batch_size_that_changes_the_vectors_of_tokens_is_no_choice(folders: Path, tmp_path: Path) -> None:
    found = tuned(tmp_path, str(folders / "embeddings"), "--container", PYTHON)
    for size in (8, 16, 32):
        assert "rows get other results than without batch_size" in found[32, size]["failure"]
    assert not found[32, None]["failure"]
