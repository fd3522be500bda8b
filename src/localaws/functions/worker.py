"""Execution environments of functions: `python -P worker.py '{"layers", "modules"}'` forks one whenever it is told to.

It is started by `localaws.functions.forks`, and begins by importing these modules, once for all. Its standard input is
a socket, on which each command is a byte, with which descriptors may come, and a line of JSON:

    {"handler", "folder", "environment"}    with three descriptors: a worker is forked, which has them as its standard
                                            input, output and error; answered by {"pid"}, or {"errno"} if it can't be
    {"end": pid}                            this worker is killed, unless it has ended; answered by {"code"}

Until it is ended that way, a worker keeps its number, so nobody else's process can be meant. A worker speaks JSON, too,
one object a line, on what were its standard input and output; the function's own output goes to standard error. It says
`{"ready": true}`, or `{"error"}` as below; then each `{"id", "event", "deadline", "arn"}` (deadline in seconds since
1970) is answered by `{"result": …}` or `{"error": {"errorType", "errorMessage", "stackTrace"}}`. When its input ends,
so does each process, at once.

Only the standard library is imported here: everything else is the functions', from their layers.
"""

import contextlib
import gc
import importlib
import importlib.util
import json
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

# What functions of queues, objects and tables call.
_SERVICES = ("dynamodb", "s3", "sqs")
Handler = Callable[[Any, "LambdaContext"], Any]


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """What Lambda passes a handler beside the event. `deadline` is in seconds since 1970."""

    aws_request_id: str
    invoked_function_arn: str
    deadline: float
    function_name: str
    function_version: str
    memory_limit_in_mb: str
    log_group_name: str
    log_stream_name: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function's time-out, 0 at least."""
        return max(0, int((self.deadline - time.time()) * 1000))


def main() -> None:
    """Import what all functions import, and fork a worker whenever one is asked for."""
    # Nearly all that is loaded stays: looking for what doesn't takes a sixth of the time.
    gc.disable()
    _preload(**json.loads(sys.argv[1]))
    # A collection would write to what was loaded, and so each worker would need a copy of its own.
    gc.freeze()
    _work(**_next_worker(socket.socket(fileno=0)))


def _preload(layers: list[str], modules: list[str]) -> None:
    sys.path[:0] = layers
    for name in modules:
        # The function that needs it will say why it cannot be imported.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    if "botocore.session" in sys.modules:
        _read_descriptions(sys.modules["botocore.session"])


def _read_descriptions(session: Any) -> None:
    """Have boto3 read what it knows of AWS now, and all workers share it: so many clients need as much memory again."""
    create = session.create_loader
    shared = create()
    # A layer may have a boto3 without some of them.
    with contextlib.suppress(sys.modules["botocore.exceptions"].DataNotFoundError):
        for name in ("endpoints", "sdk-default-configuration", "partitions"):
            shared.load_data_with_path(name)
        for service in _SERVICES:
            for kind in ("service-2", "endpoint-rule-set-1"):
                shared.load_service_model(service, kind)
    # Who names a folder with descriptions of his own, by AWS_DATA_PATH, reads it himself.
    session.create_loader = lambda path=None: create(path) if path else shared


def _next_worker(control: socket.socket) -> dict[str, Any]:
    """Do what is asked, until the input ends. This returns in workers only: with what they are asked to be."""
    with control.makefile("r", encoding="utf-8") as commands:
        while True:
            begun, descriptors, *_ = socket.recv_fds(control, 1, 3)
            if not begun:
                sys.exit()
            command: dict[str, Any] = json.loads(commands.readline())
            try:
                if "end" in command:
                    answer = {"code": _end(command["end"])}
                elif pid := os.fork():
                    answer = {"pid": pid}
                else:
                    break
            except OSError as error:
                answer = {"errno": error.errno or 0}
            for descriptor in descriptors:
                os.close(descriptor)
            control.sendall(f"{json.dumps(answer)}\n".encode())
    control.detach()
    for standard, descriptor in enumerate(descriptors):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    return command


def _end(pid: int) -> int:
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _work(handler: str, folder: str, environment: dict[str, str]) -> None:
    """Load the handler and invoke it for as long as there is input."""
    # Ctrl-C is for the process that started all this; ending that one ends this one.
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    devnull = os.open(os.devnull, os.O_RDONLY)
    os.dup2(devnull, 0)
    os.close(devnull)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # it is a text file
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests, lines), daemon=True).start()
    try:
        os.chdir(folder)
        function = _load(handler, Path(folder))
    except BaseException as error:  # noqa: BLE001 # whatever it is, it is the function's and reported as such
        _answer(answers, {"error": _described(error)})
        sys.exit(1)
    gc.freeze()
    gc.enable()
    _answer(answers, {"ready": True})
    while True:
        _answer(answers, _invoke(function, json.loads(lines.get())))


def _read(requests: IO[str], lines: "queue.SimpleQueue[str]") -> None:
    for line in requests:
        lines.put(line)
    # Whoever started this is gone, be it in the middle of an invocation.
    os._exit(0)


def _load(handler: str, folder: Path) -> Handler:
    """Import the module under a name of its own: several functions call theirs handler.py."""
    sys.path.insert(0, str(folder))
    module_name, _, function_name = handler.rpartition(".")
    spec = importlib.util.spec_from_file_location(
        f"function_{folder.name}_{module_name}".replace("/", "_"), folder / f"{module_name}.py"
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"Cannot import {folder / module_name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    found: Handler = getattr(module, function_name)
    return found


def _invoke(handler: Handler, request: dict[str, Any]) -> dict[str, Any]:
    context = LambdaContext(
        aws_request_id=request["id"],
        invoked_function_arn=request["arn"],
        deadline=request["deadline"],
        function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
        function_version=os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
        memory_limit_in_mb=os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
        log_group_name=os.environ["AWS_LAMBDA_LOG_GROUP_NAME"],
        log_stream_name=os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
    )
    started = time.perf_counter()
    _log(f"START RequestId: {context.aws_request_id} Version: {context.function_version}")
    try:
        answer = {"result": json.loads(json.dumps(handler(request["event"], context)))}
    except BaseException as error:  # noqa: BLE001 # whatever it is, it is the function's and reported as such
        answer = {"error": _described(error)}
        _log(traceback.format_exc().rstrip())
    duration = (time.perf_counter() - started) * 1000
    _log(f"END RequestId: {context.aws_request_id}")
    _log(f"REPORT RequestId: {context.aws_request_id} Duration: {duration:.2f} ms")
    return answer


def _described(error: BaseException) -> dict[str, Any]:
    return {
        "errorType": type(error).__name__,
        "errorMessage": str(error),
        "stackTrace": traceback.format_tb(error.__traceback__),
    }


def _log(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _answer(answers: IO[str], answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
