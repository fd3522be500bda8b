"""The processes that functions run in, forked from one that has imported what they share (ADR 24)."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

# A slow machine may take this long to import everything.
_PATIENCE_SECONDS = 60
_SCRIPT = Path(__file__).with_name("worker.py")


class ForkServer:
    """Forks processes from one that has imported `modules`; when that is lost, another one takes its place.

    Example:
        >>> forks = ForkServer([Path("layers/core/src")], ["boto3"], {"PATH": "/usr/bin"}, open("functions.log", "w"))
        >>> process = forks.fork("handler.handler", Path("functions/splitter"), {"TABLE_NAME": "ledger"})
        >>> process.end()
        -9
    """

    def __init__(
        self, layers: Sequence[Path], modules: Sequence[str], environment: Mapping[str, str], log: IO[str]
    ) -> None:
        """Take what the process imports and from where, its environment, and where it complains."""
        self._first = json.dumps({"layers": [str(layer) for layer in layers], "modules": list(modules)})
        self._environment = environment
        self._log = log
        self._lock = threading.Lock()
        self._template: _TemplateProcess | None = None

    def start(self) -> "_TemplateProcess":
        """Begin to import, unless that has been done."""
        with self._lock:
            if self._template is None or self._template.is_lost:
                self._template = _TemplateProcess(self._first, self._environment, self._log)
            return self._template

    def fork(self, handler: str, folder: Path, environment: Mapping[str, str]) -> "ForkedProcess":
        """Another process, which loads a handler in a folder, and knows this environment only; raises OSError."""
        template = self.start()
        command = {"handler": handler, "folder": str(folder), "environment": dict(environment)}
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            pipes, others = [], []
            for mode in ("w", "r", "r"):
                reading, writing = os.pipe()
                end, other = (reading, writing) if mode == "r" else (writing, reading)
                theirs.callback(os.close, other)
                others.append(other)
                pipes.append(ours.enter_context(os.fdopen(end, mode, encoding="utf-8", errors="backslashreplace")))
            pid = template.ask(command, others)["pid"]
            ours.pop_all()
        return ForkedProcess(template, pid, *pipes)

    def stop(self) -> None:
        """End the process. Those that were forked from it must have ended."""
        with self._lock:
            if self._template is not None:
                self._template.stop()


class ForkedProcess:
    """A process that was forked, and the pipes that are its standard input, output and error."""

    def __init__(
        self, template: "_TemplateProcess", pid: int, stdin: IO[str], stdout: IO[str], stderr: IO[str]
    ) -> None:
        self.pid, self.stdin, self.stdout, self.stderr = pid, stdin, stdout, stderr
        self._template = template
        self._lock = threading.Lock()
        self._code: int | None = None

    def end(self) -> int | None:
        """Kill it, unless it has ended; its exit code, None if nobody knows it. May be called again."""
        with self._lock:
            if self._code is None:
                try:
                    self._code = self._template.ask({"end": self.pid})["code"]
                except OSError:
                    # Its number may be another process's by now. It ends by itself when its input does.
                    close(self.stdin)
            return self._code


def close(pipe: IO[str]) -> None:
    """Close a pipe, whoever was to read from it."""
    # What was still buffered for a process that is gone.
    with contextlib.suppress(BrokenPipeError):
        pipe.close()


class _TemplateProcess:
    """The process that others are forked from: one thread, and nothing in it that a fork couldn't share."""

    def __init__(self, first: str, environment: Mapping[str, str], log: IO[str]) -> None:
        ours, theirs = socket.socketpair()
        with theirs, contextlib.ExitStack() as undo:
            undo.callback(ours.close)
            self._process = subprocess.Popen(  # noqa: S603 # our own script
                [sys.executable, "-P", str(_SCRIPT), first],
                env=environment,
                stdin=theirs.fileno(),
                stdout=log,
                stderr=log,
                # Ctrl-C is for the process that started this one.
                start_new_session=True,
            )
            undo.pop_all()
        ours.settimeout(_PATIENCE_SECONDS)
        self._control, self._answers = ours, ours.makefile("r", encoding="utf-8")
        self._lock = threading.Lock()

    @property
    def is_lost(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def ask(self, command: Mapping[str, Any], descriptors: Sequence[int] = ()) -> dict[str, Any]:
        """What it answers, see `worker`; raises OSError, also if it doesn't: then it is lost."""
        with self._lock:
            try:
                if descriptors:
                    socket.send_fds(self._control, [b"!"], descriptors)
                else:
                    self._control.sendall(b"!")
                self._control.sendall(f"{json.dumps(command)}\n".encode())
                answer: dict[str, Any] = json.loads(self._answers.readline())
            except (OSError, ValueError) as error:
                self.stop()
                code = self._process.returncode
                raise OSError(f"the process that functions are forked from has ended with code {code}") from error
        if "errno" in answer:
            raise OSError(answer["errno"], os.strerror(answer["errno"]))
        return answer

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._answers.close()
        self._control.close()
