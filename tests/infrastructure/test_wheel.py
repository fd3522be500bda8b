"""The wheel, installed as its users install it: the client alone, and with the local cloud. `make test-wheel`."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
MOST_DISTRIBUTIONS, MOST_MEGABYTES = 30, 80
OK, FAILED = 0, 1
FUNCTIONS = ("Splitter", "Dispatcher", "Collector", "Assembler", "Sweeper")
IMPORT_ALL = """
import importlib, pkgutil, fanfold
for module in pkgutil.walk_packages(fanfold.__path__, "fanfold."):
    # What the container, pytest or an extra's command imports finds their packages.
    others = {"fanfold.packing.inference", "fanfold.pytest_plugin", "fanfold.tuning.trials"}
    if module.name not in {"fanfold.__main__", *others}:
        importlib.import_module(module.name)
"""

pytestmark = pytest.mark.wheel


class Environment:
    """A virtual environment of its own, with nothing but what pip installs, and a folder far from the sources."""

    def __init__(self, folder: Path, requirement: str) -> None:
        self.venv, self.folder = folder / "v", folder / "elsewhere"
        self.folder.mkdir()
        (self.folder / "tweets.csv").write_text("id,text\n1,so good\n2,\n3,so bad\n", encoding="utf-8")
        subprocess.run([sys.executable, "-m", "venv", self.venv], check=True)
        # The versions that all other tests run with, so that a release of somebody else's changes nothing here.
        lock = (ROOT / "requirements/runtime.txt").read_text(encoding="utf-8")
        pins = folder / "pins.txt"
        pins.write_text("\n".join(re.findall(r"^(\S+==[^\\\n]+)", lock, re.MULTILINE)), encoding="utf-8")
        self.run("pip", "install", "--quiet", "--constraint", str(pins), requirement).check_returncode()

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "FANFOLD_"))}
        command = [str(self.venv / "bin" / program), *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=variables, capture_output=True, text=True, check=False, timeout=900
        )

    @property
    def distributions(self) -> set[str]:
        listed = self.run("pip", "list", "--format", "json", "--disable-pip-version-check").stdout
        return {found["name"].lower() for found in json.loads(listed)}

    @property
    def megabytes(self) -> float:
        files = (path for path in self.venv.rglob("*") if path.is_file() and not path.is_symlink())
        return sum(path.stat().st_size for path in files) / 1e6


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def client(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("client"), f"fanfold @ {wheel.as_uri()}")


@pytest.fixture(scope="module")
def local(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("local"), f"fanfold[local] @ {wheel.as_uri()}")


def test_the_wheel_holds_the_system_and_what_runs_it(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    system = ("template.yaml", "functions/splitter/handler.py", "layers/core/build.py", "events/upload.json")
    wanted = {f"fanfold/_system/{name}" for name in (*system, "samples/texts.csv")}
    wanted |= {
        "localaws/cloud.py",
        "fanfold_core/app/report/templates/report.html",
        "fanfold/console/static/console.js",
    }
    assert wanted <= set(names)
    assert not [name for name in names if "__pycache__" in name or name.startswith(("tests/", "benchmarks/"))]


def test_the_client_is_small(client: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    distributions, megabytes = client.distributions, client.megabytes
    with capsys.disabled():
        print(f"\nthe client: {len(distributions)} distributions, {megabytes:.0f} MB with pip")  # noqa: T201 - to read
    assert len(distributions) <= MOST_DISTRIBUTIONS
    assert megabytes <= MOST_MEGABYTES


def test_the_client_imports_nothing_that_is_not_installed_with_it(client: Environment) -> None:
    run = client.run("python", "-c", IMPORT_ALL)
    assert (run.returncode, run.stderr) == (OK, "")
    run = client.run("fanfold", "submit", "--help")
    assert (run.returncode, run.stderr) == (OK, "")
    assert "fanfold submit tweets.csv" in run.stdout


def test_the_client_looks_at_a_file_without_a_stack(client: Environment) -> None:
    run = client.run("fanfold", "estimate", "tweets.csv", "--rows-per-second", "200", "--json")
    assert run.returncode == OK, run.stderr
    assert json.loads(run.stdout)["rows"] == 3
    run = client.run("fanfold", "run", "tweets.csv", "--dry-run")
    assert run.returncode == OK, run.stderr
    assert '"inputs": ["so good"]' in run.stdout


def test_the_client_builds_what_it_would_deploy(client: Environment) -> None:
    run = client.run("fanfold", "deploy", "--dry-run", "--parameter", "MaxInstances=2")
    assert run.returncode == OK, run.stderr
    sizes = dict(re.findall(r"^(\w+) +([\d,]+) bytes", run.stdout, re.MULTILINE))
    assert sizes.keys() == {
        *(f"{name}Function" for name in FUNCTIONS),
        "CoreLayer",
        "NumpyLayer",
        "ParquetLayer",
        "template",
    }
    assert int(sizes["CoreLayer"].replace(",", "")) > 10_000_000
    assert "0 to 2 instances" in run.stderr


@pytest.mark.parametrize("command", ["run tweets.csv", "run tweets.csv --model .", "local up", "local endpoint"])
def test_the_client_says_what_the_local_cloud_is_installed_with(client: Environment, command: str) -> None:
    run = client.run("fanfold", *command.split())
    assert (run.returncode, run.stdout) == (FAILED, "")
    said = run.stderr.splitlines()[-1]
    assert said.startswith("fanfold: a local ")
    assert said.endswith("pip install 'fanfold[local]'")
    assert "Traceback" not in run.stderr


def test_the_local_cloud_runs_a_file_far_from_the_sources(
    local: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"\n[local]: {len(local.distributions)} distributions, {local.megabytes:.0f} MB with pip")  # noqa: T201 - to read
    run = local.run("fanfold", "run", "tweets.csv", "--out", "out")
    assert run.returncode == 3, run.stderr
    results = (local.folder / "out/results.csv").read_text(encoding="utf-8").splitlines()
    assert results[0] == "id,text,label,score,error"
    assert [line.split(",")[2] for line in results[1:]] == ["LABEL_2", "", "LABEL_0"]


def test_the_local_cloud_says_what_a_model_folder_needs(local: Environment) -> None:
    model = local.folder / "model"
    model.mkdir()
    (model / "config.json").write_text('{"architectures": ["BertForSequenceClassification"]}', encoding="utf-8")
    run = local.run("fanfold", "run", "tweets.csv", "--model", "model", "--out", "none")
    assert run.returncode == FAILED
    assert run.stderr.splitlines()[-1].endswith("pip install 'fanfold[transformers]'")
    assert "Traceback" not in run.stderr
