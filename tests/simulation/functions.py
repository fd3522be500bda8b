"""The real handlers of functions/, loaded as Lambda's workers load them."""

import importlib.util
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass, replace
from types import ModuleType
from typing import Any
from unittest.mock import patch

from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from localaws.functions.workers import Function
from localaws.server import put

# What the functions measure goes to standard output, which is for what the simulation finds.
put(AmazonCloudWatchEMFProvider, "flush_metrics", lambda self, **_: self.clear_metrics())

_LIMIT_MILLISECONDS = 90_000


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda passes a handler beside the event; `out_of_time` is asked whenever the handler asks."""

    function_name: str
    memory_limit_in_mb: int
    invoked_function_arn: str
    aws_request_id: str
    out_of_time: Callable[[], bool]

    def get_remaining_time_in_millis(self) -> int:
        return 0 if self.out_of_time() else _LIMIT_MILLISECONDS


class Functions:
    """Execution environments: a handler's module is loaded once more whenever all that there are of it are at work."""

    def __init__(self) -> None:
        self._idle: defaultdict[str, list[ModuleType]] = defaultdict(list)

    def invoke(
        self,
        function: Function,
        event: object,
        out_of_time: Callable[[], bool],
        parts: Mapping[str, Callable[[Any], Any]],
    ) -> object:
        """Invoke a handler. `parts` tells what becomes of fields of its step, where it has them."""
        with self._environment(function) as module:
            for name, step in list(vars(module).items()):
                if is_dataclass(step) and not isinstance(step, type):
                    setattr(module, name, with_parts(step, parts))
            context = Context(function.name, function.memory, function.arn, "simulated", out_of_time)
            return module.handler(event, context)

    @contextmanager
    def _environment(self, function: Function) -> Iterator[ModuleType]:
        idle = self._idle[function.arn]
        module = idle.pop() if idle else _load(function)
        try:
            yield module
        finally:
            idle.append(module)


def _load(function: Function) -> ModuleType:
    path = function.code.folder / f"{function.code.handler.partition('.')[0]}.py"
    spec = importlib.util.spec_from_file_location(f"simulated_{path.parent.name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot import {path}")
    module = importlib.util.module_from_spec(spec)
    # Nobody reads the logs of thousands of runs, and writing them would take most of the time.
    log_level = {"POWERTOOLS_LOG_LEVEL": os.environ.get("SIMULATION_LOG_LEVEL", "CRITICAL")}
    with patch.dict(os.environ, {**function.variables, **log_level}):
        spec.loader.exec_module(module)
    return module


def with_parts(step: Any, parts: Mapping[str, Callable[[Any], Any]]) -> Any:
    """A step with something else in fields of these names, and in those of what follows from it."""
    changes = {name: make(getattr(step, name)) for name, make in parts.items() if hasattr(step, name)}
    if hasattr(step, "follow_up"):
        changes["follow_up"] = with_parts(step.follow_up, parts)
    return replace(step, **changes)
