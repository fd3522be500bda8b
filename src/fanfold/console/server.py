"""The console's server: loopback only, for as long as it is entered."""

from __future__ import annotations

import logging
import socket
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

from fanfold.console.app import create_app
from fanfold.console.connections import ConsoleServer, Limits
from fanfold.console.security import Sessions
from fanfold.console.service import ConsoleService
from localaws.errors import PortInUseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from fanfold.client import Fanfold

HOST = "127.0.0.1"
# Connections that come at once; the system may allow fewer.
_BACKLOG = 1024


@contextmanager
def listening(port: int) -> Iterator[socket.socket]:
    """Take a port of loopback, before anything slow begins; 0 is any. `PortInUseError` if it is somebody else's."""
    try:
        taken = socket.create_server((HOST, port), backlog=_BACKLOG)
    except OSError as error:
        raise PortInUseError(f"port {port} is already in use: choose another one, or 0 for any free port") from error
    with taken:
        yield taken


@contextmanager
def serving(client: Fanfold, at: socket.socket) -> Iterator[str]:
    """Serve a console where somebody listens; yields the link that opens it. `StackError` if there is no such stack."""
    sessions = Sessions()
    with answering(create_app(ConsoleService(client), sessions), at) as address:
        # What follows # stays in the browser.
        yield f"{address}/#token={sessions.link_token}"


@contextmanager
def answering(app: Flask, at: socket.socket, limits: Limits | None = None) -> Iterator[str]:
    """Have an app answer where somebody listens; yields its address."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ConsoleServer(app, at, limits or Limits())
    thread = Thread(target=server.serve_forever, name="console", daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{at.getsockname()[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
