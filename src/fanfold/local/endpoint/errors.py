"""What the runtime API answers instead of a result, in the shapes boto3 turns into exceptions."""

from __future__ import annotations

from http import HTTPStatus


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
