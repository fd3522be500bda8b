"""The console's requests: what no browser sends is refused in words, and no body or answer takes for ever."""

from __future__ import annotations

import re
import socket
import time
from contextlib import suppress
from http import HTTPStatus
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote_to_bytes

from flask.json import dumps
from werkzeug.serving import WSGIRequestHandler

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from fanfold.console.connections import ConsoleServer

# What is refused may still be on its way: it is read so that the client sees the answer, but not for long.
LINGER_SECONDS, _LULL_SECONDS = 0.5, 0.01
_PIECE_BYTES = 64 * 1024
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LENGTH = re.compile(r"[0-9]{1,18}")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def refusal(status: HTTPStatus, words: str) -> bytes:
    """The whole answer to a request that reaches no view."""
    body = dumps({"error": words}).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


class _Incoming(RawIOBase):
    """What has come of a request, and then what comes."""

    def __init__(self, head: bytes, connection: socket.socket) -> None:
        self._head = memoryview(head)
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._head:
            return self._connection.recv_into(buffer)
        size = min(len(buffer), len(self._head))
        buffer[:size], self._head = self._head[:size], self._head[size:]
        return size


class _Outgoing(RawIOBase):
    """Sends in pieces, each of which has its time."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        for start in range(0, len(content), _PIECE_BYTES):
            self._connection.sendall(content[start : start + _PIECE_BYTES])
        return len(content)


class _Rest(RawIOBase):
    """What is left of a request after its answer: it is thrown away for a moment, so that the client sees the answer.

    Werkzeug reads from here until nothing comes.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._until: float | None = None

    def read(self, size: int = -1) -> bytes:
        now = time.monotonic()
        self._until = self._until or now + LINGER_SECONDS
        self._connection.settimeout(_LULL_SECONDS)
        with suppress(OSError):  # nothing comes, or who sent it has gone
            return self._connection.recv(min(size, _PIECE_BYTES)) if now < self._until else b""
        return b""


class RequestHandler(WSGIRequestHandler):
    """Refuses what no browser sends, and says nothing of requests: there is one a second."""

    # An answer that breaks off is then seen to be broken.
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        """Begin with what has come, and let nothing that follows take for ever."""
        server = cast("ConsoleServer", self.server)
        super().setup()
        self.connection.settimeout(server.limits.stall_seconds)
        head = server.heads.pop(self.connection)
        self.rfile = BufferedReader(_Incoming(head, self.connection))
        self.wfile = cast("Any", _Outgoing(self.connection))

    def parse_request(self) -> bool:
        """Whether this is a request that a browser could have sent; who sent another one is told."""
        if not super().parse_request():
            return False
        problem = self._problem()
        if problem:
            self.send_error(*problem)
        return problem is None

    def _problem(self) -> tuple[HTTPStatus, str] | None:
        lengths = self.headers.get_all("Content-Length", [])
        if "Transfer-Encoding" in self.headers:
            return HTTPStatus.LENGTH_REQUIRED, "send the body in one piece, with its Content-Length"
        if len(lengths) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
            return HTTPStatus.BAD_REQUEST, "Content-Length must be one number of bytes"
        if not _TOKEN.fullmatch(self.command):
            return HTTPStatus.BAD_REQUEST, "the request's method is not a word"
        if not (self.path.startswith("/") and self.path.isascii()) or _BROKEN_ESCAPE.search(self.path):
            return HTTPStatus.BAD_REQUEST, "the address must be a path, percent-encoded"
        try:
            unquote_to_bytes(self.path).decode()
        except UnicodeDecodeError:
            return HTTPStatus.BAD_REQUEST, "the address must be percent-encoded UTF-8"
        return None

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse the request as the app would, and end the connection."""
        status = HTTPStatus(code)
        self.wfile.write(refusal(status, message or explain or status.phrase))
        self.close_connection = True
        with suppress(OSError):  # who asked has gone
            self.connection.shutdown(socket.SHUT_WR)
        rest = _Rest(self.connection)
        while rest.read(_PIECE_BYTES):
            pass

    def make_environ(self) -> WSGIEnvironment:
        """What the app sees; after which Werkzeug reads what the app has left, and that for a moment only."""
        environ = super().make_environ()
        self.rfile = cast("Any", _Rest(self.connection))
        return environ

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""
