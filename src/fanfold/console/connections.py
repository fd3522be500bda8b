"""The console's connections: none costs a thread before its request has come, and none stays for ever.

Whoever can reach the port may open as many as they like, and say nothing, or a byte now and then. So one thread waits
for the heads of all requests, the connection that has waited longest gives way to one too many, and only a whole head
is given a thread of its own.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import OrderedDict, deque
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import BoundedSemaphore, Event
from typing import TYPE_CHECKING, Any, cast

from werkzeug.serving import ThreadedWSGIServer

from fanfold.console.requests import LINGER_SECONDS, RequestHandler, refusal
from localaws.connections import file_limit, lacks_files

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

HEAD_BYTES = 32 * 1024
_POLL_SECONDS = 0.05


def _share(most: int, of_files: int) -> int:
    return min(most, file_limit() // of_files)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a connection may take, and how many there may be; the process has other uses for its files, too.

    `head_seconds` is for a head to come, or a thread to be free for it, `stall_seconds` for each next piece of a body,
    in or out. A browser opens six connections at once.
    """

    head_seconds: float = 10
    stall_seconds: float = 60
    most_waiting: int = field(default_factory=lambda: _share(128, 4))
    most_served: int = field(default_factory=lambda: _share(64, 8))


@dataclass(slots=True)
class _Waiting:
    """A connection whose request has not come yet, or was refused."""

    address: Any
    until: float
    head: bytearray = field(default_factory=bytearray)
    is_refused: bool = False


class ConsoleServer(ThreadedWSGIServer):
    """Serves an app where somebody listens, with a thread for each request whose head has come."""

    def __init__(self, app: WSGIApplication, at: socket.socket, limits: Limits) -> None:
        host, port = at.getsockname()
        super().__init__(host, port, app, handler=RequestHandler, fd=at.fileno())
        self.heads: dict[socket.socket, bytes] = {}
        self.limits = limits
        self._waiting: OrderedDict[socket.socket, _Waiting] = OrderedDict()
        self._ready: deque[tuple[socket.socket, _Waiting]] = deque()
        self._places = BoundedSemaphore(limits.most_served)
        self._stopping = Event()
        self._selector = selectors.DefaultSelector()

    def serve_forever(self, poll_interval: float = _POLL_SECONDS) -> None:
        """Serve until `shutdown`."""
        self.socket.settimeout(0)
        self._selector.register(self.socket, selectors.EVENT_READ)
        while not self._stopping.is_set():
            for key, _ in self._selector.select(poll_interval):
                if key.fileobj is self.socket:
                    self._accept()
                elif key.fileobj in self._waiting:  # it may have given way just now
                    self._read(cast("socket.socket", key.fileobj))
            self._hand_over()
            self._end_late()
        for connection in (*self._waiting, *(ready for ready, _ in self._ready)):
            connection.close()
        self._selector.close()

    def shutdown(self) -> None:
        """Have `serve_forever` end."""
        self._stopping.set()

    def shutdown_request(self, request: Any) -> None:
        """End a connection that had a thread, and give its place away."""
        super().shutdown_request(request)
        self.heads.pop(request, None)
        self._places.release()

    @property
    def _is_full(self) -> bool:
        return len(self._ready) >= self.limits.most_served

    def _accept(self) -> None:
        for _ in range(self.limits.most_served - len(self._ready)):
            try:
                connection, address = self.socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if not lacks_files(error):
                    return  # who came has gone
                if not self._waiting:
                    time.sleep(_POLL_SECONDS)
                    return
                self._end(next(iter(self._waiting)))
                continue
            if len(self._waiting) >= self.limits.most_waiting:
                self._end(next(iter(self._waiting)))
            connection.settimeout(0)
            self._selector.register(connection, selectors.EVENT_READ)
            self._waiting[connection] = _Waiting(address, time.monotonic() + self.limits.head_seconds)
            self._read(connection)  # before it gives way to the next one: what is meant well has sent its head already

    def _read(self, connection: socket.socket) -> None:
        waiting = self._waiting[connection]
        try:
            piece = connection.recv(HEAD_BYTES)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self._end(connection)
        elif not waiting.is_refused:
            searched = max(0, len(waiting.head) - 3)
            waiting.head += piece
            end = waiting.head.find(b"\r\n\r\n", searched)
            if max(end, 0 if end >= 0 else len(waiting.head)) > HEAD_BYTES:
                self._refuse(
                    connection,
                    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                    f"the request's header fields are larger than {HEAD_BYTES} bytes: delete this site's cookies",
                )
            elif end >= 0:
                self._selector.unregister(connection)
                self._ready.append((connection, self._waiting.pop(connection)))

    def _hand_over(self) -> None:
        # While as many wait for a thread as have one, nobody else is let in.
        while self._ready and self._places.acquire(timeout=_POLL_SECONDS if self._is_full else 0):
            connection, ready = self._ready.popleft()
            self.heads[connection] = bytes(ready.head)
            try:
                self.process_request(connection, ready.address)
            except RuntimeError:  # no more threads
                self.shutdown_request(connection)

    def _end_late(self) -> None:
        now = time.monotonic()
        for connection, waiting in list(self._waiting.items()):
            if waiting.until > now:
                continue
            if waiting.is_refused or not waiting.head:
                self._end(connection)  # browsers open connections that they may need
            else:
                self._refuse(connection, HTTPStatus.REQUEST_TIMEOUT, "the request took too long: try again")
        while self._ready and self._ready[0][1].until <= now:
            connection, waiting = self._ready.popleft()
            self._selector.register(connection, selectors.EVENT_READ)
            self._waiting[connection] = waiting
            self._refuse(connection, HTTPStatus.SERVICE_UNAVAILABLE, "the console is busy: try again in a minute")

    def _refuse(self, connection: socket.socket, status: HTTPStatus, words: str) -> None:
        waiting = self._waiting[connection]
        waiting.is_refused, waiting.until = True, time.monotonic() + LINGER_SECONDS
        with suppress(OSError):  # who doesn't read, or has gone, is not told
            connection.send(refusal(status, words))
            connection.shutdown(socket.SHUT_WR)

    def _end(self, connection: socket.socket) -> None:
        del self._waiting[connection]
        self._selector.unregister(connection)
        connection.close()
