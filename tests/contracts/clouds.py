"""What the ports lead to: memory, or the adapters on services as moto has them, in this process."""

import functools
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import boto3
from tests.fakes.ledger import MemoryLedger
from tests.fakes.messages import MemoryAnnouncements, MemoryDeadLetters, MemoryQueues, Message
from tests.fakes.store import MemoryStore
from tests.fakes.values import INPUT, OUTPUT

from fanfold.project import find_root
from fanfold_core.app.ports import Announcements, DeadLetters, Ledger, Queues, Store
from fanfold_core.aws.dead_letters import SqsDeadLetters
from fanfold_core.aws.events import AwsAnnouncements
from fanfold_core.aws.ledger import DynamoLedger
from fanfold_core.aws.messages import SqsQueues
from fanfold_core.aws.store import S3Store
from localaws import template

_QUEUES = ("Uploads", "Chunks", "Outcomes", "Assembly", "Sweeps")
_SOURCE = "fanfold"
# Queues that hear of announcements.
_LISTENERS = ("Bus", "Topic")


class Cloud(Protocol):
    """Makes what a port is for, and shows what has come of it."""

    def ledger(self, now: Callable[[], datetime]) -> Ledger:
        """An empty ledger."""

    @property
    def store(self) -> Store:
        """Objects of both buckets."""

    @property
    def queues(self) -> Queues:
        """All queues."""

    @property
    def dead_letters(self) -> DeadLetters:
        """Those of all functions."""

    @property
    def announcements(self) -> Announcements:
        """Whoever listens."""

    def upload(self, key: str, content: bytes, metadata: Mapping[str, str]) -> str:
        """Put an object into the input bucket; its version."""

    def delete(self, key: str) -> None:
        """Throw an object of the input bucket away."""

    def taken(self) -> Sequence[Message]:
        """Take what has been sent."""

    def announced(self) -> Sequence[Mapping[str, Any]]:
        """What has been announced."""

    def put_dead_letter(self, function: str, body: str) -> None:
        """Have a message die in a function."""

    def count_dead_letters(self) -> int:
        """How many there are, read or not."""


class Memory:
    """The fakes."""

    def __init__(self) -> None:
        self.store, self.queues, self.announcements = MemoryStore(OUTPUT), MemoryQueues(), MemoryAnnouncements()
        self.dead_letters = MemoryDeadLetters()

    def ledger(self, now: Callable[[], datetime]) -> Ledger:
        return MemoryLedger(now)

    def upload(self, key: str, content: bytes, metadata: Mapping[str, str]) -> str:
        return self.store.upload(INPUT, key, content, metadata)

    def delete(self, key: str) -> None:
        self.store.delete(INPUT, key)

    def taken(self) -> Sequence[Message]:
        taken, self.queues.sent = self.queues.sent, []
        return taken

    def announced(self) -> Sequence[Mapping[str, Any]]:
        return self.announcements.made

    def put_dead_letter(self, function: str, body: str) -> None:
        self.dead_letters.put(function, body)

    def count_dead_letters(self) -> int:
        return len(self.dead_letters.bodies)


class Services:
    """The adapters; to be made while moto takes AWS's place."""

    def __init__(self) -> None:
        session = boto3.Session(region_name=template.REGION)
        self.dynamodb, self.s3, self.sqs = session.resource("dynamodb"), session.client("s3"), session.client("sqs")
        self._tables = itertools.count()
        for bucket in (INPUT, OUTPUT):
            self.s3.create_bucket(Bucket=bucket)
        self.s3.put_bucket_versioning(Bucket=INPUT, VersioningConfiguration={"Status": "Enabled"})
        self._urls = {name: self.sqs.create_queue(QueueName=name)["QueueUrl"] for name in (*_QUEUES, *_LISTENERS)}
        self.store = S3Store(self.s3, OUTPUT)
        self.queues = SqsQueues(self.sqs, **{name.lower(): self._urls[name] for name in _QUEUES})
        self._dead = {
            function: self.sqs.create_queue(QueueName=f"{function}-dead")["QueueUrl"]
            for function in ("splitter", "assembler")
        }
        self.dead_letters = SqsDeadLetters(self.sqs, self._dead)
        self.announcements = self._announcements(session)

    def ledger(self, now: Callable[[], datetime]) -> Ledger:
        properties = {name: _table()[name] for name in ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")}
        name = f"ledger-{next(self._tables)}"
        return DynamoLedger(
            self.dynamodb.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **properties), now
        )

    def upload(self, key: str, content: bytes, metadata: Mapping[str, str]) -> str:
        return self.s3.put_object(Bucket=INPUT, Key=key, Body=content, Metadata=metadata)["VersionId"]

    def delete(self, key: str) -> None:
        self.s3.delete_object(Bucket=INPUT, Key=key)

    def taken(self) -> Sequence[Message]:
        return [message for name in _QUEUES for message in self._receive(name)]

    def announced(self) -> Sequence[Mapping[str, Any]]:
        on_the_bus, on_the_topic = (
            [json.loads(message.body)["detail"] for message in self._receive(name)] for name in _LISTENERS
        )
        assert on_the_bus == on_the_topic
        return on_the_topic

    def put_dead_letter(self, function: str, body: str) -> None:
        self.sqs.send_message(QueueUrl=self._dead[function], MessageBody=body)

    def count_dead_letters(self) -> int:
        found = (
            self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            for url in self._dead.values()
        )
        return sum(
            int(count["ApproximateNumberOfMessages"]) + int(count["ApproximateNumberOfMessagesNotVisible"])
            for count in found
        )

    def _receive(self, name: str) -> list[Message]:
        found = []
        while received := self.sqs.receive_message(QueueUrl=self._urls[name], MaxNumberOfMessages=10).get("Messages"):
            for message in received:
                self.sqs.delete_message(QueueUrl=self._urls[name], ReceiptHandle=message["ReceiptHandle"])
                found.append(Message(name, message["Body"]))
        return found

    def _announcements(self, session: boto3.Session) -> AwsAnnouncements:
        self.events = events = session.client("events")
        sns = session.client("sns")
        bus, topic = (
            self.sqs.get_queue_attributes(QueueUrl=self._urls[name], AttributeNames=["QueueArn"])["Attributes"][
                "QueueArn"
            ]
            for name in _LISTENERS
        )
        events.put_rule(Name="announcements", EventPattern=json.dumps({"source": [_SOURCE]}))
        events.put_targets(Rule="announcements", Targets=[{"Id": "queue", "Arn": bus}])
        arn = sns.create_topic(Name="ended")["TopicArn"]
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=topic, Attributes={"RawMessageDelivery": "true"})
        return AwsAnnouncements(events, sns, _SOURCE, arn)


@functools.cache
def _table() -> Mapping[str, Any]:
    """The ledger as the template has it."""
    properties: Mapping[str, Any] = template.load(find_root()).body["Resources"]["Ledger"]["Properties"]
    return properties
