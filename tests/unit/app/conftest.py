"""The steps on ports in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.ledger import MemoryLedger
from tests.fakes.messages import MemoryAnnouncements, MemoryDeadLetters, MemoryQueues
from tests.fakes.store import MemoryStore
from tests.fakes.values import INPUT, KEY, OUTPUT, Clock, predictions

from fanfold_core.app.assemble import Assembler
from fanfold_core.app.collect import Collector
from fanfold_core.app.dispatch import Dispatcher
from fanfold_core.app.follow_up import FollowUp
from fanfold_core.app.split import Splitter
from fanfold_core.app.sweep import Sweeper
from fanfold_core.aws import events
from fanfold_core.aws.messages import Assemble, Dispatch, Sweep
from fanfold_core.domain.job import Chunk, JobRecord, Model
from fanfold_core.domain.keys import RequestId, output_folder
from fanfold_core.domain.outcomes import Answered
from fanfold_core.domain.requests import Postponed, Request
from fanfold_core.domain.spans import Span
from fanfold_core.domain.window import Window
from fanfold_core.input.cutting import Budget, Limits

NONCE = "0123456789abcdef"
CONTENT = b"id,text\r\n" + b"".join(b"%d,text %d\r\n" % (row, row) for row in range(10))
_READ: dict[str, Callable[[str], Any]] = {
    "Uploads": lambda body: next(events.uploads(body)),
    "Chunks": Dispatch.read,
    "Outcomes": events.outcome,
    "Assembly": Assemble.read,
    "Sweeps": Sweep.read,
}


def in_time() -> bool:
    return False


def out_of_time() -> bool:
    return True


def sent(rows: int) -> list[Span]:
    """The spans that so many rows of a chunk are sent in: the first row alone, and then two in a request."""
    return [Span(0, 1), *(Span(start, min(2, rows - start)) for start in range(1, rows, 2))]


@dataclass
class ListEndpoint:
    """An endpoint that takes what it is sent, but for spans that it postpones."""

    taken: list[Request] = field(default_factory=list)
    late: set[Span] = field(default_factory=set)
    error: Exception | None = None

    def send(self, endpoint: str, requests: Sequence[Request], ttl_seconds: int) -> list[Postponed]:
        assert (endpoint, ttl_seconds) == ("endpoint", 3600)
        if self.error:
            raise self.error
        self.taken += [request for request in requests if request.id.span not in self.late]
        return [Postponed(request, "busy") for request in requests if request.id.span in self.late]


class System:
    """All steps on the same ports; a chunk has four rows, a request two, and no more than two chunks are released."""

    def __init__(self) -> None:
        self.clock, self.endpoint = Clock(), ListEndpoint()
        self.ledger, self.store, self.queues = MemoryLedger(self.clock), MemoryStore(OUTPUT), MemoryQueues()
        self.announcements = MemoryAnnouncements()
        self.window = Window(chunks=2, rows=1_000)
        self.instances = 0
        ports = (self.ledger, self.store, self.queues)
        self.follow_up = FollowUp(self.ledger, self.queues, lambda _: self.window)
        self.splitter = Splitter(
            *ports,
            self.follow_up,
            '{"rows-per-request": 2}',
            Model("endpoint", "", ""),
            timedelta(days=30),
            self.clock,
            lambda: NONCE,
            Limits(rows=4),
            Budget(),
            allows_costlier=True,
            parameters="",
        )
        self.dispatcher = Dispatcher(*ports, self.endpoint, self.follow_up, self.clock)
        self.collector = Collector(*ports, self.follow_up)
        self.assembler = Assembler(*ports, self.announcements, "1.0", self.clock)
        self.dead_letters = MemoryDeadLetters()
        self.sweeper = Sweeper(
            *ports,
            self.dead_letters,
            self.follow_up,
            lambda _: self.instances,
            quiet_seconds=300,
            grace_seconds=900,
            instance_type="ml.m5.xlarge",
            now=self.clock,
        )

    def split(self, content: bytes = CONTENT, **metadata: str) -> JobRecord:
        """Upload a file and split it."""
        spelt = {name.replace("_", "-"): value for name, value in metadata.items()}
        version = self.store.upload(INPUT, KEY, content, spelt)
        return self.splitter.begin(INPUT, KEY, version, in_time)

    def messages(self) -> list[Any]:
        """Take what has been sent, as who receives it reads it."""
        taken, self.queues.sent = self.queues.sent, []
        return [_READ[message.queue](message.body) for message in taken]

    def delays(self) -> list[int]:
        """By how many seconds what has been sent is put off."""
        return [message.delay for message in self.queues.sent]

    def chunks(self, job: JobRecord) -> list[Chunk]:
        return [self.ledger.chunk(job.id, number) for number in range(self.ledger.job(job.id).stored)]

    def answer(self, job: JobRecord, chunk: int, *spans: Span) -> None:
        """Have spans of a chunk answered and collected."""
        self.collector.collect(job.id, chunk, [self.answered(job, chunk, span) for span in spans])

    def answered(self, job: JobRecord, chunk: int, span: Span) -> Answered:
        """An answer to the first request for a span."""
        request = RequestId(job.id, chunk, span, 1)
        return Answered(request, predictions(span.rows).results.encode(), self.place(request))

    def place(self, request: RequestId) -> str:
        """Where the endpoint writes the answer to a request."""
        return self.store.location(f"{output_folder(request.job, NONCE, request.chunk)}/{request.filename}")

    def finish(self, job: JobRecord) -> JobRecord:
        """Assemble a job, with all messages that it takes."""
        self.assembler.assemble(job.id)
        while messages := [message for message in self.messages() if isinstance(message, Assemble)]:
            for message in messages:
                self.build(message)
        return self.ledger.job(job.id)

    def build(self, message: Assemble) -> None:
        """Build the part, or the file of the table, that a message asks for."""
        if message.part:
            self.assembler.build(message.job, message.part)
        if message.table is not None:
            self.assembler.build_table(message.job, message.table)


@pytest.fixture
def system() -> System:
    return System()
