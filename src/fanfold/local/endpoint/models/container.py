"""Any container that speaks SageMaker's ``/invocations`` and ``/ping``."""

from __future__ import annotations

import time
from http import HTTPStatus

import urllib3
from urllib3.exceptions import HTTPError

from fanfold.local.endpoint.models.model import ModelError, ModelUnavailableError

_LONGEST_INVOCATION_SECONDS = 3600
_PING_EVERY_SECONDS = 0.2


class ContainerModel:
    """Forwards each request to a container; whether it took too long is the endpoint's to say, not this class's."""

    def __init__(self, url: str) -> None:
        """Take the container's address, as ``http://127.0.0.1:8080``; nothing is sent yet."""
        self._url = url.rstrip("/")
        timeout = urllib3.Timeout(connect=5, read=_LONGEST_INVOCATION_SECONDS)
        self._http = urllib3.PoolManager(maxsize=64, timeout=timeout, retries=False)

    def wait_until_ready(self, patience_seconds: float = 60.0) -> None:
        """Ask ``/ping`` until it answers 200; ModelUnavailableError if it doesn't in time."""
        until = time.monotonic() + patience_seconds
        while not self._answers_ping():
            if time.monotonic() > until:
                msg = (
                    f"nothing at {self._url} answered /ping with 200 within {patience_seconds:g} seconds: start the "
                    "container first, as in `docker run --publish 8080:8080 IMAGE`, and see its log"
                )
                raise ModelUnavailableError(msg)
            time.sleep(_PING_EVERY_SECONDS)

    def predict(self, body: bytes, content_type: str, accept: str) -> bytes:
        """Forward a request. See ``Model.predict``; a container out of reach is a ModelError 503."""
        headers = {name: value for name, value in (("Content-Type", content_type), ("Accept", accept)) if value}
        try:
            response = self._http.request("POST", f"{self._url}/invocations", body=body, headers=headers)
        except HTTPError as error:
            raise ModelError(HTTPStatus.SERVICE_UNAVAILABLE, f"the container is out of reach: {error}") from error
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise ModelError(response.status, response.data.decode("utf-8", "replace"))
        return response.data

    def _answers_ping(self) -> bool:
        try:
            response = self._http.request("GET", f"{self._url}/ping", timeout=2)
        except HTTPError:
            return False
        return response.status == HTTPStatus.OK
