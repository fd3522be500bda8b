"""What is told when a job has ended."""

import json
import queue
import threading
import time
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.system.conftest import TEXTS, Pipeline

from fanfold.project import find_root
from localaws.cloud import LocalCloud
from localaws.template import load


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
        until = time.monotonic() + 60
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
    assert {**event["detail"], "details": "", "evaluation": None, "departure": None, "labels": summary["labels"]} == {
        "v": 1,
        **summary,
    }
    assert event["detail"]["state"] == state
    assert not any(text in json.dumps(event) for text in TEXTS)


class Webhook(HTTPServer):
    """A chat's webhook: its address is a secret, and it takes a message or, on request, refuses it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Posted)
        self.address = f"http://127.0.0.1:{self.server_port}/services/T0"
        self.status = 200
        self.messages: queue.SimpleQueue[tuple[str, str | None, Any]] = queue.SimpleQueue()

    def heard_of(self, job: str) -> tuple[str, str | None, Any]:
        """Path, header and body of the message about this job; others are passed over."""
        while job not in str(message := self.messages.get(timeout=60)):
            pass
        return message


class _Posted(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self.server.status)
        self.end_headers()
        self.server.messages.put((self.path, self.headers["X-Fanfold-Stack"], body))

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nobody reads it."""


def deploy(cloud: LocalCloud, **chosen: str) -> None:
    """Update the stack; parameters that are not given keep their values."""
    client = cloud.session().client("cloudformation")
    (stack,) = client.describe_stacks(StackName=cloud.stack_name)["Stacks"]
    kept = {it["ParameterKey"]: it["ParameterValue"] for it in stack["Parameters"]}
    client.update_stack(
        StackName=cloud.stack_name,
        TemplateBody=load(find_root()).text,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in {**kept, **chosen}.items()],
        Capabilities=["CAPABILITY_IAM"],
    )


def secret(cloud: LocalCloud, text: str) -> str:
    made = cloud.session().client("secretsmanager").create_secret(Name=str(uuid.uuid4()), SecretString=text)
    return str(made["ARN"])


@pytest.fixture(scope="module")
def webhook(cloud: LocalCloud) -> Iterator[Webhook]:
    with Webhook() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        deploy(cloud, WebhookSecretArn=secret(cloud, server.address))
        yield server
        deploy(cloud, WebhookSecretArn="")
        server.shutdown()
    events = cloud.session().client("events")
    assert (events.list_api_destinations()["ApiDestinations"], events.list_connections()["Connections"]) == ([], [])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("fine.csv", b"text\nso good\nso bad\n", "SUCCEEDED: 2 of 2 rows predicted, 0 failed"),
        ('<!channel> "a".csv', b'<!here>,"<@U1> ""b"""\nso good,so bad\n', "FAILED: 0 of 0 rows predicted, 0 failed"),
    ],
)
def test_a_webhook_is_told_in_words_that_no_chat_takes_for_markup(
    pipeline: Pipeline, webhook: Webhook, name: str, content: bytes, said: str
) -> None:
    job = pipeline.drop(name, content).summary["job"]
    path, stack, body = webhook.heard_of(job)
    words = f"Job {job} of stack fanfold ended {said}. `fanfold status {job} --stack fanfold` tells more."
    assert (path, stack, body) == ("/services/T0", "fanfold", {"text": words})
    assert not set('<>&@"\n') & set(words)


def test_what_a_webhook_refuses_is_among_the_letters_that_nobody_could_deliver(
    cloud: LocalCloud, pipeline: Pipeline, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "status", 404)
    job = pipeline.drop("refused.csv", b"text\nso good\n").summary["job"]
    webhook.heard_of(job)
    session = cloud.session()
    letters = session.client("cloudformation").describe_stack_resource(
        StackName=cloud.stack_name, LogicalResourceId="UndeliveredDeadLetters"
    )
    url = letters["StackResourceDetail"]["PhysicalResourceId"]
    (letter,) = session.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    assert json.loads(letter["Body"])["detail"]["job"] == job
    session.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=letter["ReceiptHandle"])


def test_a_webhook_has_the_address_of_the_latest_secret_and_one_elsewhere_is_refused(
    cloud: LocalCloud, pipeline: Pipeline, webhook: Webhook
) -> None:
    deploy(cloud, WebhookSecretArn=secret(cloud, f"{webhook.address}?sig=xyz"))
    with pytest.raises(ClientError, match="calls webhooks on this machine only"):
        deploy(cloud, WebhookSecretArn=secret(cloud, "https://hooks.example.com/services/T0"))
    job = pipeline.drop("moved.csv", b"text\nso good\n").summary["job"]
    path, _, _ = webhook.heard_of(job)
    assert path == "/services/T0?sig=xyz"
    deploy(cloud, WebhookSecretArn=secret(cloud, webhook.address))
