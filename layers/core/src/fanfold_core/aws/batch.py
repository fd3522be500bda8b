"""Batches of SQS messages of which each is done, or comes again, by itself.

Powertools has that, too, for every kind of stream: importing it takes a tenth of a cold start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from aws_lambda_powertools import Logger

# What a function answers with `ReportBatchItemFailures`.
Answer = dict[str, list[dict[str, str]]]


class Message(NamedTuple):
    """A message by its id, which is what Lambda calls it, and what is in it."""

    id: str
    body: str


def messages(event: Mapping[str, Any]) -> Iterator[Message]:
    """The messages of a batch."""
    return (Message(record["messageId"], record["body"]) for record in event["Records"])


def come_again(message_ids: Iterable[str]) -> Answer:
    """The answer by which these messages come again, and all others do not.

    >>> come_again(["6a5ef09e"])
    {'batchItemFailures': [{'itemIdentifier': '6a5ef09e'}]}
    """
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in message_ids]}


def each(event: Mapping[str, Any], work: Callable[[str], None], logger: Logger) -> Answer:
    """Do `work` on the body of each message; one for which it raises comes again, and the log says why."""
    failed = []
    for message in messages(event):
        try:
            work(message.body)
        except Exception:
            logger.exception("the message comes again", extra={"message_id": message.id})
            failed.append(message.id)
    return come_again(failed)
