"""The inference container's own packages, and what stands in for them, with models of some kilobytes."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from localaws.endpoint.models import ContainerModel, Model, ModelServer

ROOT = Path(__file__).parents[2]
PYTHON = str(ROOT / ".venv-container/bin/python")
IMITATION = str(ROOT / ".venv-recipes/bin/python")
JSON = "application/json"
# One worker, as on an instance with a GPU, loaded once: one that has died is there again a second later. A server that
# lives for seconds starts sooner if Java doesn't optimize it.
ENVIRONMENT = {
    "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
    "MMS_PRELOAD_MODEL": "true",
    "SAGEMAKER_MODEL_SERVER_VMARGS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto",
}
# What the server lets through, where that is tried.
LIMITS = {"MMS_MAX_REQUEST_SIZE": "20000", "MMS_MAX_RESPONSE_SIZE": "30000"}
# The model of each task.
TASKS = {
    "text-classification": "sentiment",
    "zero-shot-classification": "nli",
    "token-classification": "entities",
    "feature-extraction": "embeddings",
    "text-generation": "writer",
    "fill-mask": "masked",
    "question-answering": "reader",
}
REVIEWS = (
    "id,place,text\n1,Paris,I love Paris in spring\n2,Lyon,The soup was awful\n3,Paris,Marie Curie worked in Paris\n"
)

Serve = Callable[[Path, Mapping[str, str]], Model]


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a folder for each model, saved by the container's own transformers."""
    kitchen = tmp_path_factory.mktemp("models")
    file, models = kitchen / "reviews.csv", kitchen / "models"
    file.write_text(REVIEWS, encoding="utf-8")
    script = ROOT / "tests/recipes/tiny_models.py"
    run = subprocess.run([PYTHON, script, file, models], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    (models / "tasks.json").write_text(json.dumps(TASKS), encoding="utf-8")
    return models


def with_code(model: Path, name: str, to: Path) -> Path:
    """A copy of a model's folder that has code of its own."""
    shutil.copytree(model, to, dirs_exist_ok=True)
    code = to / "code"
    code.mkdir()
    shutil.copy(Path(__file__).with_name("inference") / f"{name}.py", code / "inference.py")
    return to


@contextmanager
def container(
    folder: Path, environment: Mapping[str, str], logs: Path, task: str | None = None
) -> Iterator[ModelServer]:
    """The container in front of a model's folder."""
    with (
        (logs / "container.log").open("w", encoding="utf-8") as log,
        ModelServer(PYTHON, folder, log=log, task=task, environment={**ENVIRONMENT, **environment}) as server,
    ):
        yield server


@contextmanager
def imitation(folder: Path, environment: Mapping[str, str]) -> Iterator[Model]:
    """What stands in for it."""
    command = [IMITATION, "-m", "tests.container.imitation", str(folder)]
    variables = {**os.environ, **environment, "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"}
    with subprocess.Popen(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield ContainerModel(process.stdout.readline().strip())
        finally:
            process.kill()


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Model]]:
    """Serves a folder until the tests end."""
    with ExitStack() as running:

        def served(kind: str, folder: Path, environment: Mapping[str, str], task: str | None = None) -> Model:
            if kind == "imitation":
                return running.enter_context(imitation(folder, environment))
            return running.enter_context(container(folder, environment, tmp_path_factory.mktemp("logs"), task)).model

        yield served


@pytest.fixture(scope="session")
def tasks_in_container(serve: Callable[..., Model], folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """All models at once, answered for by the container's own code."""
    coded = with_code(folders, "tasks", tmp_path_factory.mktemp("tasks") / "models")
    return serve("container", coded, {}, "text-classification")


@pytest.fixture(scope="session")
def stock(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """The container with one model, as it is, within narrow limits."""
    with container(folders / "sentiment", LIMITS, tmp_path_factory.mktemp("stock")) as server:
        yield server


@pytest.fixture(scope="session")
def imitated(serve: Callable[..., Model], folders: Path) -> Model:
    """All models, and one by itself, within the same limits, without the container."""
    return serve("imitation", folders, LIMITS)


@pytest.fixture(scope="session", params=["container", "imitation"])
def kind(request: pytest.FixtureRequest) -> str:
    """Either of them."""
    found: str = request.param
    return found


def ask(model: Model, task: str, inputs: Any, parameters: dict[str, Any] | None) -> Any:
    request = {"task": task, "inputs": inputs, **({} if parameters is None else {"parameters": parameters})}
    return json.loads(model.predict(json.dumps(request).encode(), JSON, ""))
