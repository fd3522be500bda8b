"""Requests and responses as Hugging Face's inference container understands them.

The rules are those of sagemaker-huggingface-inference-toolkit: the Content-Type must be ``application/json`` to the
letter, and every exception is answered with 400 and fails the whole request.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

from localaws.endpoint.outcomes import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

_JSON = "application/json"
_DEFAULT_LIMIT = 6_553_500


@dataclass(frozen=True, slots=True)
class Limits:
    """What multi-model-server lets through, in bytes: more of a request is refused, of a response ends the worker."""

    request: int
    response: int

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Read them from a container's variables."""
        names = ("MMS_MAX_REQUEST_SIZE", "MMS_MAX_RESPONSE_SIZE")
        return cls(*(int(environment.get(name, _DEFAULT_LIMIT)) for name in names))

    def check_request(self, body: bytes) -> None:
        """Raise ModelError 413, which comes without words, for a request that is too long."""
        if len(body) > self.request:
            raise ModelError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "")

    def check_response(self, body: bytes) -> None:
        """Raise ModelError 500 for a response that is too long."""
        if len(body) > self.response:
            raise ModelError(HTTPStatus.INTERNAL_SERVER_ERROR, "Worker died.")


@dataclass(frozen=True, slots=True)
class PipelineCall:
    """What a pipeline is called with: ``pipeline(inputs, **parameters)``."""

    inputs: object
    parameters: dict[str, Any]


def decode(body: bytes, content_type: str, accept: str) -> PipelineCall:
    """Read a request; raises ModelError 400.

    Example: ``decode(b'{"inputs": ["a"], "parameters": {"top_k": 1}}', "application/json", "")`` is
    ``PipelineCall(["a"], {"top_k": 1})``. Without ``inputs``, the whole object is the input.
    """
    for named in (content_type, accept if accept not in {"", "*/*"} else _JSON):
        if named != _JSON:
            raise refused(f"Content type {named} is not supported by this framework.")
    try:
        # Of bytes, Python would read UTF-16 and a byte-order mark, too.
        data = json.loads(body.decode())
    except ValueError as error:
        raise refused(str(error)) from error
    if not isinstance(data, dict):
        raise refused(f"'{type(data).__name__}' object has no member 'inputs'")
    parameters = data.pop("parameters", None)
    if not isinstance(parameters, dict | None):
        raise refused("parameters must be an object")
    return PipelineCall(data.pop("inputs", data), parameters or {})


def texts(inputs: object) -> list[str]:
    """Read inputs that must be one text or a list of texts; raises ModelError 400 for the whole list if one isn't."""
    found = [inputs] if isinstance(inputs, str) else inputs
    if not isinstance(found, list):
        raise refused("inputs must be a text or a list of texts")
    strings = [one for one in found if isinstance(one, str)]
    if len(strings) < len(found):
        raise refused("text input must be of type `str` (single example) or `list[str]` (batch)")
    return strings


def encode(prediction: object) -> bytes:
    """Write a response as the container does: compact JSON, not escaped to ASCII; numpy's numbers become plain."""
    return json.dumps(prediction, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_as_list).encode()


def _as_list(value: object) -> object:
    if not hasattr(value, "tolist"):
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
    return value.tolist()


def refused(message: str) -> ModelError:
    """Give the error for a request the container can't answer."""
    return ModelError(HTTPStatus.BAD_REQUEST, message)
