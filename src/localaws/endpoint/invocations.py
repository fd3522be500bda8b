"""A request on its way, and what is needed to bring it there."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from http import HTTPStatus
from math import inf
from typing import TYPE_CHECKING, Protocol

from localaws.endpoint.models import ModelError
from localaws.endpoint.outcomes import Outcome, Response, model_failed

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from localaws.endpoint.endpoints import Endpoint
    from localaws.endpoint.locations import S3Location
    from localaws.endpoint.models import Model
    from localaws.endpoint.outcomes import Failure, Outcome
    from localaws.endpoint.requests import InferenceRequest


class Instance(Protocol):
    """What an instance does with a request whose body is there."""

    def __call__(self, request: InferenceRequest) -> Outcome:
        """Work on a request; may take its time, must not raise."""


class InputReader(Protocol):
    """Reads the input a request names."""

    def __call__(
        self, endpoint: Endpoint, request: InferenceRequest, location: S3Location
    ) -> InferenceRequest | Failure:
        """Give the request with the body that lies at a location, or why it can't be had; must not raise."""


@dataclass(slots=True, eq=False)
class Invocation:
    """A request on its way; ``done`` gets its outcome, or is cancelled when the server ends first."""

    endpoint: Endpoint
    request: InferenceRequest
    received_at: float
    done: Future[Outcome] = field(default_factory=Future)
    deadline: float = inf

    @property
    def expires_at(self) -> float:
        """When the request gives up waiting, in seconds since 1970."""
        return self.received_at + self.request.ttl_seconds


@dataclass(frozen=True, slots=True)
class Load:
    """How busy an endpoint is: requests waiting, worked on, instances there; `oldest` has waited so many seconds."""

    waiting: int
    running: int
    instances: int
    oldest: float = 0.0


logger = logging.getLogger(__name__)

_JSON = "application/json"


def no_extra_time(_request: InferenceRequest) -> float:
    """Let every request take as long as the model takes."""
    return 0.0


class ModelInstance:
    """Answers requests with a model; see ``invocations.Instance``. All instances of a server are this one object."""

    def __init__(self, model: Model, service_time: Callable[[InferenceRequest], float], stopping: Event) -> None:
        """Take the model, the least number of seconds a request takes, and what ends the wait for them."""
        self._model = model
        self._service_time = service_time
        self._stopping = stopping

    def __call__(self, request: InferenceRequest) -> Outcome:
        """Give the model's answer, or the failure its error means."""
        busy_until = time.monotonic() + self._service_time(request)
        outcome = self._predict(request)
        self._stopping.wait(max(0.0, busy_until - time.monotonic()))
        return outcome

    def _predict(self, request: InferenceRequest) -> Outcome:
        try:
            content_type = request.content_type or request.object_type or ""
            body = self._model.predict(request.body, content_type, request.accept or "")
        except ModelError as error:
            return model_failed(error)
        except Exception as error:
            # A container whose code breaks answers 500 and goes on; so does this one.
            logger.exception("%s: the model broke", request.inference_id)
            return model_failed(ModelError(HTTPStatus.INTERNAL_SERVER_ERROR, str(error)))
        # Containers answer in the type asked for; captured notifications repeat it.
        return Response(body, request.accept if request.accept and request.accept != "*/*" else _JSON)
