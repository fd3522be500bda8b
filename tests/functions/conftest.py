"""The stack without its pollers: functions run when a test invokes them, in their own environment and role."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from fanfold.client import LOCAL_PARAMETERS
from fanfold.project import find_root
from fanfold_core.aws.ledger import DynamoLedger
from fanfold_core.domain.job import Chunk, JobRecord, Model, Source
from fanfold_core.domain.options import Options
from fanfold_core.input.layout import Layout
from localaws.cloud import LocalCloud

EVENTS = find_root() / "events"
# The names are those of the events; files may have no options that cost more.
AS_DEPLOYED = {**LOCAL_PARAMETERS, "CostlierOptions": "refuse"}
NOTHING_FAILED: dict[str, list[str]] = {"batchItemFailures": []}
# What the events of events/ are about. The last row has no text.
KEY = "2026/space plus+file (1).csv"
CONTENT = b"id,text\r\n1,so good\r\n2,never again\r\n3,\r\n"


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with pytest.MonkeyPatch.context() as patched:
        # Queues are emptied before each test; SQS, and moto as it is set, allow that once a minute.
        patched.setenv("MOTO_SQS_ENFORCE_STRICT_QUEUE_PURGE_BEHAVIOUR", "false")
        logs = tmp_path_factory.mktemp("logs")
        with LocalCloud(find_root(), parameters=AS_DEPLOYED, run_functions=False, log_dir=logs) as cloud:
            yield cloud


def event(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return found


def body(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(event(name)["Records"][0]["body"])
    return found


class System:
    """The cloud as a test looks at it."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.s3 = cloud.session().client("s3")
        self.table = cloud.session().resource("dynamodb").Table(cloud.outputs["LedgerTable"])
        self.ledger = DynamoLedger(self.table, lambda: datetime.now(UTC))
        self._sqs = cloud.session().client("sqs")
        self._stack = cloud.session().client("cloudformation")

    def invoke(self, function: str, name: str) -> object:
        """Hand an event of events/ to a function."""
        return self.cloud.invoke(f"{function}Function", event(name))

    def messages(self, queue: str, expected: int = 0) -> list[dict[str, Any]]:
        """Take what waits in a queue; wait up to ten seconds for so many messages."""
        url = self._url(queue)
        found: list[dict[str, Any]] = []
        while received := self._sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=10 if len(found) < expected else 0
        ).get("Messages"):
            for message in received:
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"]))
        return found

    def empty(self, queue: str) -> None:
        """Forget what waits in a queue, now or later."""
        self._sqs.purge_queue(QueueUrl=self._url(queue))

    def _url(self, queue: str) -> str:
        resource = self._stack.describe_stack_resource(StackName="fanfold", LogicalResourceId=f"{queue}Queue")
        return str(resource["StackResourceDetail"]["PhysicalResourceId"])

    def forget(self) -> None:
        """Empty the ledger and the output bucket."""
        for item in self.table.scan()["Items"]:
            self.table.delete_item(Key={"pk": item["pk"], "sk": item["sk"]})
        bucket = self.cloud.outputs["OutputBucket"]
        for found in self.s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            self.s3.delete_object(Bucket=bucket, Key=found["Key"])

    def read(self, key: str) -> str:
        """An object of the output bucket."""
        content = self.s3.get_object(Bucket=self.cloud.outputs["OutputBucket"], Key=key)["Body"].read()
        return str(content.decode())


@pytest.fixture(scope="session")
def started(cloud: LocalCloud) -> System:
    return System(cloud)


@pytest.fixture
def system(started: System) -> System:
    for queue in ("Uploads", "Chunks", "Outcomes", "Assembly", "Sweeps"):
        started.empty(queue)
    return started


@pytest.fixture
def job(system: System) -> Callable[..., JobRecord]:
    """Makes the job that the events are about anew."""
    return partial(make_job, system)


def make_job(system: System, endpoint: str = "fanfold", **options: Any) -> JobRecord:
    """The job that the events are about, and no other: one chunk of three rows, stored and released."""
    identity = body("chunk")["job"]
    system.forget()
    bucket = system.cloud.outputs["InputBucket"]
    put = system.s3.put_object(Bucket=bucket, Key=KEY, Body=CONTENT)
    system.messages("Uploads", expected=1)
    created = JobRecord(
        id=identity,
        source=Source(bucket, KEY, put["VersionId"], put["ETag"], len(CONTENT)),
        options=Options(rows_per_request=2, **options),
        model=Model(endpoint, "", ""),
        created=datetime.now(UTC),
        expires=int((datetime.now(UTC) + timedelta(days=1)).timestamp()),
        part_bytes=5 * 1024 * 1024,
    )
    created = system.ledger.create(created)
    layout = Layout(("id", "text"), has_header=True, input_index=1, first_byte=9, blank_is_row=False)
    created = system.ledger.set_layout(identity, layout)
    created = system.ledger.store(created, Chunk(0, 9, len(CONTENT), 0, 3, part_weight=30), None)
    system.ledger.raise_released(identity, 1)
    return system.ledger.set_total(identity, 1, 3)
