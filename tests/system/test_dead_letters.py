"""A message that can never succeed ends among the dead letters, its reason in the log, while the others go on."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.system.conftest import Pipeline

from fanfold.client import LOCAL_PARAMETERS
from fanfold.project import find_root
from localaws.cloud import LocalCloud
from localaws.conditions import Conditions

NOBODY = {"v": 1, "job": "nobody-0123456789abcdef"}
NEVER = {"Records": [{"s3": {"bucket": {"name": "fanfold-input-123456789012-us-east-1"}, "object": {"key": "no.csv"}}}]}
SUCCESS = {
    "invocationStatus": "Completed",
    "inferenceId": "nobody-0123456789abcdef/0/0000000-0001/1",
    "responseParameters": {"outputLocation": "s3://fanfold-output-123456789012-us-east-1/async/nothing.json"},
}
# Queue, function, message, and the words in the function's log.
HOPELESS: list[tuple[str, str, Any, str]] = [
    ("Uploads", "Splitter", "no json", "MalformedMessageError: a message that is not JSON"),
    ("Uploads", "Splitter", NEVER, "ObjectGoneError: s3://fanfold-input-123456789012-us-east-1/no.csv no longer"),
    ("Uploads", "Splitter", NOBODY, "UnknownJobError: the ledger has no job nobody-0123456789abcdef"),
    ("Chunks", "Dispatcher", {**NOBODY, "chunk": True}, "MalformedMessageError: a number that is invalid"),
    ("Sweeps", "Sweeper", {**NOBODY, "v": 2}, "a message of version 2, but this code only knows version 1"),
    ("Chunks", "Dispatcher", {**NOBODY, "chunk": 0}, "UnknownJobError: the ledger has no job"),
    ("Outcomes", "Collector", "[" * 50_000, "MalformedMessageError: a message that is not JSON"),
    ("Outcomes", "Collector", SUCCESS, "UnknownJobError: the ledger has no job"),
    ("Assembly", "Assembler", {"job": "../.."}, "MalformedMessageError: a message without a job"),
    ("Assembly", "Assembler", NOBODY, "UnknownJobError: the ledger has no job"),
    ("Sweeps", "Sweeper", {**NOBODY, "start": 0}, "UnknownJobError: the ledger has no job"),
]


@pytest.fixture(scope="module")
def hasty_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hasty")


@pytest.fixture(scope="module")
def hasty(hasty_logs: Path) -> Iterator[LocalCloud]:
    """A cloud in which what failed comes again after two seconds, not after nine minutes."""
    conditions = Conditions(redelivery_seconds=2)
    with LocalCloud(find_root(), parameters=LOCAL_PARAMETERS, log_dir=hasty_logs, conditions=conditions) as cloud:
        yield cloud


def queue_url(cloud: LocalCloud, logical_id: str) -> str:
    stack = cloud.session().client("cloudformation")
    found = stack.describe_stack_resource(StackName=cloud.stack_name, LogicalResourceId=logical_id)
    url: str = found["StackResourceDetail"]["PhysicalResourceId"]
    return url


def dead_letters(cloud: LocalCloud, queue: str, expected: int) -> list[str]:
    """What comes to lie among a queue's dead letters within a minute."""
    sqs, url = cloud.session().client("sqs"), queue_url(cloud, f"{queue}DeadLetters")
    found: list[str] = []
    deadline = time.monotonic() + 60
    while len(found) < expected and time.monotonic() < deadline:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=2)
        found += [message["Body"] for message in answer.get("Messages", [])]
    return found


def test_hopeless_messages_end_among_the_dead_letters_while_a_file_is_worked_on(
    hasty: LocalCloud, hasty_logs: Path, tmp_path: Path
) -> None:
    bodies: dict[str, list[str]] = {}
    for queue, _, message, _ in HOPELESS:
        body = message if isinstance(message, str) else json.dumps(message)
        bodies.setdefault(queue, []).append(body)
        hasty.session().client("sqs").send_message(QueueUrl=queue_url(hasty, f"{queue}Queue"), MessageBody=body)
    finished = Pipeline(hasty, tmp_path).run("good.csv", b"text\nso good\nso bad\n")
    assert (finished.summary["state"], finished.summary["rows"]) == ("SUCCEEDED", 2)
    for queue, expected in bodies.items():
        assert sorted(dead_letters(hasty, queue, len(expected))) == sorted(expected)
    for _, function, _, words in HOPELESS:
        assert words in (hasty_logs / f"{function}Function.log").read_text()
    assert hasty.wait_idle(60)
