"""Messages on their way, and the time that it takes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.simulation.cloud import Sent

from localaws.functions import sqs_event

_START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    """What time it is, for the functions as well."""

    time: datetime = _START

    def start(self) -> None:
        """Begin the day of a run."""
        self.time = _START

    def __call__(self) -> datetime:
        return self.time


@dataclass(slots=True, eq=False)
class Delivery:
    """A message, when it is to be seen, and how often it has been received. A second delivery is another one."""

    message: Sent
    due: datetime
    receives: int = 0

    def is_for(self, queue: str) -> bool:
        """Whether it waits in the queue that the template calls so."""
        return queue in self.message.queue


def event(batch: Sequence[Delivery]) -> dict[str, Any]:
    """The event in which Lambda hands messages of one queue to a function."""
    received = [
        {
            "MessageId": delivery.message.id,
            "ReceiptHandle": delivery.message.id,
            "Body": delivery.message.body,
            "Attributes": {"ApproximateReceiveCount": str(delivery.receives)},
            "MD5OfBody": "",
        }
        for delivery in batch
    ]
    return sqs_event.build(received, batch[0].message.queue)
