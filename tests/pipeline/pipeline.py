"""One file's way through the real handlers: queues deliver, a schedule sweeps, a model answers."""

import csv
import heapq
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any
from urllib.parse import quote_plus

from tests.docs.known import check_reasons
from tests.pipeline.handlers import NONCE, OUTPUT, READERS, Handlers

from fanfold.project import find_root
from fanfold_core.domain.job import JobRecord, State
from fanfold_core.domain.keys import job_id, result_key
from fanfold_core.domain.requests import Postponed, Request
from localaws.endpoint import notifications
from localaws.endpoint.locations import destinations
from localaws.endpoint.notifications import Occasion
from localaws.endpoint.outcomes import Outcome, Response
from localaws.endpoint.requests import InferenceRequest

INPUT = "input"
# What the model makes of a request's body.
Model = Callable[[bytes], Outcome]
_SWEEP_SECONDS = 300
_MOST_RECEIVES = 5
_MOST_STEPS = 20_000
# All messages of a call to SQS together, and a notification of SNS.
_CALL_BYTES, _NOTIFICATION_BYTES = 1024 * 1024, 256 * 1024


@dataclass(frozen=True, slots=True)
class Ended:
    """A job that has ended: its files as they were written, and the bodies of the requests that it took."""

    job: JobRecord
    results: bytes
    errors: bytes
    summary: Mapping[str, Any]
    requests: Sequence[bytes]

    @property
    def state(self) -> State:
        """How it ended."""
        return self.job.state

    @property
    def rows(self) -> list[dict[str, str]]:
        """The lines of results.csv by its header."""
        header, *lines = self.lines
        return [dict(zip(header, line, strict=True)) for line in lines]

    @property
    def lines(self) -> list[list[str]]:
        """All lines of results.csv."""
        return self._read(self.results)

    @property
    def failed(self) -> list[list[str]]:
        """The lines of errors.csv, without its header."""
        return self._read(self.errors)[1:]

    def _read(self, content: bytes) -> list[list[str]]:
        dialect = self.job.dialect.written
        text = io.StringIO(content.decode("utf-8-sig"), newline="")
        return list(csv.reader(text, delimiter=dialect.delimiter, quotechar=dialect.quote))


@dataclass(order=True, slots=True)
class _Message:
    due: float
    number: int
    queue: str = field(compare=False)
    body: str = field(compare=False)
    receives: int = field(compare=False, default=0)


