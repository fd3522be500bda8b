"""Messages from step to step through SQS: each kind with what writes it beside what reads it.

A message is a JSON object. What cannot be read is a `MalformedMessageError`; no raw dict goes further inward. What the
services of AWS put into these queues is read in `events`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypeVar

from fanfold_core.domain.errors import MalformedMessageError, NewerVersionError, QueueError
from fanfold_core.domain.keys import RequestId, is_job_id
from fanfold_core.domain.outcomes import Answered, Unsent
from fanfold_core.domain.parts import Part
from fanfold_core.domain.requests import Unsendable
from fanfold_core.domain.spans import Span
from fanfold_core.input.json.text import read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from types_boto3_sqs import SQSClient

T = TypeVar("T")
Content = dict[str, Any]
# Stands as `v` in every message, so that a newer version knows what an older one meant.
VERSION = 1
# Chunks, rows and attempts have seven digits at most, in an inference id and in the keys of objects.
_MOST = 9_999_999
_MESSAGES_PER_CALL = 10
# SQS takes 1 MiB in a message, and in all messages of a call; it took a quarter of that for long.
_MOST_BYTES = 200_000


@dataclass(frozen=True, slots=True)
class Resume:
    """Resume splitting a file after its last stored chunk."""

    job: str

    def content(self) -> Content:
        """As it is sent."""
        return {"job": self.job}

    @classmethod
    def parse(cls, content: Content) -> Self:
        """As it is received."""
        return cls(read_job_id(content))


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Send a chunk: all that hasn't been sent.

    Or something of it alone: these spans again, each as the attempt that is named; the span `witness`, which has a
    prediction; or the first row from `probe` on that can be sent.
    """

    job: str
    chunk: int
    attempts: Mapping[Span, int] = field(default_factory=dict)
    witness: Span | None = None
    probe: int | None = None

    def content(self) -> Content:
        """As it is sent."""
        spans = {str(span): attempt for span, attempt in self.attempts.items()}
        return {
            "job": self.job,
            "chunk": self.chunk,
            **({"spans": spans} if spans else {}),
            **({"witness": str(self.witness)} if self.witness else {}),
            **({"probe": self.probe} if self.probe is not None else {}),
        }

    @classmethod
    def read(cls, body: str) -> Self:
        """As it is received."""
        content = read_content(body)
        spans = content.get("spans", {})
        try:
            attempts = {Span.parse(span): read_number(attempt) for span, attempt in spans.items()}
            witness = Span.parse(content["witness"]) if "witness" in content else None
        except (AttributeError, TypeError, ValueError) as error:
            raise malformed("invalid spans", content) from error
        probe = read_number(content["probe"]) if "probe" in content else None
        return cls(read_job_id(content), read_number(content.get("chunk")), attempts, witness, probe)


@dataclass(frozen=True, slots=True)
class Sweep:
    """Sweep open jobs: all of them, or one, from chunk `start` on."""

    job: str | None = None
    start: int = 0

    def content(self) -> Content:
        """As it is sent."""
        return {"job": self.job, "start": self.start}

    @classmethod
    def read(cls, body: str) -> Self:
        """As it is received; EventBridge's scheduled event means all jobs."""
        content = read_content(body)
        if content.get("detail-type") == "Scheduled Event":
            return cls()
        return cls(read_job_id(content), read_number(content.get("start")))


@dataclass(frozen=True, slots=True)
class Assemble:
    """Assemble a job, one part of it, or one file of its table; or end a job that cannot be (`is_abandoned`)."""

    job: str
    part: Part | None = None
    table: int | None = None
    is_abandoned: bool = False

    def content(self) -> Content:
        """As it is sent."""
        part = self.part
        return {
            "job": self.job,
            **({"part": [part.number, part.first, part.end, part.pieces]} if part else {}),
            **({"table": self.table} if self.table is not None else {}),
            **({"abandoned": True} if self.is_abandoned else {}),
        }

    @classmethod
    def read(cls, body: str) -> Self:
        """As it is received."""
        content = read_content(body)
        match content.get("part"):
            case None:
                part = None
            case [_, _, _, *_] as numbers:
                part = Part(*map(read_number, numbers))
            case other:
                raise malformed("an invalid part", other)
        table = read_number(content["table"]) if "table" in content else None
        return cls(read_job_id(content), part, table, is_abandoned=content.get("abandoned") is True)


def unsent_contents(job_id: str, chunk: int, runs: Iterable[Unsendable]) -> Iterator[Content]:
    """`Unsent` outcomes as they are sent: several if one would be too large, since reasons may quote cells."""
    spelt = ((str(run.span), run.reason) for run in runs)
    for together in _batches(spelt, lambda item: len(json.dumps(item)), most=None):
        yield {"job": job_id, "chunk": chunk, "unsendable": dict(together)}


def parse_unsent(content: Content) -> Unsent:
    """An `Unsent` outcome as it is received."""
    try:
        runs = tuple(Unsendable(Span.parse(span), str(reason)) for span, reason in content["unsendable"].items())
    except (AttributeError, ValueError) as error:
        raise malformed("invalid unsendable rows", content["unsendable"]) from error
    return Unsent(read_job_id(content), read_number(content.get("chunk")), runs)


def found_content(request: RequestId, location: str) -> Content:
    """An output that nobody reported, as it is sent."""
    return {"found": str(request), "at": location}


