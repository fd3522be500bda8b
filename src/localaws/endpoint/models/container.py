"""Any container that speaks SageMaker's ``/invocations`` and ``/ping``."""

from __future__ import annotations

import logging
import time
from http import HTTPStatus

import urllib3
from urllib3.exceptions import HTTPError, LocationParseError, NewConnectionError
from urllib3.util import parse_url

from localaws.endpoint.outcomes import ModelError
from localaws.errors import ModelUnavailableError, UnknownModelError

logger = logging.getLogger(__name__)

_LONGEST_INVOCATION_SECONDS = 3600
_PING_EVERY_SECONDS = 0.2


class ContainerModel:
    """Forwards each request to a container; whether it took too long is the endpoint's to say, not this class's."""

    def __init__(self, url: str) -> None:
        """Take the container's address, as ``http://127.0.0.1:8080``; nothing is sent yet.

        ModelUnavailableError if it is none.
        """
        _check(url)
        self._url = url.rstrip("/")
        timeout = urllib3.Timeout(connect=5, read=_LONGEST_INVOCATION_SECONDS)
        self._http = urllib3.PoolManager(maxsize=64, timeout=timeout, retries=False)

    def wait_until_ready(self, patience_seconds: float = 60.0, listening_seconds: float = 10.0) -> None:
        """Ask ``/ping`` until it answers 200; ModelUnavailableError if it doesn't in time.

        A container that listens may take a while to load its model; one that doesn't even listen is soon given up.
        """
        began = time.monotonic()
        if self.ping() != HTTPStatus.OK:
            logger.warning("waiting for the container at %s to answer /ping with 200", self._url)
        while (status := self.ping()) != HTTPStatus.OK:
            waited = time.monotonic() - began
            if status is None and waited > listening_seconds:
                msg = f"nothing listens at {self._url}: start the container first (`docker run -p 8080:8080 IMAGE`)"
                raise ModelUnavailableError(msg)
            if waited > patience_seconds:
                msg = f"the container at {self._url} did not answer /ping with 200 in {waited:.0f} seconds: see its log"
                raise ModelUnavailableError(msg)
            time.sleep(_PING_EVERY_SECONDS)

    def predict(self, body: bytes, content_type: str, accept: str) -> bytes:
        """Forward a request. See ``Model.predict``; a container out of reach is a ModelError without a status."""
        headers = {name: value for name, value in (("Content-Type", content_type), ("Accept", accept)) if value}
        try:
            response = self._http.request("POST", f"{self._url}/invocations", body=body, headers=headers)
        except HTTPError as error:
            raise ModelError(0, f"the container is unreachable: {error}") from error
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise ModelError(response.status, response.data.decode("utf-8", "replace"))
        return response.data

    def ping(self) -> int | None:
        """The status that ``/ping`` is answered with: 0 if there is no answer, None if nothing listens there."""
        try:
            return self._http.request("GET", f"{self._url}/ping", timeout=2).status
        except NewConnectionError:
            return None
        except HTTPError:
            return 0


def _check(url: str) -> None:
    try:
        has_host = parse_url(url).host
    except LocationParseError:
        has_host = None
    if not has_host:
        raise UnknownModelError(f"{url!r} is no address: give one such as http://127.0.0.1:8080")
