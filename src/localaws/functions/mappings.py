"""Event source mappings: queues polled as Lambda polls them, with the rights of the function's role."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.conditions import Conditions
from localaws.credentials import LocalSession
from localaws.functions import sqs_event
from localaws.functions.pool import WorkerPool
from localaws.functions.sqs_event import Message
from localaws.functions.workers import FunctionError

logger = logging.getLogger(__name__)

# More processes than cores only take turns.
MOST_LANES = 2
LONG_POLL_SECONDS = 20
_RECEIVE_LIMIT = 10
_PAUSE_AFTER_ERROR = 1.0
_PAUSE_WITHIN_WINDOW = 0.05


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

    Example:
        >>> poller = Poller(mapping, pool, role.session(), queue_url, Conditions())
        >>> poller.start()
    """

    def __init__(
        self, mapping: Mapping, pool: WorkerPool, session: LocalSession, queue_url: str, conditions: Conditions
    ) -> None:
        self._mapping = mapping
        self._pool = pool
        self._sqs = session.client("sqs")
        self._url = queue_url
        self._conditions = conditions
        self._stopping = threading.Event()
        name = pool.function.logical_id
        self._lanes = [
            threading.Thread(target=self._run, args=(lane == 0,), name=f"{name}-{lane}", daemon=True)
            for lane in range(mapping.lanes)
        ]

    def start(self) -> None:
        """Begin to poll."""
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
        if first:
            self._warm()
        while not self._stopping.is_set():
            try:
                self._poll()
            except (ClientError, BotoCoreError) as error:
                if not self._stopping.is_set():
                    logger.error("%s: %s", self._pool.function.logical_id, error)  # noqa: TRY400 # the message says it
                    self._stopping.wait(_PAUSE_AFTER_ERROR)

    def _warm(self) -> None:
        try:
            self._pool.warm()
        except (FunctionError, ClientError) as error:
            if not self._stopping.is_set():
                logger.error("%s", error)  # noqa: TRY400 # likewise

    def _poll(self) -> None:
        messages = self._gather()
        for part in sqs_event.parts(messages):
            if part:
                self._process(part)

    def _gather(self) -> list[Message]:
        """One batch: full, or as much of it as came within the window after its first message."""
        batch = self._receive(self._mapping.batch_size, LONG_POLL_SECONDS)
        until = time.monotonic() + self._mapping.window
        while batch and (missing := self._mapping.batch_size - len(batch)) > 0 and not self._stopping.is_set():
            remaining = until - time.monotonic()
            if remaining <= 0 or sum(map(sqs_event.size, batch)) >= sqs_event.PAYLOAD_BYTES:
                break
            # SQS waits for whole seconds only.
            more = self._receive(missing, int(remaining))
            if not more:
                self._stopping.wait(min(_PAUSE_WITHIN_WINDOW, remaining))
            batch += more
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
                logger.warning("%s (%d messages return)", error, len(batch))
            return
        ids = [message["MessageId"] for message in batch]
        back = sqs_event.returned(answer, ids) if self._mapping.partial else set()
        if back:
            logger.warning("%s: %d of %d messages return", self._pool.function.logical_id, len(back), len(ids))
        done = [message for message in batch if message["MessageId"] not in back]
        self._delete([message for message in done if not self._conditions.comes_again()])

    def _delete(self, done: Sequence[Message]) -> None:
        for start in range(0, len(done), _RECEIVE_LIMIT):
            entries = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(done[start : start + _RECEIVE_LIMIT])
            ]
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
