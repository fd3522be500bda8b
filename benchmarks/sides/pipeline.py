"""Takes a file of so many rows the whole pipeline, in one process on moto, and counts every call to AWS.

Lambda's own calls count, too: it takes messages from a queue and deletes them, up to ten in a call. What SageMaker and
SNS do among themselves doesn't. Prints calls by service and operation, and processor time of collecting. With how many
rows one changes in, and how many go into a request, it prints the requests of both days.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import boto3
from benchmarks.sides.units import Units
from moto import mock_aws

from fanfold.project import find_root
from fanfold_core.aws import events
from fanfold_core.aws.messages import Assemble, Dispatch
from fanfold_core.aws.wiring import wire_assembler, wire_collector, wire_dispatcher, wire_splitter
from fanfold_core.domain.job import State
from localaws import template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from fanfold_core.domain.job import JobRecord
    from fanfold_core.domain.requests import Postponed, Request

ROWS_PER_REQUEST = 32
# As template.yaml has it: messages that the collector is handed at once.
OUTCOMES_PER_BATCH = 100
MESSAGES_PER_CALL = 10
QUEUES = ("uploads", "chunks", "outcomes", "assembly")
TABLE = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "TABLE_NAME": "ledger",
    "OUTPUT_BUCKET": "output",
    "ENDPOINT_NAME": "tweets",
    "ENDPOINT_CONFIG": "",
    "MODEL": "",
    "TASK": "",
    "MODEL_REVISION": "",
    "WINDOW_CHUNKS": "4",
    "EVENT_SOURCE": "fanfold",
    "ENDED_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:ended",
    "RETENTION_DAYS": "30",
    "MAX_ROWS": "100000000",
    "MAX_BYTES": "1099511627776",
    "JOB_DEFAULTS": json.dumps({"rows-per-request": ROWS_PER_REQUEST, "parameters": {}}),
    "COSTLIER_OPTIONS": "allow",
}


@dataclass(slots=True)
class Model:
    """An endpoint that takes everything and answers at once."""

    calls: Counter[str]
    outcomes: list[str] = field(default_factory=list)

    def send(self, _endpoint: str, requests: Sequence[Request], _ttl_seconds: int) -> list[Postponed]:
        """Answer as SageMaker's notifications do."""
        self.calls["sagemaker-runtime:InvokeEndpointAsync"] += len(requests)
        for request in requests:
            results = json.dumps([{"label": "LABEL_2", "score": 0.98765}] * request.id.span.rows)
            notification = {
                "invocationStatus": "Completed",
                "inferenceId": str(request.id),
                "responseParameters": {"outputLocation": f"s3://output/async/{request.folder}/{request.id.filename}"},
                "responseBody": {"content": base64.b64encode(results.encode()).decode(), "encoding": "BASE64"},
            }
            self.outcomes.append(json.dumps(notification))
        return []