class Pipeline:
    """Plays files, one after the other. A message that a function returns is an error of the test's."""

    def __init__(self, handlers: Handlers, model: Model, random: Random | None = None) -> None:
        self.handlers = handlers
        self.model = model
        self._random = random
        self._inbox: list[_Message] = []
        self._number = 0
        self._requests: list[Request] = []
        self._next_sweep = 0.0
        handlers.empty()

    @property
    def nonce(self) -> str:
        """What only the jobs' own requests know."""
        return NONCE

    def run(self, content: bytes, metadata: Mapping[str, str] | None = None, key: str = "texts.csv") -> Ended:
        """Upload a file and let everything happen until its job has ended and nothing is left to do."""
        return self.finish(self.upload(content, metadata, key))

    def upload(self, content: bytes, metadata: Mapping[str, str] | None = None, key: str = "texts.csv") -> str:
        """Upload a file; the id of its job."""
        version = self.handlers.store.upload(INPUT, key, content, dict(metadata or {}))
        record = {"s3": {"bucket": {"name": INPUT}, "object": {"key": quote_plus(key), "versionId": version}}}
        self.deliver("Uploads", json.dumps({"Records": [record]}))
        return job_id(INPUT, key, version)

    def finish(self, job: str) -> Ended:
        """Let everything happen until a job has ended and nothing is left to do."""
        self._next_sweep = self._now() + _SWEEP_SECONDS
        steps = 0
        while self._inbox or not self._has_ended(job):
            self._step()
            steps += 1
            assert steps < _MOST_STEPS, f"the job does not end: {self.handlers.ledger.job(job)}"
        return self.ended(job)

    def wait(self, seconds: float) -> None:
        """Let everything happen that happens in this time."""
        until = self._now() + seconds
        self._next_sweep = max(self._next_sweep, self._now())
        while self._now() < until:
            self._step()

    def ended(self, job: str) -> Ended:
        """What a job came to; docs/errors.md has its reason and its rows'."""
        store = self.handlers.store
        results, errors, summary = (
            store.read(result_key(job, name))
            for name in (self.handlers.ledger.job(job).results_file, "errors.csv", "summary.json")
        )
        bodies = [request.body for request in self._requests if request.id.job == job]
        ended = Ended(self.handlers.ledger.job(job), results, errors, json.loads(summary), bodies)
        check_reasons([ended.job.reason, *(line[1] for line in ended.failed)])
        return ended

    def deliver(self, queue: str, body: str, delay: float = 0) -> None:
        """Put a message into a queue."""
        self._number += 1
        heapq.heappush(self._inbox, _Message(self._now() + delay, self._number, queue, body))

    def send(self, endpoint: str, requests: Sequence[Request], ttl_seconds: int) -> list[Postponed]:
        """The dispatcher's port: whatever is sent is answered some seconds later."""
        del endpoint, ttl_seconds
        for request in requests:
            self._requests.append(request)
            self.deliver("Outcomes", self.notification(request), self._random.choice([1, 2, 4]) if self._random else 1)
        return []

    def notification(self, request: Request) -> str:
        """What SageMaker tells of a request."""
        outcome = self.model(request.body)
        places = destinations(f"s3://{OUTPUT}/async", None, request.folder, request.id.filename)
        sent = InferenceRequest(str(request.id), b"", custom_attributes=request.nonce or None)
        occasion = Occasion("us-east-1", "fanfold", sent, places, self._now(), self._now() + 1)
        if isinstance(outcome, Response):
            self.handlers.store.upload(OUTPUT, places.output.key, outcome.body, {})
            told = notifications.completed(occasion, outcome, include_response=True)
        else:
            told = notifications.failed(occasion, outcome, include_response=True)
        message = json.dumps(told)
        assert len(message.encode()) <= _NOTIFICATION_BYTES
        return message

    def _step(self) -> None:
        """Deliver what is due next, or wait; the schedule goes on as time does."""
        if not self._inbox or self._inbox[0].due > self._next_sweep:
            self._pass_to(self._next_sweep)
            self._next_sweep += _SWEEP_SECONDS
            self.deliver("Sweeps", self._scheduled)
        first = heapq.heappop(self._inbox)
        self._pass_to(first.due)
        batch = [first]
        _, most = READERS[first.queue]
        while self._inbox and len(batch) < most and self._is_next(first):
            batch.append(heapq.heappop(self._inbox))
        bodies = {str(message.number): message.body for message in batch}
        returned = self.handlers.invoke(first.queue, bodies, self)
        assert not returned, f"{first.queue}: {[bodies[number][:500] for number in returned]}"
        self._take_sent()

    def _is_next(self, first: _Message) -> bool:
        following = self._inbox[0]
        return following.queue == first.queue and following.due <= first.due

    def _take_sent(self) -> None:
        sent, self.handlers.queues.sent = self.handlers.queues.sent, []
        for queue, body, delay in sent:
            assert len(body.encode()) <= _CALL_BYTES, f"a message of {len(body):,} bytes to {queue}"
            self.deliver(queue, body, delay)

    def _has_ended(self, job: str) -> bool:
        return self.handlers.ledger.job(job).state.is_terminal

    def _now(self) -> float:
        return self.handlers.clock().timestamp()

    def _pass_to(self, time: float) -> None:
        self.handlers.clock.pass_by(max(0, time - self._now()))

    @cached_property
    def _scheduled(self) -> str:
        event = json.loads((find_root() / "events" / "schedule.json").read_text())
        body: str = event["Records"][0]["body"]
        return body
