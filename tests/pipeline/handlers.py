"""The real handlers of functions/ on the ports in memory: what the template gives them, and nothing of AWS."""

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cache
from io import StringIO
from typing import Any
from unittest.mock import patch

import boto3
from tests.fakes.ledger import MemoryLedger
from tests.fakes.messages import MemoryAnnouncements, MemoryDeadLetters, MemoryQueues
from tests.fakes.store import MemoryStore
from tests.fakes.values import Clock
from tests.simulation.functions import Functions

from fanfold.project import find_root
from fanfold_core.app.follow_up import Windows
from fanfold_core.aws.logs import function_logger
from fanfold_core.domain.job import JobRecord
from fanfold_core.input.cutting import Limits
from fanfold_core.input.layout import Layout
from localaws import template
from localaws.functions import sqs_event
from localaws.functions.workers import Function
from localaws.template import FunctionCode

# Each queue, the function that reads it, and how many messages that is given at once.
READERS = {
    "Uploads": ("Splitter", 1),
    "Chunks": ("Dispatcher", 1),
    "Outcomes": ("Collector", 10),
    "Assembly": ("Assembler", 1),
    "Sweeps": ("Sweeper", 1),
}
OUTPUT = "output"
ROWS_PER_CHUNK = 40
NONCE = "0123456789abcdef"
# Clients are made, and never used.
_ENVIRONMENT = {
    "SIMULATION_LOG_LEVEL": "INFO",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
}


class RememberingLedger(MemoryLedger):
    """A ledger that remembers what was ever told of a job."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__(now)
        self._words: set[str] = set()

    def described(self) -> list[str]:
        """Jobs and chunks in full, but for options and columns, which are named by who uploads a file."""
        found: list[Any] = [replace(job, options=None, layout=_unnamed(job.layout)) for job in self._jobs.values()]  # type: ignore[arg-type]
        return [*self._words, *map(repr, [*found, *self._chunks.values()])]

    def _put_job(self, job: JobRecord) -> JobRecord:
        self._words |= {job.reason, job.trouble.words}
        return super()._put_job(job)


def _unnamed(layout: Layout | None) -> Layout | None:
    return layout and replace(layout, columns=())


class Handlers:
    """Invokes functions; all that they write goes to `ledger`, `store` and `queues`, which `empty` makes anew.

    So does what they log to `log`, and what they announce to `announcements`.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self._functions = Functions()
        self._loggers = [_logger(function.lower()) for function, _ in READERS.values()]
        self.empty()

    def empty(self) -> None:
        """Forget everything."""
        self.ledger = RememberingLedger(self.clock)
        self.store = MemoryStore(OUTPUT)
        self.queues = MemoryQueues()
        self.announcements, dead_letters = MemoryAnnouncements(), MemoryDeadLetters()
        self.log = StringIO()
        self._parts: dict[str, Callable[[Any], Any]] = {
            "ledger": lambda _: self.ledger,
            "store": lambda _: self.store,
            "queues": lambda _: self.queues,
            "announcements": lambda _: self.announcements,
            "dead_letters": lambda _: dead_letters,
            "now": lambda _: self.clock,
            "new_nonce": lambda _: lambda: NONCE,
            "limits": lambda _: Limits(rows=ROWS_PER_CHUNK),
            "allows_costlier": lambda _: True,
            "instance_type": lambda _: "ml.g4dn.xlarge",
            "instances": lambda _: lambda _endpoint: 1,
            "window": lambda _: Windows(self.ledger, 16, self.clock),
        }

    def invoke(self, queue: str, bodies: Mapping[str, str], endpoint: Any) -> set[str]:
        """Hand messages of a queue to its function, by their ids; those that it could not process."""
        name, _ = READERS[queue]
        received = [
            {"MessageId": number, "ReceiptHandle": number, "Body": body, "MD5OfBody": ""}
            for number, body in bodies.items()
        ]
        event = sqs_event.build(received, f"arn:aws:sqs:us-east-1:123456789012:{queue}")
        parts = {**self._parts, "endpoint": lambda _: endpoint}
        with patch.dict(os.environ, _ENVIRONMENT), self._logging():
            answer = self._functions.invoke(_function(name), event, lambda: False, parts)
        return set(sqs_event.returned(answer, bodies))

    def told(self) -> str:
        """All that is told outside of rows and files: of jobs and chunks in the ledger, in logs and in events."""
        kept = [*self.ledger.described(), *map(json.dumps, self.announcements.made)]
        return "\n".join([*kept, self.log.getvalue()])

    @contextmanager
    def _logging(self) -> Iterator[None]:
        """Have functions log here. Other tests of this process may have made their loggers."""
        levels = [logger.level for logger, _ in self._loggers]
        streams = [handler.setStream(self.log) for _, handler in self._loggers]
        try:
            for logger, _ in self._loggers:
                logger.setLevel(logging.INFO)
            yield
        finally:
            for (logger, handler), level, stream in zip(self._loggers, levels, streams, strict=True):
                logger.setLevel(level)
                handler.setStream(stream)


@contextmanager
def loaded() -> Iterator[Handlers]:
    """Handlers, which leave boto3's session as it was."""
    with patch.object(boto3, "DEFAULT_SESSION", boto3.DEFAULT_SESSION):
        yield Handlers()


def _logger(service: str) -> tuple[logging.Logger, logging.StreamHandler[Any]]:
    """A function's logger, and where its lines go."""
    function_logger(service)
    logger = logging.getLogger(service)
    (handler,) = [found for found in logger.handlers if isinstance(found, logging.StreamHandler)]
    return logger, handler


@cache
def _function(name: str) -> Function:
    """As the template has it; a value that only a deployed stack knows is left open, since nothing asks for it."""
    source, logical_id = template.read(find_root()), f"{name}Function"
    common, own = source["Globals"]["Function"], source["Resources"][logical_id]["Properties"]
    declared = common["Environment"]["Variables"] | own["Environment"]["Variables"]
    defaults = template.defaults(find_root())
    variables = {
        variable: defaults.get(value.get("Ref", ""), "open") if isinstance(value, dict) else str(value)
        for variable, value in declared.items()
    }
    code = FunctionCode(find_root() / own["CodeUri"], common["Handler"], ())
    return Function(
        logical_id, logical_id, logical_id, "", code, variables, common["Timeout"], common["MemorySize"], ""
    )
