from typing import Any

import pytest

from localaws.functions import sqs_event

ARN = "arn:aws:sqs:us-east-1:123456789012:work"


def message(body: str = "text", **more: Any) -> dict[str, Any]:
    return {"MessageId": "id", "ReceiptHandle": "handle", "Body": body, "MD5OfBody": "md5", **more}


def test_a_record_has_the_shape_lambda_gives_it() -> None:
    received = message(
        Attributes={"ApproximateReceiveCount": "1"},
        MessageAttributes={"b": {"DataType": "Binary", "BinaryValue": b"\x00"}},
        MD5OfMessageAttributes="md5too",
    )
    assert sqs_event.build([received], ARN)["Records"] == [
        {
            "messageId": "id",
            "receiptHandle": "handle",
            "body": "text",
            "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {
                "b": {"binaryValue": "AA==", "stringListValues": [], "binaryListValues": [], "dataType": "Binary"}
            },
            "md5OfBody": "md5",
            "md5OfMessageAttributes": "md5too",
            "eventSource": "aws:sqs",
            "eventSourceARN": ARN,
            "awsRegion": "us-east-1",
        }
    ]


@pytest.mark.parametrize(
    ("answer", "back"),
    [
        (None, set()),
        ({}, set()),
        ({"batchItemFailures": None}, set()),
        ({"batchItemFailures": []}, set()),
        ({"batchItemFailures": [{"itemIdentifier": "b"}]}, {"b"}),
        ({"batchItemFailures": [{"itemIdentifier": "unknown"}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, {"a", "b"}),
        ({"batchItemFailures": [{"id": "b"}]}, {"a", "b"}),
        ({"batchItemFailures": ["b"]}, {"a", "b"}),
        ({"batchItemFailures": "b"}, {"a", "b"}),
        ("text", {"a", "b"}),
    ],
)
def test_a_report_is_read_as_lambda_reads_it(answer: object, back: set[str]) -> None:
    assert sqs_event.returned(answer, ["a", "b"]) == back


def test_a_batch_is_cut_before_its_payload_is_too_large() -> None:
    large = [message("x" * 1_000_000) for _ in range(10)]
    assert [len(part) for part in sqs_event.parts(large)] == [6, 4]
