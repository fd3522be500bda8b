"""What a model is to the endpoint."""

from __future__ import annotations

from typing import Protocol

from fanfold.errors import UserError


class Model(Protocol):
    """Anything that answers requests as a container's ``/invocations`` does. It is called by several threads."""

    def predict(self, body: bytes, content_type: str, accept: str) -> bytes:
        """Give the response's bytes; ModelError for what a container would answer with an HTTP error.

        ``content_type`` and ``accept`` are the request's, empty if it had none.
        Example: ``predict(b'{"inputs": "good"}', "application/json", "")`` is
        ``b'[{"label":"LABEL_2","score":0.7202}]'``.
        """


class ModelError(Exception):
    """The model answered with an HTTP error. Do not retry a 4xx; retry a 5xx."""

    def __init__(self, status: int, message: str) -> None:
        """Take the HTTP status and the body's words."""
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class ModelUnavailableError(UserError):
    """There is no such model, or it doesn't start. Do not retry."""
