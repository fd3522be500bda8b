"""What one instance of an endpoint does: it runs the model."""

from __future__ import annotations

import logging
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from fanfold.local.endpoint.models import ModelError
from fanfold.local.endpoint.outcomes import Answer, Outcome, model_failed

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from fanfold.local.endpoint.models import Model
    from fanfold.local.endpoint.requests import InferenceRequest

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
        return Answer(body, request.accept if request.accept and request.accept != "*/*" else _JSON)
