"""Worker processes that run handlers, with the environment, role, time-out and log that Lambda gives them."""

import contextlib
import json
import logging
import os
import queue
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from localaws.credentials import Keys
from localaws.functions.forks import ForkServer, close
from localaws.template import REGION, FunctionCode

logger = logging.getLogger(__name__)

# Lambda gives a function 10 seconds to initialize; here several may start at once on few cores.
INIT_SECONDS = 60
# What a process here needs before any code of ours runs: how the dynamic loader finds its libraries. Without these a
# worker may not start, or, where one of them sets the clock, lives at another time than SQS.
_OF_THE_MACHINE = ("LD_", "DYLD_")


class FunctionError(Exception):
    """An invocation failed: the handler raised, timed out, or its process died. Lambda may retry it."""


class WorkerLostError(FunctionError):
    """The worker timed out or died and cannot be used again."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function as the stack has it. `timeout` is in seconds, `memory` in MB."""

    logical_id: str
    name: str
    arn: str
    role: str
    code: FunctionCode
    variables: Mapping[str, str]
    timeout: int
    memory: int
    log_group: str


class FunctionLog:
    """What a function and its workers say, line by line, to who listens and, while its disk has room, in a file."""

    def __init__(self, file: IO[str], *listeners: Callable[[str], None]) -> None:
        self._file = file
        self._listeners = listeners
        self._lock = threading.Lock()

    def write(self, line: str) -> None:
        """Add one line, without its end."""
        with self._lock:
            if not self._file.closed:
                self._keep(line)
        for listener in self._listeners:
            listener(line)

    def close(self) -> None:
        """Close the file; later lines go to the listeners only."""
        with self._lock:
            self._file.close()

    def _keep(self, line: str) -> None:
        try:
            self._file.write(f"{line}\n")
        except OSError as error:
            logger.warning("%s ends early (%s): `fanfold tail` shows later lines", self._file.name, error.strerror)
            # It tries once more to write what it holds.
            with contextlib.suppress(OSError):
                self._file.close()


class Worker:
    """One process, for one invocation at a time."""

    def __init__(
        self, function: Function, keys: Keys, endpoints: Mapping[str, str], log: FunctionLog, forks: ForkServer
    ) -> None:
        """Start it; raises OSError. `endpoints` are environment variables that say where AWS is."""
        self.keys = keys
        self._function = function
        self._log = log
        self._answers: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        environment = {**_environment(function, keys), **endpoints}
        self._process = forks.fork(function.code.handler, function.code.folder, environment)
        self._threads = [
            threading.Thread(target=target, args=(pipe,), daemon=True)
            for target, pipe in ((self._read_answers, self._process.stdout), (self._read_log, self._process.stderr))
        ]
        for thread in self._threads:
            thread.start()

    def wait_ready(self) -> None:
        """Wait until its handler is loaded; raises WorkerLostError."""
        self._answer(INIT_SECONDS, "its initialization")

    def invoke(self, event: object) -> object:
        """Run the handler; raises FunctionError, or WorkerLostError after which it is of no use."""
        request = str(uuid.uuid4())
        deadline = time.time() + self._function.timeout
        self._send({"id": request, "event": event, "deadline": deadline, "arn": self._function.arn})
        return self._answer(self._function.timeout, request)

    def interrupt(self) -> None:
        """Kill the process and leave the rest to who waits for its answer."""
        self._process.end()

    def kill(self) -> None:
        """End the process and wait until it is gone. May be called again."""
        self._process.end()
        for thread in self._threads:
            thread.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            close(pipe)

    def _send(self, request: dict[str, Any]) -> None:
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise WorkerLostError(f"{self._function.logical_id}: its worker process has ended.") from error

    def _answer(self, seconds: float, what: str) -> object:
        try:
            answer = self._answers.get(timeout=seconds)
        except queue.Empty as error:
            message = f"{what}: Task timed out after {seconds:.2f} seconds"
            self._log.write(message)
            raise WorkerLostError(f"{self._function.logical_id}: {message}") from error
        if answer is None:
            message = f"{what}: the process exited with code {self._process.end()}"
            self._log.write(message)
            raise WorkerLostError(f"{self._function.logical_id}: {message}")
        if "error" in answer:
            error_type, message = answer["error"]["errorType"], answer["error"]["errorMessage"]
            raise FunctionError(f"{self._function.logical_id}: {error_type}: {message}")
        return answer.get("result")

    def _read_answers(self, pipe: IO[str]) -> None:
        for line in pipe:
            self._answers.put(json.loads(line))
        self._answers.put(None)

    def _read_log(self, pipe: IO[str]) -> None:
        for line in pipe:
            self._log.write(line.rstrip("\n"))


def shared_environment() -> dict[str, str]:
    """What Lambda sets for every function, and of the shell that started this only what the machine needs."""
    return {
        **{name: value for name, value in os.environ.items() if name.startswith(_OF_THE_MACHINE)},
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PYTHONUTF8": "1",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        # macOS names proxies outside of the environment, too.
        "NO_PROXY": "*",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    }


def _environment(function: Function, keys: Keys) -> dict[str, str]:
    return {
        **shared_environment(),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": f"local/[$LATEST]{uuid.uuid4().hex}",
        "LAMBDA_TASK_ROOT": str(function.code.folder),
        "_HANDLER": function.code.handler,
        **function.variables,
        **keys.environment,
    }
