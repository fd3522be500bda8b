"""The real handlers of functions/ on the ports in memory: what the template gives them, and nothing of AWS."""

import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from unittest.mock import patch

from tests.fakes.ledger import MemoryLedger
from tests.fakes.messages import MemoryAnnouncements, MemoryDeadLetters, MemoryQueues
from tests.fakes.store import MemoryStore
from tests.fakes.values import Clock
from tests.simulation.functions import Functions

from fanfold.project import find_root
from fanfold_core.app.follow_up import Windows
from fanfold_core.input.cutting import Limits
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
# Clients are made, and never used. What a handler raises is shown where a test fails.
_ENVIRONMENT = {
    "SIMULATION_LOG_LEVEL": "ERROR",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
}


class Handlers:
    """Invokes functions; all that they write goes to `ledger`, `store` and `queues`, which `empty` makes anew."""

    def __init__(self) -> None:
        self.clock = Clock()
        self._functions = Functions()
        self.empty()

    def empty(self) -> None:
        """Forget everything."""
        self.ledger = MemoryLedger(self.clock)
        self.store = MemoryStore(OUTPUT)
        self.queues = MemoryQueues()
        announcements, dead_letters = MemoryAnnouncements(), MemoryDeadLetters()
        self._parts: dict[str, Callable[[Any], Any]] = {
            "ledger": lambda _: self.ledger,
            "store": lambda _: self.store,
            "queues": lambda _: self.queues,
            "announcements": lambda _: announcements,
            "dead_letters": lambda _: dead_letters,
            "now": lambda _: self.clock,
            "new_nonce": lambda _: lambda: NONCE,
            "limits": lambda _: Limits(rows=ROWS_PER_CHUNK),
            "allows_costlier": lambda _: True,
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
        with patch.dict(os.environ, _ENVIRONMENT):
            answer = self._functions.invoke(_function(name), event, lambda: False, parts)
        return set(sqs_event.returned(answer, bodies))


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
