"""The ports in memory, in the place of the adapters: a run costs a hundredth of what it costs with the services.

What the template says of functions and queues still comes from the stack.
"""

import functools
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote_plus

import boto3
from botocore.exceptions import ReadTimeoutError
from tests.fakes.ledger import MemoryLedger
from tests.fakes.messages import MemoryAnnouncements, MemoryDeadLetters, MemoryQueues, Message
from tests.fakes.store import MemoryStore
from tests.simulation.cloud import Sent
from tests.simulation.clouds.moto import MotoCloud
from tests.simulation.deliveries import Clock
from tests.simulation.executions import at_work

from fanfold_core.domain.errors import ObjectGoneError, UnknownJobError
from fanfold_core.domain.job import Chunk, JobRecord
from localaws.functions.workers import Function
from localaws.server import put

# Like the SDK's.
_MOST_TRIES = 5
# Asks nothing of a service.
_PURE = {"location"}


class MemoryCloud:
    """The stack's functions, and memory for all that they write."""

    def __init__(self, stack: MotoCloud, clock: Clock) -> None:
        self.outputs, self.functions, self.mappings = stack.outputs, stack.functions, stack.mappings
        self.output_path = stack.output_path
        self._stack, self._clock = stack, clock
        # Functions make clients when they are loaded, and call none here: those of one function do for all.
        for name in ("client", "resource"):
            put(boto3, name, functools.cache(getattr(boto3, name)))
        self._queue_arns = {name: _arn(stack, name) for name in ("Uploads", "Chunks", "Outcomes", "Assembly", "Sweeps")}
        self.empty()

    @property
    def parts(self) -> Mapping[str, Callable[[Any], Any]]:
        return self._parts

    def empty(self) -> None:
        self.ledger = MemoryLedger(self._clock)
        self.store = MemoryStore(self.outputs["OutputBucket"])
        self.queues = MemoryQueues()
        ports = {"ledger": self.ledger, "store": self.store, "queues": self.queues}
        self._parts = {
            name: _always(_Called(name, port))
            for name, port in {
                **ports,
                "announcements": MemoryAnnouncements(),
                "dead_letters": MemoryDeadLetters(),
            }.items()
        }
        self._ids = itertools.count()

    def upload(self, key: str, content: bytes, metadata: Mapping[str, str]) -> str:
        bucket = self.outputs["InputBucket"]
        version = self.store.upload(bucket, key, content, metadata)
        record = {"s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key), "versionId": version}}}
        self.queues.sent.append(Message("Uploads", json.dumps({"Records": [record]})))
        return version

    def sent(self) -> Iterator[Sent]:
        taken, self.queues.sent = self.queues.sent, []
        for queue, body, delay in taken:
            yield Sent(self._queue_arns[queue], f"message-{next(self._ids)}", body, delay)

    def notify(self, notification: str) -> None:
        self.queues.sent.append(Message("Outcomes", notification))

    def function(self, name: str) -> Function:
        return self._stack.function(name)

    def job(self, job_id: str) -> JobRecord | None:
        try:
            return self.ledger.job(job_id)
        except UnknownJobError:
            return None

    def chunk(self, job_id: str, number: int) -> Chunk:
        return self.ledger.chunk(job_id, number)

    def read(self, key: str) -> bytes | None:
        try:
            return self.store.read(key)
        except ObjectGoneError:
            return None

    def write(self, location: str, content: bytes) -> None:
        bucket, _, key = location.removeprefix("s3://").partition("/")
        self.store.upload(bucket, key, content, {})


class _Called:
    """A port whose every call is one that an execution stands still before, and meets its fault after."""

    def __init__(self, name: str, port: Any) -> None:
        self._name = name
        self._port = port

    def __getattr__(self, name: str) -> Any:
        called = getattr(self._port, name)
        return (
            called if name in _PURE else lambda *args, **options: _call(f"{self._name}.{name}", called, args, options)
        )


def _call(name: str, called: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    execution = at_work()
    assert execution, f"{name} outside of any execution"
    args = tuple(map(_fixed, args))
    for last in range(_MOST_TRIES - 1, -1, -1):
        execution.before(name)
        try:
            try:
                return _fixed(called(*map(_anew, args), **options))
            finally:
                execution.after()
        except ReadTimeoutError:
            if not last:
                raise
    raise AssertionError


def _fixed(value: Any) -> Any:
    """What would be read lazily is read at the moment of the call."""
    return list(value) if isinstance(value, Iterator) and not hasattr(value, "read") else value


def _anew(value: Any) -> Any:
    """An argument as the next try needs it."""
    if hasattr(value, "seek"):
        value.seek(0)
    return value


def _always(port: Any) -> Callable[[Any], Any]:
    return lambda _: port


def _arn(stack: MotoCloud, name: str) -> str:
    return next(arn for arn in stack.mappings if f"{name}Queue" in arn)
