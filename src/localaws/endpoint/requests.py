"""An HTTP request becomes an InferenceRequest, or a ValidationError, once, here.

Header names, lengths, ranges and patterns are read from botocore's own description of the service, so this can't
drift from what boto3 sends.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

from botocore.loaders import Loader

from localaws.endpoint.locations import S3Location


class ApiError(Exception):
    """An error of the runtime API. Whether to retry is up to its subclass.

    Example: ``ApiError(400, "ValidationError", "…")`` reaches a boto3 caller as ``client.exceptions.ValidationError``.
    """

    def __init__(self, status: int, code: str, message: str, details: dict[str, object] | None = None) -> None:
        """Take the HTTP status, the name of the error's shape, and members it has beside ``Message``."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.body: dict[str, object] = {"Message": message, **(details or {})}


class ValidationError(ApiError):
    """The request can't be accepted as it is. Do not retry."""

    def __init__(self, message: str) -> None:
        """Take what is wrong with the request."""
        super().__init__(HTTPStatus.BAD_REQUEST, "ValidationError", message)


class ServiceUnavailableError(ApiError):
    """No instance could take the request, or the server is stopping. Retry."""

    def __init__(self, message: str) -> None:
        """Take why nobody works on the request."""
        super().__init__(HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable", message)


class ModelAnsweredError(ApiError):
    """The model itself answered with an error. Do not retry a 4xx."""

    def __init__(self, message: str, original_status: int, original_message: str) -> None:
        """Take the API's own sentence, then the status and words of the model."""
        details: dict[str, object] = {"OriginalStatusCode": original_status, "OriginalMessage": original_message}
        super().__init__(HTTPStatus.FAILED_DEPENDENCY, "ModelError", message, details)


SYNC_LIMIT_SECONDS = 60
"""A synchronous request is answered within 60 seconds, or not at all."""
_DEFAULT_TTL_SECONDS = 21_600
_DEFAULT_TIMEOUT_SECONDS = 900
# The model's patterns are Java's; Python spells three of their escapes differently.
_JAVA_TO_PYTHON = {r"\p{ASCII}": r"[\x00-\x7F]", r"[\p{Print}]": r"[\x20-\x7E]", r"\z": r"\Z"}


class Headers(Protocol):
    """The headers of an HTTP request, whatever the case of their names: an ``email.message.Message``, or a dict."""

    def get(self, name: str, /) -> str | None:
        """Give the value of a header, None if it isn't there."""


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """One accepted request. ``body`` is empty until the input at ``input_location``, if there is one, is read.

    That object's type, ``object_type``, is the body's if the request doesn't say it: the SageMaker SDK counts on that.
    """

    inference_id: str
    body: bytes
    input_location: S3Location | None = None
    object_type: str | None = None
    content_type: str | None = None
    accept: str | None = None
    custom_attributes: str | None = None
    output_path_extension: str | None = None
    filename: str | None = None
    ttl_seconds: int = _DEFAULT_TTL_SECONDS
    timeout_seconds: int = _DEFAULT_TIMEOUT_SECONDS


@dataclass(frozen=True, slots=True)
class _Constraint:
    """What the service's description demands of one member."""

    member: str
    header: str
    is_number: bool
    low: int | None
    high: int | None
    pattern: str | None
    regex: re.Pattern[str] | None
    is_sensitive: bool

    @classmethod
    def of(cls, member: str, header: str, shape: dict[str, Any]) -> _Constraint:
        pattern: str | None = shape.get("pattern")
        translated = pattern
        for java, python in _JAVA_TO_PYTHON.items():
            translated = translated and translated.replace(java, python)
        return cls(
            member=member[0].lower() + member[1:],
            header=header,
            is_number=shape["type"] == "integer",
            low=shape.get("min"),
            high=shape.get("max"),
            pattern=pattern,
            regex=re.compile(translated) if translated else None,
            is_sensitive=shape.get("sensitive", False),
        )

    def check(self, value: str | bytes) -> None:
        """Raise ValidationError, worded as AWS words it, unless the value fits."""
        if self.is_number:
            if not re.fullmatch(r"-?\d{1,9}", str(value)):
                raise self._violated(value, "Member must be an integer")
            measure, kind = int(value), "value"
        else:
            measure, kind = len(value), "length"
        if self.low is not None and measure < self.low:
            raise self._violated(value, f"Member must have {kind} greater than or equal to {self.low}")
        if self.high is not None and measure > self.high:
            raise self._violated(value, f"Member must have {kind} less than or equal to {self.high}")
        if self.regex and isinstance(value, str) and not self.regex.fullmatch(value):
            raise self._violated(value, f"Member must satisfy regular expression pattern: {self.pattern}")

    def _violated(self, value: str | bytes, demand: str) -> ValidationError:
        shown = "" if self.is_sensitive else f" '{value!s}'"
        message = f"1 validation error detected: Value{shown} at '{self.member}' failed to satisfy constraint: {demand}"
        return ValidationError(message)


class RequestParser:
    """Reads requests of both operations by the rules in botocore's service description."""

    def __init__(self) -> None:
        """Load the description; takes a few milliseconds."""
        shapes = Loader().load_service_model("sagemaker-runtime", "service-2")["shapes"]
        self._asynchronous = _constraints(shapes, "InvokeEndpointAsyncInput")
        self._synchronous = _constraints(shapes, "InvokeEndpointInput")

    def asynchronous(self, headers: Headers, body: bytes) -> InferenceRequest:
        """Read an InvokeEndpointAsync request; raises ValidationError.

        Example: ``parser.asynchronous({"X-Amzn-SageMaker-Inference-Id": "job-0"}, b"{}").inference_id == "job-0"``.
        """
        given = _checked(self._asynchronous, headers, body)
        uri = given.get("InputLocation")
        if bool(body) == bool(uri):
            raise ValidationError("Exactly one of Body and InputLocation must be given.")
        try:
            location = S3Location.parse(uri) if uri else None
        except ValueError as error:
            raise ValidationError(str(error)) from error
        return InferenceRequest(
            inference_id=given.get("InferenceId") or str(uuid.uuid4()),
            body=body,
            input_location=location,
            content_type=given.get("ContentType"),
            accept=given.get("Accept"),
            custom_attributes=given.get("CustomAttributes"),
            output_path_extension=given.get("S3OutputPathExtension"),
            filename=given.get("Filename"),
            ttl_seconds=int(given.get("RequestTTLSeconds", _DEFAULT_TTL_SECONDS)),
            timeout_seconds=int(given.get("InvocationTimeoutSeconds", _DEFAULT_TIMEOUT_SECONDS)),
        )

    def synchronous(self, headers: Headers, body: bytes) -> InferenceRequest:
        """Read an InvokeEndpoint request; raises ValidationError."""
        given = _checked(self._synchronous, headers, body)
        return InferenceRequest(
            inference_id=given.get("InferenceId") or str(uuid.uuid4()),
            body=body,
            content_type=given.get("ContentType"),
            accept=given.get("Accept"),
            custom_attributes=given.get("CustomAttributes"),
            ttl_seconds=SYNC_LIMIT_SECONDS,
            timeout_seconds=SYNC_LIMIT_SECONDS,
        )


def _constraints(shapes: dict[str, Any], operation_input: str) -> dict[str, _Constraint]:
    members: dict[str, dict[str, str]] = shapes[operation_input]["members"]
    return {
        name: _Constraint.of(name, member.get("locationName", ""), shapes[member["shape"]])
        for name, member in members.items()
        if member.get("location") == "header" or name == "Body"
    }


def _checked(constraints: dict[str, _Constraint], headers: Headers, body: bytes) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, constraint in constraints.items():
        if not constraint.header:
            constraint.check(body)
        elif (value := headers.get(constraint.header)) is not None:
            constraint.check(value)
            given[name] = value
    return given
