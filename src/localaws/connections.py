"""Connections of the local cloud's servers: no more than the process may have, and none that nobody uses.

A connection costs a thread and an open file, of which macOS allows a process 256.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import resource
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer
from typing import Any, cast

logger = logging.getLogger(__name__)

# A connection on which no request has come for so many seconds ends, and so does a thread that has nothing to do.
# Clients begin another connection by themselves.
IDLE_SECONDS = 5.0
# macOS takes no more for "unlimited" than this, and nothing here needs more.
_MOST_FILES = 10_240
# How long a server waits for a place before it looks whether it is to stop, and for files before it tries again.
_PAUSE_SECONDS, _NO_FILES_SECONDS = 0.05, 1.0
_NO_FILES = {errno.EMFILE, errno.ENFILE}


def raise_file_limit() -> None:
    """Let this process, and those that it starts from now on, open as many files as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError) as error:
        logger.warning("this process may open %d files, and not more as it asked (%s)", soft, error)


def file_limit() -> int:
    """How many files this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_FILES if soft == resource.RLIM_INFINITY else soft


def lacks_files(error: BaseException | None) -> bool:
    """Whether an error comes of too many open files; clients say "could not connect" of that, too."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _NO_FILES:
            return True
        error = error.__cause__ or error.__context__
    return False


def explained(error: Exception) -> str:
    """What an error says, and that too many files were open where that is its cause."""
    more = f" (too many open files: this process may have {file_limit()}; `ulimit -n 4096` allows more)"
    return f"{error}{more if lacks_files(error) else ''}"


class BoundedServer(TCPServer):
    """A server with a thread a connection, of which there are no more than half the files that the process may open.

    When all are taken, whoever comes next waits, and each connection ends after its reply, so that all get their turn.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self.most = file_limit() // 2
        self._places = threading.BoundedSemaphore(self.most)
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(*args, **options)

    @property
    def is_full(self) -> bool:
        """Whether whoever comes next has to wait."""
        return len(self._connections) >= self.most

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection when there is a place for it; an OSError has `serve_forever` try again."""
        if not self._places.acquire(timeout=_PAUSE_SECONDS):
            raise BlockingIOError(errno.EAGAIN, "all connections are taken")
        try:
            connection, address = super().get_request()
        except OSError as error:
            self._places.release()
            if lacks_files(error):
                logger.error("no connection is accepted: %s", explained(error))  # noqa: TRY400 # the message says it
                time.sleep(_NO_FILES_SECONDS)
            raise
        with self._guard:
            self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """End a connection, and give its place away."""
        super().shutdown_request(request)
        with self._guard:
            self._connections.discard(request)
        self._places.release()

    def end_connections(self) -> None:
        """Have every connection end, by its own thread."""
        with self._guard:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class PatientHandler(BaseHTTPRequestHandler):
    """Handles requests on one connection of a `BoundedServer`, for as long as they come."""

    def handle_one_request(self) -> None:
        """Handle the next request, or end the connection if there is none for a while."""
        self.connection.settimeout(IDLE_SECONDS)
        try:
            self.rfile.peek(1)  # type: ignore[attr-defined] # it is buffered
        except TimeoutError:
            self.close_connection = True
            return
        # A large body, in or out, takes the time that it takes.
        self.connection.settimeout(None)
        super().handle_one_request()

    def end_headers(self) -> None:
        """Tell the client that this was the connection's last reply, if it was."""
        if self.close_connection or cast("BoundedServer", self.server).is_full:
            self.send_header("Connection", "close")
        super().end_headers()
