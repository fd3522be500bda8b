"""Batches of SQS messages, each of which succeeds or returns to its queue by itself.

Powertools has that, too, for every kind of stream: importing it takes a tenth of a cold start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from aws_lambda_powertools import Logger

# What a function answers with `ReportBatchItemFailures`.
BatchResponse = dict[str, list[dict[str, str]]]


class Message(NamedTuple):
    """A message by its id, which is what Lambda calls it, and what is in it."""

    id: str
    body: str


def messages(event: Mapping[str, Any]) -> Iterator[Message]:
    """The messages of a batch."""
    return (Message(record["messageId"], record["body"]) for record in event["Records"])


def batch_response(failed: Iterable[str]) -> BatchResponse:
    """The response by which these messages return to their queue, and all others are deleted.

    >>> batch_response(["6a5ef09e"])
    {'batchItemFailures': [{'itemIdentifier': '6a5ef09e'}]}
    """
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def process_each(event: Mapping[str, Any], process: Callable[[str], None], logger: Logger) -> BatchResponse:
    """Process the body of each message; one for which it raises returns to its queue, and the log says why."""
    failed = []
    for message in messages(event):
        try:
            process(message.body)
        except Exception:
            logger.exception("the message returns to its queue", extra={"message_id": message.id})
            failed.append(message.id)
    return batch_response(failed)
