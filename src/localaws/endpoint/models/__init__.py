"""The models a local endpoint can run, and how to name one."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localaws.access.private import open_log
from localaws.endpoint.models.container import ContainerModel
from localaws.endpoint.models.function import FunctionModel
from localaws.endpoint.models.model_server import ModelServer
from localaws.endpoint.models.transformers_folder import TransformersModel
from localaws.endpoint.models.vader import VaderModel
from localaws.endpoint.outcomes import Model, ModelError
from localaws.errors import ModelUnavailableError, UnknownModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = [
    "ContainerModel",
    "FunctionModel",
    "Model",
    "ModelError",
    "ModelServer",
    "ModelUnavailableError",
    "TransformersModel",
    "VaderModel",
    "load_model",
    "serving",
]


@contextmanager
def serving(
    spec: str | Callable[..., Any],
    logs: Path,
    *,
    task: str | None = None,
    container: str | None = None,
    environment: Mapping[str, str],
) -> Iterator[Model]:
    """Have a model for as long as this lasts: as ``load_model`` does, or in a container, which logs to a folder.

    ``container`` is the Python of an environment that has Hugging Face's inference container installed.
    """
    if container is None:
        yield load_model(spec, task, environment)
        return
    folder = Path(spec) if isinstance(spec, str) else None
    if folder is None or not folder.is_dir():
        raise UnknownModelError(f"{spec!r} is no folder: name the model's, which the container runs, by --model")
    with (
        open_log(logs / "container.log") as log,
        ModelServer(container, folder, log=log, task=task, environment=environment) as server,
    ):
        yield server.model


def load_model(
    spec: str | Callable[..., Any], task: str | None = None, environment: Mapping[str, str] | None = None
) -> Model:
    """Load the model a user names: ``vader``, a folder with a transformers model, or a server's URL.

    A function is a model, too, see ``FunctionModel``. ``task`` is what a folder's model is used for, by default what it
    was saved for; ``environment`` are the container's variables. Raises ModelUnavailableError, with words for the user,
    when there is no such model.
    Example: ``load_model("http://127.0.0.1:8080")`` waits for the container's ``/ping``.
    """
    if not isinstance(spec, str):
        return FunctionModel(spec)
    if spec == "vader":
        return VaderModel()
    if spec.startswith(("http://", "https://")):
        model = ContainerModel(spec)
        model.wait_until_ready()
        return model
    if Path(spec).is_dir():
        return TransformersModel(Path(spec), task, environment)
    msg = f"{spec!r} names no model: give 'vader', a folder with a transformers model, owner/name of one on the Hub,"
    raise UnknownModelError(f"{msg} or a server's URL")
