"""Queues and announcements that keep what they are sent, spelt as the services would carry it."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from fanfold_core.app.ports import DeadLetter
from fanfold_core.aws.events import job_of
from fanfold_core.aws.messages import (
    VERSION,
    Assemble,
    Content,
    Dispatch,
    Resume,
    Sweep,
    found_content,
    unsent_contents,
)
from fanfold_core.domain.keys import RequestId
from fanfold_core.domain.parts import Part
from fanfold_core.domain.requests import Unsendable
from fanfold_core.domain.spans import Span


class Message(NamedTuple):
    """What one of the `queues` holds, to be seen after `delay` seconds."""

    queue: str
    body: str
    delay: int = 0


class MemoryQueues:
    """`app.ports.Queues` without a service: `sent` has all messages in order, until somebody takes them."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def split(self, job_id: str) -> None:
        self._send("Uploads", [Resume(job_id).content()])

    def dispatch(self, job_id: str, chunks: Iterable[int], delay: int = 0) -> None:
        self._send("Chunks", [Dispatch(job_id, chunk).content() for chunk in chunks], delay)

    def resend(self, job_id: str, chunk: int, attempts: Mapping[Span, int], delay: int) -> None:
        self._send("Chunks", [Dispatch(job_id, chunk, attempts).content()], delay)

    def send_witness(self, job_id: str, chunk: int, span: Span) -> None:
        self._send("Chunks", [Dispatch(job_id, chunk, witness=span).content()])

    def probe(self, job_id: str, chunk: int, row: int, delay: int = 0) -> None:
        self._send("Chunks", [Dispatch(job_id, chunk, probe=row).content()], delay)

    def report(self, job_id: str, chunk: int, unsendable: Sequence[Unsendable]) -> None:
        self._send("Outcomes", unsent_contents(job_id, chunk, unsendable))

    def found(self, job_id: str, outputs: Mapping[RequestId, str]) -> None:
        del job_id  # each request names its own
        self._send("Outcomes", [found_content(request, location) for request, location in outputs.items()])

    def sweep(self, job_id: str, start: int = 0) -> None:
        self._send("Sweeps", [Sweep(job_id, start).content()])

    def assemble(self, job_id: str, tables: Iterable[int] = ()) -> None:
        wanted = [Assemble(job_id, table=number) for number in tables] or [Assemble(job_id)]
        self._send("Assembly", [one.content() for one in wanted])

    def assemble_parts(self, job_id: str, parts: Iterable[Part]) -> None:
        self._send("Assembly", [Assemble(job_id, part).content() for part in parts])

    def abandon(self, job_id: str) -> None:
        self._send("Assembly", [Assemble(job_id, is_abandoned=True).content()])

    def _send(self, queue: str, contents: Iterable[Content], delay: int = 0) -> None:
        self.sent += [Message(queue, json.dumps({"v": VERSION, **content}), delay) for content in contents]


class MemoryDeadLetters:
    """`app.ports.DeadLetters` without a service: `bodies` has all of them, by function and receipt."""

    def __init__(self) -> None:
        self.bodies: dict[tuple[str, str], str] = {}

    def put(self, function: str, body: str) -> None:
        """Have a message die in a function."""
        self.bodies[function, f"receipt-{len(self.bodies)}"] = body

    def read(self) -> Iterator[DeadLetter]:
        for (function, receipt), body in list(self.bodies.items()):
            if job := job_of(body):
                yield DeadLetter(function, job, receipt)

    def drop(self, letter: DeadLetter) -> None:
        self.bodies.pop((letter.function, letter.receipt), None)


class MemoryAnnouncements:
    """`app.ports.Announcements` without a service."""

    def __init__(self) -> None:
        self.made: list[Mapping[str, Any]] = []

    def job_ended(self, summary: Mapping[str, Any]) -> None:
        self.made.append(json.loads(json.dumps(summary)))
