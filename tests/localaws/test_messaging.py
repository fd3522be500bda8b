"""Queues and webhooks of the local cloud."""

import json
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.events.models import EventsBackend, events_backends

from localaws.cloud import LocalCloud
from localaws.server import webhooks

REGION = "eu-west-1"
EVENT = {"ingestion-time": "2023-11-14T22:13:20Z", "detail": {"job": "j-1"}}


def test_a_group_of_few_messages_does_not_wait_for_one_of_many(cloud: LocalCloud) -> None:
    sqs = cloud.session().client("sqs")
    url = sqs.create_queue(QueueName=f"fair-{uuid.uuid4().hex}")["QueueUrl"]

    def send(group: str | None, *bodies: str) -> None:
        grouped = {"MessageGroupId": group} if group else {}
        entries = [{"Id": str(number), "MessageBody": body, **grouped} for number, body in enumerate(bodies)]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)

    def receive(count: int) -> list[str]:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=count)
        return [message["Body"] for message in answer.get("Messages", [])]

    send("large", *(f"large {number}" for number in range(10)))
    assert receive(2) == ["large 0", "large 1"]
    send("small", "small 0", "small 1")
    send(None, "alone")
    assert receive(5) == ["large 2", "small 0", "alone", "large 3", "small 1"]
    assert receive(10) == [f"large {number}" for number in range(4, 10)]


@pytest.fixture
def events() -> Iterator[EventsBackend]:
    """EventBridge in this process, with a connection."""
    with mock_aws():
        backend = events_backends[DEFAULT_ACCOUNT_ID][REGION]
        key = {"ApiKeyName": "X-Key", "ApiKeyValue": "k"}
        backend.create_connection("chat", "", "API_KEY", {"ApiKeyAuthParameters": key})
        yield backend


def target_of(events: EventsBackend, address: str) -> dict[str, Any]:
    """A rule's target: the webhook at an address, a role that may call it, and a queue for what doesn't arrive."""
    events.create_api_destination("chat", "", events.connections["chat"].arn, address, "", "POST")
    iam, sqs = boto3.client("iam", region_name=REGION), boto3.client("sqs", region_name=REGION)
    role = iam.create_role(RoleName="rule", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    may = {"Effect": "Allow", "Action": "events:InvokeApiDestination", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    iam.put_role_policy(RoleName="rule", PolicyName="call", PolicyDocument=document)
    url = sqs.create_queue(QueueName="letters")["QueueUrl"]
    letters = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    template = {"InputPathsMap": {"job": "$.detail.job"}, "InputTemplate": '{"text": "<job>"}'}
    arn = events.destinations["chat"].arn
    return {"Arn": arn, "RoleArn": role, "DeadLetterConfig": {"Arn": letters}, "InputTransformer": template}


def send(target: dict[str, Any]) -> list[dict[str, Any]]:
    """Send the event, and wait; the dead letters."""
    before = set(threading.enumerate())
    webhooks.send(target, EVENT, REGION)
    for thread in set(threading.enumerate()) - before:
        thread.join()
    sqs = boto3.client("sqs", region_name=REGION)
    url = sqs.get_queue_url(QueueName="letters")["QueueUrl"]
    return [json.loads(message["Body"]) for message in sqs.receive_message(QueueUrl=url).get("Messages", [])]


def answering(listener: socket.socket, answer: bytes) -> threading.Thread:
    """Take one request, and answer it so."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(answer)

    listener.settimeout(60)
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("answer", "letters"),
    [(b"HTTP/1.1 204 No Content\r\n\r\n", []), (b"HTTP/1.1 500 No\r\n\r\n", [EVENT]), (b"nonsense\r\n", [EVENT])],
    ids=["taken", "refused", "no HTTP"],
)
def test_what_a_webhook_does_not_take_is_a_dead_letter_and_its_connection_is_closed(
    events: EventsBackend, monkeypatch: pytest.MonkeyPatch, answer: bytes, letters: list[object]
) -> None:
    closed: list[object] = []
    close = HTTPConnection.close

    def noted(self: HTTPConnection) -> None:
        closed.append(self)
        close(self)

    monkeypatch.setattr(HTTPConnection, "close", noted)
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        target = target_of(events, f"http://127.0.0.1:{listener.getsockname()[1]}/hook")
        thread = answering(listener, answer)
        assert send(target) == letters
        thread.join()
    assert closed


@pytest.mark.parametrize("gone", ["destination", "connection", "role", "key"])
def test_an_event_whose_webhook_is_no_longer_there_is_a_dead_letter(
    events: EventsBackend, caplog: pytest.LogCaptureFixture, gone: str
) -> None:
    target = target_of(events, "http://127.0.0.1:9/hook")
    match gone:
        case "destination":
            events.destinations.clear()
        case "connection":
            events.connections.clear()
        case "role":
            target["RoleArn"] += "-of-nobody"
        case "key":
            events.connections["chat"].auth_parameters.clear()
    assert send(target) == [EVENT]
    assert target["Arn"] in caplog.text


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:port/",
        "http://127.0.0.1:0/",
        "http://[::1",
        "http://example.com/",
        "https://127.0.0.1/",
    ],
)
def test_only_an_address_of_this_machine_is_a_webhooks(events: EventsBackend, address: str) -> None:
    with pytest.raises(ValueError, match="this machine only: http://127"):
        webhooks.check_address(address)
    # EventBridge's own API takes it.
    assert send(target_of(events, address)) == [EVENT]


@pytest.mark.parametrize("address", ["http://127.0.0.1:8080/hook?sig=1", "http://localhost/"])
def test_an_address_of_this_machine_is_taken_as_it_is(address: str) -> None:
    assert webhooks.check_address(address) == address
