"""HTTP in front of moto: connections stay open, and finding the service of a request is cheap.

Werkzeug's own handler closes each connection and waits 10 ms on it first.
"""

import functools
import io
import logging
import socket
import traceback
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import ThreadedWSGIServer

from localaws.access.guard import Guard
from localaws.access.refusals import RefusedError
from localaws.connections import BoundedServer, PatientHandler
from localaws.errors import PortInUseError

HOST = "127.0.0.1"
# They reset moto, switch IAM off, and give out keys.
_NOT_OF_AWS = {"moto_api", "instance_metadata"}
# Status line, headers, body.
Answer = tuple[str, list[tuple[str, str]], bytes]

logger = logging.getLogger(__name__)


class KeepAliveHandler(PatientHandler, MotoRequestHandler):
    """Reads the whole body, lets moto answer, writes the whole answer."""

    server: "Server"
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle_expect_100(self) -> bool:
        """Tell a client that asked first that it may send its body."""
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.wfile.flush()
        return True

    def run_wsgi(self) -> None:
        """Answer one request; the connection is left where the next one begins."""
        environ = self.make_environ()
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = environ["wsgi.input"].read()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        environ.pop("wsgi.input_terminated", None)
        status, headers, answer = self._admit(environ, body) or self._ask(environ)
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if environ["REQUEST_METHOD"] != "HEAD":
            self.wfile.write(answer)
        self.wfile.flush()

    def _admit(self, environ: dict[str, Any], body: bytes) -> Answer | None:
        """Have moto see who has signed the request, wherever it says so; or how it is refused."""
        try:
            claim = self.server.guard.admit(self.command, self.path, self.headers.items(), body)
        except RefusedError as refused:
            status, kind, answer = refused.answer(self.headers.get("Content-Type", ""))
            return f"{status} {HTTPStatus(status).phrase}", [("Content-Type", kind)], answer
        environ |= {"HTTP_AUTHORIZATION": claim.authorization, "HTTP_X_AMZ_SECURITY_TOKEN": claim.token}
        if not claim.token:
            del environ["HTTP_X_AMZ_SECURITY_TOKEN"]
        return None

    def _ask(self, environ: dict[str, Any]) -> Answer:
        started: list[Any] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], _error: object = None, /
        ) -> Callable[[bytes], Any]:
            started[:] = [status, headers]
            return self.wfile.write

        try:
            answer = b"".join(self.server.app(environ, start_response))
        except Exception:
            logger.exception("%s %s", environ["REQUEST_METHOD"], environ["PATH_INFO"])
            return "500 Internal Server Error", [], traceback.format_exc(limit=-1).encode()
        return started[0], started[1], answer

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """A line per request would be all that anybody sees."""


class Application(DomainDispatcherApplication):
    """Moto's dispatcher; it tries some two hundred patterns per request, and always the same ones match."""

    @functools.cache  # noqa: B019 # there is one application, as long as the process
    def get_backend_for_host(self, host: str | None) -> Any:  # as moto has it
        """The moto service that answers for a host name; none of those that moto has beside AWS's."""
        found = super().get_backend_for_host(host)
        return None if found in _NOT_OF_AWS else found


class Server(BoundedServer, ThreadedWSGIServer):
    """Threads that end with the process, and room for a burst of connections."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, listener: socket.socket, guard: Guard) -> None:
        """Take the socket on which it listens, and who lets requests in."""
        self.guard = guard
        super().__init__(
            HOST, listener.getsockname()[1], Application(create_backend_app), KeepAliveHandler, fd=listener.detach()
        )


def bind(port: int, guard: Guard) -> Server:
    """A server on `port` of the loopback interface; 0 takes any free port.

    Raises:
        PortInUseError: another program listens there.
    """
    # Bound here, because werkzeug answers a taken port with advice on standard error and an exit.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise PortInUseError(str(error)) from error
    listener.listen(128)
    return Server(listener, guard)
