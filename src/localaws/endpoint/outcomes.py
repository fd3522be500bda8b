"""What can come of an invocation: an answer, or a failure with its reason."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from localaws.endpoint.locations import S3Location


class Model(Protocol):
    """Anything that answers requests as a container's ``/invocations`` does. It is called by several threads."""

    def predict(self, body: bytes, content_type: str, accept: str) -> bytes:
        """Give the response's bytes; ModelError for what a container would answer with an HTTP error.

        ``content_type`` and ``accept`` are the request's, empty if it had none.
        Example: ``predict(b'{"inputs": "good"}', "application/json", "")`` is
        ``b'[{"label":"LABEL_2","score":0.7202}]'``.
        """


class ModelError(Exception):
    """The model answered with an HTTP error, or not at all. Do not retry a 4xx; retry a 5xx, and what has no answer."""

    def __init__(self, status: int, message: str) -> None:
        """Take the HTTP status and the body's words; status 0 and our own words where nobody answered."""
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


_SEE_LOGS = "See the SageMaker Endpoint logs in your account for more information."
_TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency metrics for"
    " each container in Amazon CloudWatch, resolve the issue, and try again."
)


@dataclass(frozen=True, slots=True)
class Response:
    """The model's response."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Failure:
    """No response.

    ``reason`` is the notification's ``failureReason``; ``status`` and ``message`` are what the model said (status 0
    when it didn't get to say anything); ``expired`` tells a request that was never worked on.
    """

    reason: str
    status: int
    message: str
    expired: bool = False

    def as_json(self) -> bytes:
        """Give the failure object's content: the model's own words if they are a JSON object, else wrapped in one.

        Example: ``{"code": 400, "type": "InternalServerException", "message": "…"}``, as the Hugging Face container
        (multi-model-server) spells every failure.
        """
        try:
            is_object = isinstance(json.loads(self.message), dict)
        except ValueError:
            is_object = False
        if is_object:
            return self.message.encode()
        return json.dumps({"code": self.status, "type": "InternalServerException", "message": self.message}).encode()


Outcome = Response | Failure


def model_failed(error: ModelError) -> Failure:
    """Give the failure for an error of the model; an answer's wording is from captured notifications, the rest ours."""
    if not error.status:
        return Failure(f"ClientError: {error.message}", 0, error.message)
    kind = "server" if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "client"
    reason = f"ClientError: Received {kind} error ({error.status}) from model. {_SEE_LOGS}"
    return Failure(reason, error.status, error.message)


def timed_out() -> Failure:
    """Give the failure of a request its model didn't answer in time (the wording is the synchronous API's)."""
    return Failure(f'ClientError: Received server error (0) from model with message "{_TIMED_OUT}"', 0, _TIMED_OUT)


def expired(ttl_seconds: int) -> Failure:
    """Give the failure of a request that waited longer than its time to live (our wording; AWS's isn't known)."""
    message = f"The request waited longer than its RequestTTLSeconds of {ttl_seconds} and expired."
    return Failure(f"ClientError: {message}", 0, message, expired=True)


def storage_refused(action: str, location: S3Location, why: str) -> Failure:
    """Give the failure of a request whose input or output S3 refused (our wording; AWS's isn't known).

    Example: ``storage_refused("read the input from", S3Location("b", "k"), "NoSuchKey: …")``.
    """
    message = f"Unable to {action} {location.uri}: {why}"
    return Failure(f"ClientError: {message}", 0, message)
