"""SQS messages as Lambda hands them to a function, and the function's answer as Lambda reads it."""

import base64
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

# A synchronous invocation's payload. What surrounds the bodies is counted with a margin.
PAYLOAD_BYTES = 6 * 1024 * 1024
_RECORD_BYTES = 2048

Message = Mapping[str, Any]


def build(messages: Iterable[Message], queue_arn: str) -> dict[str, Any]:
    """The event for `messages`, as ReceiveMessage returned them.

    Example:
        >>> build([message], "arn:aws:sqs:us-east-1:123456789012:chunks")["Records"][0]["eventSource"]
        'aws:sqs'
    """
    return {"Records": [_record(message, queue_arn) for message in messages]}


def _record(message: Message, queue_arn: str) -> dict[str, Any]:
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes", {})),
        "messageAttributes": {name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }
    if "MD5OfMessageAttributes" in message:
        record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return record


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    attribute: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
    if "StringValue" in value:
        attribute["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        attribute["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return attribute


def size(message: Message) -> int:
    """Bytes that a message takes in an event, rather more than less."""
    return len(message["Body"].encode()) + _RECORD_BYTES


def parts(messages: Sequence[Message]) -> list[list[Message]]:
    """Cut a batch where its payload would grow too large; messages stay in order."""
    cut: list[list[Message]] = [[]]
    filled = 0
    for message in messages:
        if cut[-1] and filled + size(message) > PAYLOAD_BYTES:
            cut.append([])
            filled = 0
        cut[-1].append(message)
        filled += size(message)
    return cut


def returned(answer: object, message_ids: Collection[str]) -> set[str]:
    """Ids of the messages that go back to the queue, by a function that reports batch item failures.

    Nothing reported is success of all; a report that cannot be read, or names an unknown message, is the failure of
    all.

    Example:
        >>> returned({"batchItemFailures": [{"itemIdentifier": "b"}]}, ["a", "b"])
        {'b'}
    """
    if answer is None:
        return set()
    if not isinstance(answer, dict):
        return set(message_ids)
    failures = answer.get("batchItemFailures") or []
    if not isinstance(failures, list):
        return set(message_ids)
    named = {failure.get("itemIdentifier") if isinstance(failure, dict) else None for failure in failures}
    unknown = named - set(message_ids)
    return set(message_ids) if unknown else {str(name) for name in named}