@dataclass(slots=True)
class Pipeline:
    """All steps, and the queues between them."""

    calls: Counter[str] = field(default_factory=Counter)
    units: Units = field(default_factory=Units)
    invocations: int = 0
    collecting: float = 0

    def run(self, files: Sequence[str], metadata: Mapping[str, str]) -> Iterator[JobRecord]:
        """Take files from upload to results, each since the job of the one before; the jobs that have ended."""
        boto3.setup_default_session()
        assert boto3.DEFAULT_SESSION  # noqa: S101 - just set
        urls = self._build(boto3.DEFAULT_SESSION)
        s3 = boto3.client("s3")
        boto3.DEFAULT_SESSION.events.register("before-call", self._count)
        boto3.DEFAULT_SESSION.events.register("before-call.dynamodb", self.units.before)
        boto3.DEFAULT_SESSION.events.register("after-call.dynamodb", self.units.after)
        environ = os.environ | {f"{name}_queue_url".upper(): url for name, url in urls.items()}
        model = Model(self.calls)
        splitter, collector, assembler = wire_splitter(environ), wire_collector(environ), wire_assembler(environ)
        dispatcher = replace(wire_dispatcher(environ), endpoint=model)
        for text in files:
            uploaded = s3.put_object(Bucket="input", Key="tweets.csv", Body=text.encode(), Metadata=metadata)
            self.calls["s3:PutObject"] -= 1  # the user's
            self._received(1)
            job = splitter.begin("input", "tweets.csv", uploaded["VersionId"], in_time)
            while not job.state.is_terminal:
                for message in map(Dispatch.read, self._messages(urls["chunks"])):
                    dispatcher.dispatch(message.job, message.chunk, in_time)
                began = time.process_time()
                while batch := model.outcomes[:OUTCOMES_PER_BATCH]:
                    del model.outcomes[:OUTCOMES_PER_BATCH]
                    self._received(len(batch))
                    settle(collector.collect, batch)
                self.collecting += time.process_time() - began
                for wanted in map(Assemble.read, self._messages(urls["assembly"])):
                    job = assembler.build(wanted.job, wanted.part) if wanted.part else assembler.assemble(wanted.job)
            metadata = {**metadata, "since": job.id}
            yield job

    def _build(self, session: boto3.Session) -> dict[str, str]:
        s3, sqs = session.client("s3"), session.client("sqs")
        session.client("sns").create_topic(Name="ended")
        for bucket in ("input", "output"):
            s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket="input", VersioningConfiguration={"Status": "Enabled"})
        properties = template.load(find_root()).body["Resources"]["Ledger"]["Properties"]
        session.client("dynamodb").create_table(TableName="ledger", **{part: properties[part] for part in TABLE})
        return {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in QUEUES}

    def _count(self, model: Any, **_: Any) -> None:
        self.calls[f"{model.service_model.service_name}:{model.name}"] += 1

    def _received(self, messages: int) -> None:
        """Lambda takes so many messages, invokes a function with them, and deletes them."""
        self.invocations += 1
        in_tens = -(-messages // MESSAGES_PER_CALL)
        self.calls += Counter({"sqs:ReceiveMessage": in_tens, "sqs:DeleteMessageBatch": in_tens})

    def _messages(self, url: str) -> Iterator[str]:
        """What waits in a queue whose function takes one message at a time; this looking on isn't counted."""
        sqs = boto3.Session().client("sqs")
        while waiting := sqs.receive_message(QueueUrl=url).get("Messages"):
            for message in waiting:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                self._received(1)
                yield message["Body"]


def settle(settle_chunk: Callable[..., object], batch: Sequence[str]) -> None:
    """As the collector's handler does it: the outcomes of a chunk together."""
    chunks: dict[tuple[str, int], list[Any]] = {}
    for outcome in map(events.outcome, batch):
        chunks.setdefault((outcome.id.job, outcome.id.chunk), []).append(outcome)  # type: ignore[union-attr] # all answered
    for (job, chunk), outcomes in chunks.items():
        settle_chunk(job, chunk, outcomes)


def in_time() -> bool:
    """Time never runs out."""
    return False


def file_of(rows: int, changed_every: int | None = None) -> str:
    """A file of so many rows; of another day, on which one row in so many has changed."""
    changed = range(0, rows, changed_every) if changed_every else ()
    lines = (
        f'{row},"so {"bad" if row in changed else "good"}, no. {row}, and then some more of it"' for row in range(rows)
    )
    return "\r\n".join(["id,text", *lines, ""])


def travel(rows: int) -> Pipeline:
    """The whole pipeline on moto, with one file."""
    pipeline = Pipeline()
    list(travels(pipeline, [file_of(rows)]))
    return pipeline


def travels(pipeline: Pipeline, files: Sequence[str], **metadata: str) -> Iterator[JobRecord]:
    """The whole pipeline on moto, file after file; fails unless every row is predicted."""
    before = dict(os.environ)
    os.environ.update(ENVIRONMENT)
    try:
        with mock_aws():
            for job in pipeline.run(files, metadata):
                if job.state is not State.SUCCEEDED:
                    raise RuntimeError(f"the job ended {job.state}")
                yield job
    finally:
        os.environ.clear()
        os.environ.update(before)
        boto3.DEFAULT_SESSION = None


def requests(rows: int, changed_every: int, rows_per_request: int) -> Iterator[int]:
    """How many requests a file takes, and then with the one of another day, since the first one's job."""
    pipeline = Pipeline()
    files = [file_of(rows, every) for every in (None, changed_every)]
    for _ in travels(pipeline, files, **{"rows-per-request": str(rows_per_request)}):
        yield pipeline.calls["sagemaker-runtime:InvokeEndpointAsync"]


if __name__ == "__main__":
    if len(sys.argv) > 2:
        print(json.dumps(dict(zip(("whole", "both"), requests(*map(int, sys.argv[1:])), strict=True))))
        sys.exit()
    travelled = travel(int(sys.argv[1]))
    print(
        json.dumps(
            {
                "calls": travelled.calls.total(),
                "collecting": travelled.collecting,
                **travelled.calls,
                **travelled.units.total,
            }
        )
    )
