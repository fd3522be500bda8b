"""S3, SQS, SNS and EventBridge as ministack has them, and DynamoDB as dynalite has it: HTTP in the place of moto.

Somebody has started both, for this process alone: `SIMULATION_AWS` and `SIMULATION_DYNAMODB` say where they are. What
the template says of functions and queues still comes from moto's stack. No run is another's repetition to the last
byte, since versions, and so jobs, have random ids here.
"""

import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.request import Request, urlopen

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.httpsession import URLLib3Session
from tests.simulation.cloud import Sent
from tests.simulation.clouds.moto import MotoCloud

from fanfold.project import find_root
from fanfold_core.aws.ledger import DynamoLedger
from fanfold_core.domain.errors import UnknownJobError
from fanfold_core.domain.job import Chunk, JobRecord
from localaws import template
from localaws.functions.workers import Function

_LONGEST_SECONDS = 43_200
_PATIENCE_SECONDS, _BLINK_SECONDS = 10, 0.01
_TABLE = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")


class MinistackCloud:
    """The stack's resources on both services, made anew for each run."""

    def __init__(self, stack: MotoCloud) -> None:
        self.outputs, self.functions, self.mappings = stack.outputs, stack.functions, stack.mappings
        self.output_path = stack.output_path
        self._stack = stack
        # Not before: moto's stack is made without them.
        self._url = os.environ["AWS_ENDPOINT_URL"] = os.environ["SIMULATION_AWS"]
        os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = os.environ["SIMULATION_DYNAMODB"]
        self._queues = {arn.rpartition(":")[2]: arn for arn in stack.queue_arns}
        self._uploads, self._outcomes = (
            next(name for name in self._queues if f"{queue}Queue" in name) for queue in ("Uploads", "Outcomes")
        )
        self._delays: dict[str, int] = {}
        self._written: set[str] = set()
        # As botocore's own clients do, or each request waits for what the kernel calls a delayed acknowledgement.
        promptly: Any = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        self._http = URLLib3Session(socket_options=promptly)
        # Between what an execution does before a request and what it meets after: as moto's own answers are.
        events: Any = boto3.DEFAULT_SESSION.events  # type: ignore[union-attr] # moto's cloud has set it up
        events.register("before-send", self._answer)
        self._s3, self._sqs, self._sns = boto3.client("s3"), boto3.client("sqs"), boto3.client("sns")
        self._dynamodb = boto3.resource("dynamodb")
        self._table = self._dynamodb.Table(self.outputs["LedgerTable"])
        # Its clock is asked for writes only.
        self._ledger = DynamoLedger(self._table, lambda: (_ for _ in ()).throw(AssertionError))
        self._properties = template.load(find_root()).body["Resources"]["Ledger"]["Properties"]

    @property
    def parts(self) -> Mapping[str, Callable[[Any], Any]]:
        return {}

    def empty(self) -> None:
        with urlopen(Request(f"{self._url}/_ministack/reset", method="POST")):  # noqa: S310 # ours
            pass
        self._make_ledger()
        for bucket in ("InputBucket", "OutputBucket"):
            self._s3.create_bucket(Bucket=self.outputs[bucket])
        self._urls = {name: self._sqs.create_queue(QueueName=name)["QueueUrl"] for name in self._queues}
        self._sns.create_topic(Name=self.outputs["EndedTopic"].rpartition(":")[2])
        bucket = self.outputs["InputBucket"]
        self._s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        told: Any = {"QueueArn": self._queues[self._uploads], "Events": ["s3:ObjectCreated:*"]}
        self._s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [told]}
        )
        # What S3 sends to say that it may.
        list(self._received(self._uploads))
        self._delays.clear()
        self._written.clear()

    def upload(self, key: str, content: bytes, metadata: Mapping[str, str]) -> str:
        bucket = self.outputs["InputBucket"]
        version = self._s3.put_object(Bucket=bucket, Key=key, Body=content, Metadata=metadata)["VersionId"]
        self._written.add(self._uploads)
        return version

    def sent(self) -> Iterator[Sent]:
        written, self._written = sorted(self._written), set()
        for name in written:
            until = time.monotonic() + _PATIENCE_SECONDS
            found = list(self._received(name))
            while not found and time.monotonic() < until:
                found = list(self._received(name))
            for message in found:
                identity = message["MessageId"]
                yield Sent(self._queues[name], identity, message["Body"], self._delays.pop(identity, 0))

    def notify(self, notification: str) -> None:
        self._sqs.send_message(QueueUrl=self._urls[self._outcomes], MessageBody=notification)
        self._written.add(self._outcomes)

    def function(self, name: str) -> Function:
        return self._stack.function(name)

    def job(self, job_id: str) -> JobRecord | None:
        try:
            return self._ledger.job(job_id)
        except UnknownJobError:
            return None

    def chunk(self, job_id: str, number: int) -> Chunk:
        return self._ledger.chunk(job_id, number)

    def read(self, key: str) -> bytes | None:
        try:
            return self._s3.get_object(Bucket=self.outputs["OutputBucket"], Key=key)["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return None

    def write(self, location: str, content: bytes) -> None:
        bucket, _, key = location.removeprefix("s3://").partition("/")
        self._s3.put_object(Bucket=bucket, Key=key, Body=content)

    def _make_ledger(self) -> None:
        client, name = self._dynamodb.meta.client, self.outputs["LedgerTable"]
        if name in client.list_tables()["TableNames"]:
            client.delete_table(TableName=name)
        while name in client.list_tables()["TableNames"]:
            time.sleep(_BLINK_SECONDS)
        client.create_table(TableName=name, **{part: self._properties[part] for part in _TABLE})
        while client.describe_table(TableName=name)["Table"]["TableStatus"] != "ACTIVE":
            time.sleep(_BLINK_SECONDS)

    def _received(self, name: str) -> Iterator[Any]:
        """Take messages out of a queue; none of them is to be seen again."""
        while found := self._sqs.receive_message(
            QueueUrl=self._urls[name], MaxNumberOfMessages=10, VisibilityTimeout=_LONGEST_SECONDS
        ).get("Messages"):
            yield from found

    def _answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        """The services' answer to a request; moto's to one that isn't for them."""
        if not request.url.startswith("http://127.0.0.1:"):
            return None
        target: Any = request.headers.get("X-Amz-Target", b"")
        if not target.endswith(b"SendMessageBatch"):
            return self._http.send(request)
        # Delays are the simulation's to observe: its clock is not the services'.
        body: Any = request.body
        content = json.loads(body)
        delays = {entry["Id"]: entry.pop("DelaySeconds", 0) for entry in content["Entries"]}
        request.body = json.dumps(content).encode()
        del request.headers["Content-Length"]
        request.headers["Content-Length"] = str(len(request.body))
        answer = self._http.send(request)
        for taken in json.loads(answer.content).get("Successful", ()):
            self._delays[taken["MessageId"]] = delays[taken["Id"]]
        self._written.add(content["QueueUrl"].rpartition("/")[2])
        return answer
