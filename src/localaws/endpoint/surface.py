"""The HTTP surface: SageMaker's two runtime operations over HTTP/1.1 with keep-alive, on loopback only.

The standard library's server, because werkzeug's closes every connection after one request and lingers 10 ms.
"""

from __future__ import annotations

import errno
import json
import logging
import sys
import uuid
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

from localaws.access.refusals import RefusedError
from localaws.connections import BoundedServer, PatientHandler
from localaws.endpoint.requests import ApiError, ValidationError

if TYPE_CHECKING:
    from localaws.access.guard import Guard
    from localaws.endpoint.requests import Headers

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
_LARGEST_BODY = 6_291_456
"""The synchronous operation's limit, the larger of the two; beyond it nothing is read."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful answer."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Runtime(Protocol):
    """What the surface leads to; each raises ApiError for what it won't do."""

    def invoke_async(self, endpoint_name: str, headers: Headers, body: bytes) -> Reply:
        """Accept a request."""

    def invoke(self, endpoint_name: str, headers: Headers, body: bytes) -> Reply:
        """Answer a request."""


class HttpSurface(BoundedServer, ThreadingHTTPServer):
    """Listens on loopback; one thread a connection, none of which outlives ``close``."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, port: int, runtime: Runtime, guard: Guard) -> None:
        """Bind a port (0: any free one); OSError with a plain message when it is taken."""
        self.runtime = runtime
        self.guard = guard
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            msg = f"port {port} is already in use: stop the program that uses it, or choose another port"
            raise OSError(error.errno, msg) from error

    def server_bind(self) -> None:
        """Bind without the look-up of this machine's name that HTTPServer does, which can take seconds."""
        TCPServer.server_bind(self)

    def handle_error(self, request: object, client_address: object) -> None:
        """Log what a connection died of: a client that goes away is no news."""
        del request
        gone = isinstance(sys.exception(), ConnectionError)
        logger.log(logging.DEBUG if gone else logging.ERROR, "connection of %s", client_address, exc_info=True)

    def close(self) -> None:
        """Stop listening, end every connection, and wait for their threads."""
        self.shutdown()
        self.end_connections()
        self.server_close()


class _Handler(PatientHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # Buffered, so that an answer's head and body leave in one packet.
    wbufsize = -1
    server: HttpSurface

    def do_POST(self) -> None:  # noqa: N802 # as the library calls it
        try:
            reply = self._reply()
        except ApiError as error:
            self._send(error.status, json.dumps(error.body).encode(), {"x-amzn-ErrorType": error.code})
        except Exception:
            logger.exception("%s failed", self.path)
            message = b'{"Message": "The local endpoint failed; its log says why."}'
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, message, {"x-amzn-ErrorType": "InternalFailure"})
        else:
            self._send(reply.status, reply.body, reply.headers)

    def _reply(self) -> Reply:
        body = self._body()
        try:
            self.server.guard.admit(self.command, self.path, self.headers.items(), body)
        except RefusedError as refused:
            raise ApiError(HTTPStatus.FORBIDDEN, refused.refusal.json, str(refused)) from refused
        match unquote(self.path).strip("/").split("/"):
            case ["endpoints", name, "async-invocations"]:
                return self.server.runtime.invoke_async(name, self.headers, body)
            case ["endpoints", name, "invocations"]:
                return self.server.runtime.invoke(name, self.headers, body)
        raise ApiError(HTTPStatus.NOT_FOUND, "UnknownOperationException", f"no operation at {self.path}")

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > _LARGEST_BODY:
            # What follows on this connection can't be told from the body that isn't read.
            self.close_connection = True
            message = f"The body must have a Content-Length of {_LARGEST_BODY} or less, not {length}."
            raise ValidationError(message)
        return self.rfile.read(int(length))

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
        if "Content-Type" not in headers:
            self.send_header("Content-Type", "application/json")
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- as BaseHTTPRequestHandler names it
        logger.debug(format, *args)
