"""Event source mappings: queues polled as Lambda polls them, with the rights of the function's role."""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.conditions import Conditions
from localaws.connections import explained
from localaws.credentials import LocalSession
from localaws.errors import StackCreationError
from localaws.functions import sqs_event
from localaws.functions.pool import WorkerPool
from localaws.functions.problems import Problems
from localaws.functions.sqs_event import Message
from localaws.functions.workers import FunctionError, WorkerLostError

logger = logging.getLogger(__name__)

# More processes than cores only take turns.
MOST_LANES = 2
LONG_POLL_SECONDS = 20
_RECEIVE_LIMIT = 10
_PAUSE_AFTER_ERROR = 1.0
_PAUSE_WITHIN_WINDOW = 0.05
# On AWS, a window saves invocations, which cost money; here it costs whoever waits for the messages.
_MOST_PAUSES = 2


@dataclass(frozen=True, slots=True)
class Mapping:
    """An event source mapping. `window` is in seconds, 0 for none; `partial`: the function reports item failures."""

    queue_arn: str
    function_arn: str
    batch_size: int
    window: int
    partial: bool
    concurrency: int

    @classmethod
    def parse(cls, configuration: dict[str, Any]) -> "Mapping":
        """Read an entry of ListEventSourceMappings."""
        return cls(
            queue_arn=configuration["EventSourceArn"],
            function_arn=configuration["FunctionArn"],
            batch_size=configuration["BatchSize"],
            window=configuration.get("MaximumBatchingWindowInSeconds", 0),
            partial="ReportBatchItemFailures" in configuration.get("FunctionResponseTypes", []),
            concurrency=configuration.get("ScalingConfig", {}).get("MaximumConcurrency", MOST_LANES),
        )

    @property
    def lanes(self) -> int:
        """How many batches are worked on at once."""
        return min(self.concurrency, MOST_LANES)


