"""The console's server: loopback only, for as long as it is entered."""

from __future__ import annotations

import logging
import secrets
import socket
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

from werkzeug.serving import WSGIRequestHandler, make_server

from fanfold.console.app import create_app
from fanfold.console.service import ConsoleService
from localaws.errors import PortInUseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fanfold.client import Fanfold

HOST = "127.0.0.1"


class _Quietly(WSGIRequestHandler):
    """Says nothing of requests: there is one a second."""

    # An answer that breaks off is then seen to be broken.
    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""


@contextmanager
def listening(port: int) -> Iterator[socket.socket]:
    """Take a port of loopback, before anything slow begins; 0 is any. `PortInUseError` if it is somebody else's."""
    try:
        taken = socket.create_server((HOST, port))
    except OSError as error:
        raise PortInUseError(f"port {port} is already in use: choose another one, or 0 for any free port") from error
    with taken:
        yield taken


@contextmanager
def serving(open_client: Callable[[], Fanfold], at: socket.socket) -> Iterator[str]:
    """Serve a console where somebody listens; yields the link that opens it. `StackError` if there is no such stack."""
    token = secrets.token_urlsafe(24)
    app, port = create_app(ConsoleService(open_client), token), at.getsockname()[1]
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = make_server(HOST, port, app, threaded=True, request_handler=_Quietly, fd=at.fileno())
    thread = Thread(target=server.serve_forever, name="console", daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{port}/?token={token}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