def parse_found(content: Content) -> Answered:
    """An output that nobody reported, as it is received."""
    request, location = RequestId.parse(str(content["found"])), content.get("at")
    if request is None or not isinstance(location, str):
        raise malformed("an output without a request or a location", content)
    return Answered(request, None, location)


def read_content(body: Any) -> Content:
    """The JSON object in a message's body; `NewerVersionError` if a version to come has written it."""
    try:
        content = read_json(body)
    except (AttributeError, ValueError) as error:
        raise malformed("a message that is not JSON", body) from error
    if not isinstance(content, dict):
        raise malformed("a message that is not a JSON object", body)
    version = content.get("v", VERSION)
    if version in range(1, VERSION + 1):
        return content
    if isinstance(version, int) and version > VERSION:
        raise NewerVersionError("message", version, VERSION)
    raise malformed("a message with an invalid version", version)


def read_job_id(content: Content) -> str:
    """The id under `job`."""
    job = content.get("job")
    if not (isinstance(job, str) and is_job_id(job)):
        raise malformed("a message without a job", content)
    return job


def read_number(value: Any) -> int:
    """The value, if it may be the number of a chunk, a part, a row or an attempt."""
    # To Python, a truth value is an int, too.
    if not (isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST):
        raise malformed("a number that is invalid or out of range", value)
    return value


def malformed(what: str, value: Any) -> MalformedMessageError:
    """The error that says what is wrong with a value of a message, without the value: a message may carry texts."""
    size = f" of length {len(value):,}" if isinstance(value, str | list | dict) else ""
    return MalformedMessageError(f"{what}: {type(value).__name__}{size}")


class SqsQueues:
    """`app.ports.Queues` over SQS. A function is given the URLs of those queues that it sends to."""

    def __init__(  # noqa: PLR0913 - one for each queue
        self,
        client: SQSClient,
        *,
        uploads: str = "",
        chunks: str = "",
        outcomes: str = "",
        assembly: str = "",
        sweeps: str = "",
    ) -> None:
        self._client = client
        self._uploads, self._chunks, self._outcomes = uploads, chunks, outcomes
        self._assembly, self._sweeps = assembly, sweeps

    def split(self, job_id: str) -> None:
        self._send(self._uploads, job_id, [Resume(job_id).content()])

    def dispatch(self, job_id: str, chunks: Iterable[int], delay: int = 0) -> None:
        self._send(self._chunks, job_id, [Dispatch(job_id, chunk).content() for chunk in chunks], delay)

    def resend(self, job_id: str, chunk: int, attempts: Mapping[Span, int], delay: int) -> None:
        self._send(self._chunks, job_id, [Dispatch(job_id, chunk, attempts).content()], delay)

    def send_witness(self, job_id: str, chunk: int, span: Span) -> None:
        self._send(self._chunks, job_id, [Dispatch(job_id, chunk, witness=span).content()])

    def probe(self, job_id: str, chunk: int, row: int, delay: int = 0) -> None:
        self._send(self._chunks, job_id, [Dispatch(job_id, chunk, probe=row).content()], delay)

    def report(self, job_id: str, chunk: int, unsendable: Sequence[Unsendable]) -> None:
        self._send(self._outcomes, job_id, unsent_contents(job_id, chunk, unsendable))

    def found(self, job_id: str, outputs: Mapping[RequestId, str]) -> None:
        self._send(self._outcomes, job_id, [found_content(request, location) for request, location in outputs.items()])

    def sweep(self, job_id: str, start: int = 0) -> None:
        self._send(self._sweeps, job_id, [Sweep(job_id, start).content()])

    def assemble(self, job_id: str, tables: Iterable[int] = ()) -> None:
        wanted = [Assemble(job_id, table=number) for number in tables] or [Assemble(job_id)]
        self._send(self._assembly, job_id, [one.content() for one in wanted])

    def assemble_parts(self, job_id: str, parts: Iterable[Part]) -> None:
        self._send(self._assembly, job_id, [Assemble(job_id, part).content() for part in parts])

    def abandon(self, job_id: str) -> None:
        self._send(self._assembly, job_id, [Assemble(job_id, is_abandoned=True).content()])

    def _send(self, url: str, job_id: str, contents: Iterable[Content], delay: int = 0) -> None:
        # Jobs take turns: of a standard queue, a message group is who sends, and SQS has no group wait for another's
        # backlog. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
        bodies = (json.dumps({"v": VERSION, **content}) for content in contents)
        for together in _batches(bodies, len, _MESSAGES_PER_CALL):
            answer = self._client.send_message_batch(
                QueueUrl=url,
                Entries=[
                    {"Id": str(number), "MessageBody": body, "DelaySeconds": delay, "MessageGroupId": job_id}
                    for number, body in enumerate(together)
                ],
            )
            if len(answer.get("Successful", ())) < len(together):
                # What SQS tells of neither has to be sent again, too.
                raise QueueError(url, answer["Failed"][0]["Code"] if answer.get("Failed") else "no reason given")


def _batches(items: Iterable[T], size: Callable[[T], int], most: int | None) -> Iterator[list[T]]:
    """What fits into a message or a call, in order: so many items at most."""
    batch: list[T] = []
    filled = 0
    for item in items:
        if batch and (len(batch) == most or filled + size(item) > _MOST_BYTES):
            yield batch
            batch, filled = [], 0
        batch.append(item)
        filled += size(item)
    if batch:
        yield batch
