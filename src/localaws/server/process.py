"""The server process (see `localaws.server`), started, awaited and ended."""

import json
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from localaws.access.profiles import environment_without_profile
from localaws.credentials import Keys
from localaws.endpoint.calls import Caller, NewObject, Notification
from localaws.errors import PortInUseError, ServerDiedError
from localaws.template import REGION

_REMEMBER_SECONDS = 1.0
# Larger bodies go by a file: who asks for keys waits for all that goes by the pipe.
_LARGEST_IN_PIPE = 1_048_576


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
        self._known: dict[str, tuple[float, Keys | None]] = {}
        self._asking = threading.Lock()
        command = [sys.executable, "-W", "ignore", "-m", "localaws.server", "--port", str(port)]
        self._process = subprocess.Popen(  # noqa: S603 # our own module
            command,
            env=environment_without_profile(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
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

    def find_keys(self, access_key_id: str) -> Keys | None:
        """The keys of a user or of a role's session, None if there are none; they are remembered for a second.

        Raises:
            ServerDiedError: it has ended.
        """
        asked_at, keys = self._known.get(access_key_id, (0.0, None))
        if keys is not None and time.monotonic() - asked_at <= _REMEMBER_SECONDS:
            return keys
        with self._asking:
            answer = self._ask("find_keys", access_key_id)
            if answer is None:
                return None
            key, secret, token, expires = answer
            keys = Keys(key, secret, token, datetime.fromisoformat(expires) if expires else None)
            self._known[access_key_id] = (time.monotonic(), keys)
            return keys

    def put_objects(self, caller: Caller, objects: Sequence[NewObject]) -> list[str | None]:
        """Store objects; see `localaws.endpoint.calls`.

        Raises:
            ServerDiedError: it has ended.
            OSError: there is no place for the file of a large body.
        """
        with ExitStack() as files:
            sent = [(one.bucket, one.key, _sent(one.body, files), one.content_type, one.key_id) for one in objects]
            with self._asking:
                answer: list[str | None] = self._ask("put_objects", caller, sent)
                return answer

    def publish(self, caller: Caller, notifications: Sequence[Notification]) -> list[str | None]:
        """Tell topics; see `localaws.endpoint.calls`. Raises ServerDiedError."""
        with self._asking:
            answer: list[str | None] = self._ask("publish", caller, notifications)
            return answer

    def set_instances(self, endpoint: str, variant: str, count: int) -> None:
        """Let DescribeEndpoint say that a variant has so many instances by now. Raises ServerDiedError."""
        with self._asking:
            self._ask("set_instances", REGION, endpoint, variant, count)

    def _ask(self, *call: object) -> Any:  # what the server answers, see its module
        assert self._process.stdin is not None  # noqa: S101 # for the type checker: they are pipes
        assert self._process.stdout is not None  # noqa: S101 # likewise
        try:
            self._process.stdin.write(f"{json.dumps(call)}\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())
        except (OSError, ValueError) as error:
            raise ServerDiedError("The server has ended; see its log.") from error

    def stop(self) -> None:
        """End it, and wait until it is gone. May be called again."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def _sent(body: bytes, files: ExitStack) -> dict[str, str]:
    """A body as the server takes it; see its module. Its file, if it has one, is gone when `files` are closed."""
    if len(body) <= _LARGEST_IN_PIPE:
        return {"base64": b64encode(body).decode()}
    file = Path(files.enter_context(TemporaryDirectory())) / "body"
    file.write_bytes(body)
    return {"file": str(file)}
