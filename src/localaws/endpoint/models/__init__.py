"""The models a local endpoint can run, and how to name one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from localaws.endpoint.models.container import ContainerModel
from localaws.endpoint.models.function import FunctionModel
from localaws.endpoint.models.model_server import ModelServer
from localaws.endpoint.models.transformers_folder import TransformersModel
from localaws.endpoint.models.vader import VaderModel
from localaws.endpoint.outcomes import Model, ModelError
from localaws.errors import ModelUnavailableError, UnknownModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
]


def load_model(
    spec: str | Callable[..., Any], task: str | None = None, environment: Mapping[str, str] | None = None
) -> Model:
    """Load the model a user names: ``vader``, a folder with a transformers model, or the URL of a container.

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
    raise UnknownModelError(f"{msg} or a container's URL")
