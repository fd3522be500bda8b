"""One execution environment of one function: `python -P worker.py`, started by `localaws.functions.workers`.

Speaks JSON, one object a line, on what were its standard input and output; the function's own output goes to
standard error. First comes `{"handler", "folder", "layers"}`, answered by `{"ready": true}`; then each
`{"id", "event", "deadline", "arn"}` (deadline in seconds since 1970) is answered by `{"result": …}` or
`{"error": {"errorType", "errorMessage", "stackTrace"}}`. When the input ends, so does the process, at once.

Only the standard library is imported here: everything else is the function's, from its layers.
"""

import gc
import importlib.util
import json
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

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
    """Load the handler and invoke it for as long as there is input."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # it is a text file
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests, lines), daemon=True).start()
    first = json.loads(lines.get())
    # Nearly all that is loaded stays: looking for what doesn't takes a sixth of the time.
    gc.disable()
    try:
        handler = _load(first["handler"], Path(first["folder"]), first["layers"])
    except BaseException as error:  # noqa: BLE001 # whatever it is, it is the function's and reported as such
        _answer(answers, {"error": _described(error)})
        sys.exit(1)
    gc.freeze()
    gc.enable()
    _answer(answers, {"ready": True})
    while True:
        _answer(answers, _invoke(handler, json.loads(lines.get())))


def _read(requests: IO[str], lines: "queue.SimpleQueue[str]") -> None:
    for line in requests:
        lines.put(line)
    # Whoever started this is gone, be it in the middle of an invocation.
    os._exit(0)


def _load(handler: str, folder: Path, layers: list[str]) -> Handler:
    """Import the module under a name of its own: several functions call theirs handler.py."""
    sys.path[:0] = [str(folder), *layers]
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
