"""The requirements files agree with each other. Offline."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "layers/core"
LAYERS = [LAYER / "src/requirements.txt", LAYER / "numpy.txt", LAYER / "parquet.txt"]
REQUIREMENTS = [*sorted((ROOT / "requirements").glob("*.txt")), *LAYERS]

each_file = pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def pins(path: Path) -> dict[str, set[str]]:
    """Every version a file pins, by name: {"networkx": {"3.6.1", "3.7"}}. A version may hold for some Pythons only."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==([^\s;\\]+)", path.read_text(), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


@each_file
def test_no_file_names_an_index_or_an_address(path: Path) -> None:
    assert not re.search(r"https?:|file:|--(extra-)?index-url|--find-links|@ ", path.read_text())


@each_file
def test_every_requirement_is_pinned_and_hashed(path: Path) -> None:
    requirements = path.read_text().replace("\\\n", "").splitlines()
    assert requirements
    assert [line for line in requirements if "==" not in line or "--hash=sha256:" not in line] == []


def test_lambda_runs_the_versions_that_are_tested_here() -> None:
    core, numpy, parquet, runtime, dev = (
        pins(path) for path in (*LAYERS, ROOT / "requirements/runtime.txt", ROOT / "requirements/dev.txt")
    )
    layer = core | numpy | parquet
    assert {"boto3", "aws-lambda-powertools", "numpy", "arro3-io"} <= layer.keys()
    assert layer == {name: runtime.get(name) for name in layer}
    assert runtime == {name: dev.get(name) for name in runtime}


def test_recipes_run_with_versions_that_the_extra_installs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {found.name: found for found in map(Requirement, project["optional-dependencies"]["transformers"])}
    locked = pins(ROOT / "requirements/recipes.txt")
    (torch,) = re.findall(r"^TORCH := (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert wanted["fanfold"].extras == {"local"}
    for name in ("huggingface-hub", "transformers"):
        (version,) = locked[name]
        assert version in wanted[name].specifier
    assert torch in wanted["torch"].specifier


@pytest.mark.parametrize("path", LAYERS, ids=lambda path: path.name)
def test_a_layer_is_the_same_for_every_python_that_builds_it(path: Path) -> None:
    """Pip judges markers by the Python that runs it, not by the one it installs for."""
    assert ";" not in path.read_text()