class Poller:
    """Brings a queue's messages to a function. What fails returns by its visibility time-out, or earlier if told so.

    What a worker had in hand when it died or timed out returns at once: nobody works on it any more.

    Example:
        >>> poller = Poller(mapping, pool, role.session(), service, queue_url, Conditions(), Problems())
        >>> poller.start()
    """

    def __init__(  # noqa: PLR0913, PLR0917 # from where to where, as whom, under which conditions
        self,
        mapping: Mapping,
        pool: WorkerPool,
        session: LocalSession,
        service: LocalSession,
        queue_url: str,
        conditions: Conditions,
        problems: Problems,
    ) -> None:
        """Take the session of the function's role, which reads the queue, and Lambda's own, which gives back."""
        self._mapping = mapping
        self._pool = pool
        self._sqs = session.client("sqs")
        self._service_sqs = service.client("sqs")
        self._problems = problems
        self._url = queue_url
        self._conditions = conditions
        self._stopping, self._warmed = threading.Event(), threading.Event()
        name = pool.function.logical_id
        self._lanes = [
            threading.Thread(target=self._run, args=(lane == 0,), name=f"{name}-{lane}", daemon=True)
            for lane in range(mapping.lanes)
        ]

    def check(self) -> None:
        """Look at the queue as Lambda does when it creates a mapping.

        Raises:
            StackCreationError: the function's role may not look, or the queue shows messages again too early.
        """
        function, queue = self._pool.function, self._mapping.queue_arn.rpartition(":")[2]
        try:
            answer = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["VisibilityTimeout"])
        except ClientError as error:
            raise StackCreationError(f"{function.logical_id}: its role cannot read {queue}: {error}") from error
        visibility = int(answer["Attributes"]["VisibilityTimeout"])
        if visibility < function.timeout:
            raise StackCreationError(
                f"{function.logical_id}: the visibility timeout of {queue} ({visibility} s) is less than the timeout "
                f"of the function ({function.timeout} s)."
            )

    @property
    def queue_arn(self) -> str:
        """The queue that is polled."""
        return self._mapping.queue_arn

    def start(self, *, warm: bool) -> None:
        """Begin to poll, and if told so, have a worker ready before the first message."""
        if not warm:
            self._warmed.set()
        for lane in self._lanes:
            lane.start()

    def ask_to_stop(self) -> None:
        """Take no further batch."""
        self._stopping.set()

    def join(self) -> None:
        """Wait for the last batches."""
        for lane in self._lanes:
            if lane.ident is not None:
                lane.join()

    def _run(self, first: bool) -> None:  # noqa: FBT001 # one lane is told to warm up
        # One worker is on its way for all lanes: if there were work for one only, the others would be started in vain.
        if first and not self._warmed.is_set():
            try:
                self._warm()
            finally:
                self._warmed.set()
        else:
            self._warmed.wait()
        while not self._stopping.is_set():
            try:
                self._poll()
            except (ClientError, BotoCoreError) as error:
                if not self._stopping.is_set():
                    logger.error("%s: %s", self._pool.function.logical_id, explained(error))  # noqa: TRY400 # the message says it
                    self._stopping.wait(_PAUSE_AFTER_ERROR)

    def _warm(self) -> None:
        try:
            self._pool.warm()
        except (FunctionError, ClientError) as error:
            if not self._stopping.is_set():
                logger.error("%s", error)  # noqa: TRY400 # likewise

    def _poll(self) -> None:
        messages = self._gather()
        if not messages:
            # As long as a receive waits for messages, there was too little to do for all.
            self._pool.trim()
        for part in sqs_event.parts(messages):
            if part:
                self._process(part)

    def _gather(self) -> list[Message]:
        """One batch: full, or as much of it as came within the window after its first message, before a pause."""
        batch = self._receive(self._mapping.batch_size, LONG_POLL_SECONDS)
        until, pauses = time.monotonic() + self._mapping.window, 0
        while batch and (missing := self._mapping.batch_size - len(batch)) > 0 and not self._stopping.is_set():
            is_over = time.monotonic() >= until or pauses >= _MOST_PAUSES
            if is_over or sum(map(sqs_event.size, batch)) >= sqs_event.PAYLOAD_BYTES:
                break
            more = self._receive(missing, 0)
            batch += more
            pauses = 0 if more else pauses + 1
            if not more:
                self._stopping.wait(_PAUSE_WITHIN_WINDOW)
        return batch

    def _receive(self, count: int, wait_seconds: int) -> list[Message]:
        redelivery = self._conditions.redelivery_seconds
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=min(count, _RECEIVE_LIMIT),
            WaitTimeSeconds=wait_seconds,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
            **({} if redelivery is None else {"VisibilityTimeout": redelivery}),
        )
        return list(answer.get("Messages", []))

    def _process(self, batch: Sequence[Message]) -> None:
        try:
            answer = self._pool.invoke(sqs_event.build(batch, self._mapping.queue_arn))
        except FunctionError as error:
            if not self._stopping.is_set():
                self._problems.tell(f"{error} (messages that return: {len(batch)})")
                if isinstance(error, WorkerLostError):
                    self._give_back(batch)
            return
        ids = [message["MessageId"] for message in batch]
        back = sqs_event.returned(answer, ids) if self._mapping.partial else set()
        if back:
            self._problems.tell(f"{self._pool.function.logical_id}: messages that return: {len(back)} of {len(ids)}")
        done = [message for message in batch if message["MessageId"] not in back]
        self._delete([message for message in done if not self._conditions.comes_again()])

    def _give_back(self, batch: Sequence[Message]) -> None:
        for entries in _entries(batch):
            now = [{**entry, "VisibilityTimeout": 0} for entry in entries]
            self._service_sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=now)

    def _delete(self, done: Sequence[Message]) -> None:
        for entries in _entries(done):
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)


def _entries(messages: Sequence[Message]) -> Iterator[list[dict[str, Any]]]:
    """Messages as SQS' batch operations name them, as many at once as these take."""
    for start in range(0, len(messages), _RECEIVE_LIMIT):
        yield [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
            for number, message in enumerate(messages[start : start + _RECEIVE_LIMIT])
        ]
