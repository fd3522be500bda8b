"""The server process (see `localaws.server`), started, awaited and ended."""

import json
import subprocess
import sys
from typing import IO

from localaws.credentials import Keys
from localaws.errors import PortInUseError, ServerDiedError

STOP_SECONDS = 5


class ServerProcess:
    """The process that stands in for AWS. It ends when this one does, however that happens.

    Example:
        >>> server = ServerProcess(port=0, log=open("server.log", "w"))
        >>> server.wait_ready()
        >>> server.url
        'http://127.0.0.1:43521'
    """

    def __init__(self, port: int, log: IO[str]) -> None:
        """Start it; it isn't ready before `wait_ready`."""
        self._port = port
        self.url = ""
        self.admin = Keys("", "")
        self.services: dict[str, Keys] = {}
        command = [sys.executable, "-W", "ignore", "-m", "localaws.server", "--port", str(port)]
        self._process = subprocess.Popen(  # noqa: S603 # our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )

    def wait_ready(self) -> None:
        """Wait for it to serve, about two seconds.

        Raises:
            PortInUseError: something else has the port.
            ServerDiedError: it couldn't start.
        """
        assert self._process.stdout is not None  # noqa: S101 # for the type checker: it is a pipe
        line = self._process.stdout.readline()
        if not line:
            raise ServerDiedError(f"The server ended with code {self._process.wait()}; see its log.")
        said = json.loads(line)
        if "taken" in said:
            raise PortInUseError(
                f"Port {self._port} is already in use. Stop the program that uses it, or choose another port (0: any)."
            )
        self.url = said["url"]
        self.admin = Keys(*said["admin"])
        self.services = {name: Keys(*keys) for name, keys in said["services"].items()}

    def stop(self) -> None:
        """End it, and wait until it is gone. May be called again."""
        self._process.kill()
        self._process.wait(STOP_SECONDS)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
