"""A model in a server: a container with SageMaker's ``/invocations`` and ``/ping``, or a path of any other."""

from __future__ import annotations

import logging
import time
from http import HTTPStatus
from typing import NamedTuple

import urllib3
from urllib3.exceptions import HTTPError, LocationParseError, NewConnectionError
from urllib3.util import Url, parse_url

from localaws.endpoint.outcomes import ModelError
from localaws.errors import ModelUnavailableError, UnknownModelError

logger = logging.getLogger(__name__)

_LONGEST_INVOCATION_SECONDS = 3600
_PING_EVERY_SECONDS = 0.2


class _Health(NamedTuple):
    """Where a server says how it is, and the statuses with which it is ready."""

    path: str
    ready: tuple[HTTPStatus, ...]


_OF_A_CONTAINER = _Health("/ping", (HTTPStatus.OK,))
# Of a server that has no such path nothing can be known but that it answers.
_NO_SUCH_PATH = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED)
_OF_A_SERVER = _Health("/health", (HTTPStatus.OK, *_NO_SUCH_PATH))


class ContainerModel:
    """Forwards each request; whether it took too long is the endpoint's to say, not this class's.

    An address without a path is a container's. One with a path is where any other server takes requests, such as one
    that speaks OpenAI's API.
    """

    def __init__(self, url: str) -> None:
        """Take an address, as ``http://127.0.0.1:8080`` or ``http://127.0.0.1:8080/v1/embeddings``.

        Nothing is sent yet. ModelUnavailableError if it is none.
        """
        parsed = _parse(url)
        is_container = parsed.request_uri == "/"
        self._server = Url(parsed.scheme, host=parsed.host, port=parsed.port).url
        self._target = f"{self._server}{'/invocations' if is_container else parsed.request_uri}"
        self._health = _OF_A_CONTAINER if is_container else _OF_A_SERVER
        timeout = urllib3.Timeout(connect=5, read=_LONGEST_INVOCATION_SECONDS)
        self._http = urllib3.PoolManager(maxsize=64, timeout=timeout, retries=False)

    def wait_until_ready(self, patience_seconds: float = 60.0, listening_seconds: float = 10.0) -> None:
        """Ask for its health until it is ready; ModelUnavailableError if it isn't in time.

        A server that listens may take a while to load its model; one that doesn't even listen is soon given up.
        """
        began, at, path = time.monotonic(), self._server, self._health.path
        if not self.is_ready():
            logger.warning("waiting for the server at %s to answer %s with 200", at, path)
        while (status := self._ask()) not in self._health.ready:
            waited = time.monotonic() - began
            if status is None and waited > listening_seconds:
                msg = f"nothing listens at {at}: start the server first (for example `docker run -p 8080:8080 IMAGE`)"
                raise ModelUnavailableError(msg)
            if waited > patience_seconds:
                msg = f"the server at {at} did not answer {path} with 200 in {waited:.0f} seconds: see its log"
                raise ModelUnavailableError(msg)
            time.sleep(_PING_EVERY_SECONDS)

    def predict(self, body: bytes, content_type: str, accept: str) -> bytes:
        """Forward a request. See ``Model.predict``; a server out of reach is a ModelError without a status."""
        headers = {name: value for name, value in (("Content-Type", content_type), ("Accept", accept)) if value}
        try:
            response = self._http.request("POST", self._target, body=body, headers=headers)
        except HTTPError as error:
            raise ModelError(0, f"the server is unreachable: {error}") from error
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise ModelError(response.status, response.data.decode("utf-8", "replace"))
        return response.data

    def is_ready(self) -> bool:
        """Whether it takes requests, as far as it says."""
        return self._ask() in self._health.ready

    def _ask(self) -> int | None:
        """The status that its health is answered with: 0 if there is no answer, None if nothing listens there."""
        try:
            return self._http.request("GET", self._server + self._health.path, timeout=2).status
        except NewConnectionError:
            return None
        except HTTPError:
            return 0


def _parse(url: str) -> Url:
    try:
        parsed = parse_url(url)
    except LocationParseError:
        parsed = Url()
    if not parsed.host:
        raise UnknownModelError(f"{url!r} is no address: give one such as http://127.0.0.1:8080")
    return parsed
