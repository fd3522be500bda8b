"""Dead letters in SQS: `app.ports.DeadLetters` over the dead-letter queues of all functions.

They are looked through on a schedule and not by an event source mapping. So what is not dropped stays visible: for the
alarm, and for whoever redrives it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fanfold_core.app.ports import DeadLetter
from fanfold_core.aws.events import job_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from types_boto3_sqs import SQSClient

_LETTERS_PER_CALL = 10
# For so long a letter that has been read is hidden. Longer than it takes to look through all of them.
_HIDDEN_SECONDS = 90


class SqsDeadLetters:
    """Reads dead-letter queues. `urls` are theirs, by the function that could not process what is in them."""

    def __init__(self, client: SQSClient, urls: Mapping[str, str]) -> None:
        self._client = client
        self._urls = urls

    def read(self) -> Iterator[DeadLetter]:
        for function, url in self._urls.items():
            while received := self._client.receive_message(
                QueueUrl=url, MaxNumberOfMessages=_LETTERS_PER_CALL, VisibilityTimeout=_HIDDEN_SECONDS
            ).get("Messages"):
                for message in received:
                    if job := job_of(message["Body"]):
                        yield DeadLetter(function, job, message["ReceiptHandle"])

    def drop(self, letter: DeadLetter) -> None:
        self._client.delete_message(QueueUrl=self._urls[letter.function], ReceiptHandle=letter.receipt)
