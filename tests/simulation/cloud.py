"""What a run needs of a cloud. `clouds/` has three: moto, ministack with dynalite, and the ports in memory."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from fanfold_core.domain.job import Chunk, JobRecord
from localaws.functions.mappings import Mapping as SourceMapping
from localaws.functions.workers import Function


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that a function has put into a queue, to be seen after `delay` seconds."""

    queue: str
    id: str
    body: str
    delay: int


class Cloud(Protocol):
    """The stack, and what it holds."""

    @property
    def outputs(self) -> Mapping[str, str]:
        """The stack's outputs."""

    @property
    def functions(self) -> Mapping[str, Function]:
        """Functions by ARN."""

    @property
    def mappings(self) -> Mapping[str, SourceMapping]:
        """Event source mappings by the ARN of their queue."""

    @property
    def output_path(self) -> str:
        """Where the endpoint writes."""

    @property
    def parts(self) -> Mapping[str, Callable[[Any], Any]]:
        """What becomes of fields of a function's step, by their names."""

    def empty(self) -> None:
        """Forget what runs have left."""

    def upload(self, key: str, content: bytes, metadata: Mapping[str, str]) -> str:
        """Put an object into the input bucket, which sends a message; answers with its version."""

    def sent(self) -> Iterator[Sent]:
        """Take what has been sent out of all queues."""

    def notify(self, notification: str) -> None:
        """Let a notification of the endpoint reach the queue that its topics are subscribed to."""

    def function(self, name: str) -> Function:
        """A function by the first word of its logical id."""

    def job(self, job_id: str) -> JobRecord | None:
        """A job as the ledger has it."""

    def chunk(self, job_id: str, number: int) -> Chunk:
        """A chunk as the ledger has it."""

    def read(self, key: str) -> bytes | None:
        """An object of the output bucket, None if it isn't there."""

    def write(self, location: str, content: bytes) -> None:
        """Write an object that an `s3://` location names."""
