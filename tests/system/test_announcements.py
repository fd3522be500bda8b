"""What is told when a job has ended."""

import json
import time
from typing import Any

import pytest
from tests.system.conftest import TEXTS, Pipeline

from localaws.cloud import LocalCloud


class Listener:
    """A queue of somebody's own that hears what the topic of ended jobs tells."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._sqs = cloud.session().client("sqs")
        self._url: str = self._sqs.create_queue(QueueName="listener")["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        cloud.session().client("sns").subscribe(
            TopicArn=cloud.outputs["EndedTopic"],
            Protocol="sqs",
            Endpoint=arn,
            Attributes={"RawMessageDelivery": "true"},
        )

    def heard_of(self, job: str) -> dict[str, Any]:
        """The event of this job; others are passed over."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            for message in self._sqs.receive_message(QueueUrl=self._url, WaitTimeSeconds=1).get("Messages", []):
                event: dict[str, Any] = json.loads(message["Body"])
                if event["detail"]["job"] == job:
                    return event
        raise AssertionError(f"nothing was told of job {job}")


@pytest.fixture(scope="module")
def listener(cloud: LocalCloud) -> Listener:
    return Listener(cloud)


@pytest.mark.parametrize(
    ("name", "content", "state"),
    [("well.csv", b"text\nso good\n", "SUCCEEDED"), ("open.csv", b'text\nso bad\n"so good\n', "FAILED")],
)
def test_a_job_that_has_ended_is_announced_with_its_summary(
    pipeline: Pipeline, listener: Listener, name: str, content: bytes, state: str
) -> None:
    summary = pipeline.drop(name, content).summary
    event = listener.heard_of(summary["job"])
    assert (event["source"], event["detail-type"]) == ("fanfold.fanfold", "Fanfold Job Ended")
    assert {**event["detail"], "details": "", "evaluation": None, "labels": summary["labels"]} == {"v": 1, **summary}
    assert event["detail"]["state"] == state
    assert not any(text in json.dumps(event) for text in TEXTS)
