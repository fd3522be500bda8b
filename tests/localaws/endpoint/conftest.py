"""A real moto server, a real endpoint server, and the resources an asynchronous endpoint needs."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.config import Config
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from tests.localaws.signed import GUARD

from localaws.endpoint.cloud import Cloud
from localaws.endpoint.models import ModelError
from localaws.endpoint.server import AsyncEndpointServer
from localaws.server import calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from types_boto3_s3 import S3Client
    from types_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from types_boto3_sqs import SQSClient

REGION = "eu-west-1"
BUCKET = "the-bucket"


class EchoModel:
    """Answers with the request; bodies that begin with a number of 400 or more are refused with that status."""

    def predict(self, body: bytes, content_type: str, accept: str) -> bytes:
        del content_type, accept
        if body[:1] in {b"4", b"5"}:
            raise ModelError(int(body[:3]), body[4:].decode())
        if body == b"break":
            raise KeyError(body)
        return body


@dataclass
class FakeClock:
    """Tells a time of the test's making."""

    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class World:
    """Everything a test talks to."""

    server: AsyncEndpointServer
    runtime: SageMakerRuntimeClient
    s3: S3Client
    sqs: SQSClient
    queue_url: str
    clock: FakeClock
    service: dict[str, float] = field(default_factory=dict)

    def invoke_async(self, **parameters: object) -> dict[str, Any]:
        """Call InvokeEndpointAsync, on ``tweets`` unless told otherwise."""
        call: Any = self.runtime.invoke_endpoint_async
        answer: dict[str, Any] = call(**{"EndpointName": "tweets", **parameters})
        return answer

    def notifications(self, count: int = 1) -> list[dict[str, Any]]:
        """Wait for so many notifications, and give all that came, in the order they came in."""
        return receive(self.sqs, self.queue_url, count)

    def read(self, uri: str) -> bytes:
        """Give the content of an ``s3://`` location."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    """What moto knows is the process's: nothing is left to other modules, which may have it begin afresh."""
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    url = f"http://{host}:{port}"
    yield url
    urlopen(Request(f"{url}/moto-api/reset", method="POST")).close()  # noqa: S310 # it is the server above
    moto.stop()


@pytest.fixture(scope="module")
def client(moto_url: str) -> Callable[[str], Any]:
    make: Any = boto3.Session("test", "test", region_name=REGION).client
    return cache(partial(make, endpoint_url=moto_url, config=Config(s3={"addressing_style": "path"})))


@pytest.fixture(scope="module")
def queue_url(client: Callable[[str], Any]) -> str:
    """Create both endpoints; give the queue that gets their notifications."""
    return create_endpoint(client)


@pytest.fixture
def cloud(moto_url: str) -> Cloud:
    return Cloud(moto_url, REGION, "test", "test", connections=4)


@pytest.fixture
def world(cloud: Cloud, client: Callable[[str], Any], queue_url: str) -> Iterator[World]:
    """One asynchronous endpoint, ``tweets``: one instance, two at a time, responses included in successes."""
    clock = FakeClock()
    service: dict[str, float] = {}
    server = AsyncEndpointServer(
        EchoModel(),
        cloud=cloud,
        calls=calls,
        guard=GUARD,
        clock=clock,
        service_time=lambda request: service.get(request.inference_id, 0),
    )
    with server:
        runtime = runtime_client(client, server)
        yield World(server, runtime, client("s3"), client("sqs"), queue_url, clock, service)
        runtime.close()
    drain(client("sqs"), queue_url)


def receive(sqs: SQSClient, queue_url: str, count: int) -> list[dict[str, Any]]:
    """Wait for so many messages, and give all that came, in the order they came in."""
    found: list[dict[str, Any]] = []
    until = time.monotonic() + 60
    while len(found) < count and time.monotonic() < until:
        answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
        for message in answer.get("Messages", []):
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            found.append(json.loads(message["Body"]))
        if len(found) < count:
            time.sleep(0.01)
    assert len(found) == count
    return found


def drain(sqs: SQSClient, queue_url: str) -> None:
    """Leave nothing to the next test (PurgeQueue is allowed once a minute, in moto too)."""
    while messages := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


def runtime_client(client: Callable[..., Any], server: AsyncEndpointServer) -> SageMakerRuntimeClient:
    """Give a client that neither retries nor checks parameters itself."""
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
    made: SageMakerRuntimeClient = client("sagemaker-runtime", endpoint_url=server.url, config=config)
    return made


def create_endpoint(client: Callable[[str], Any]) -> str:
    client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    topics = {name: client("sns").create_topic(Name=name)["TopicArn"] for name in ("success", "error")}
    queue_url: str = client("sqs").create_queue(QueueName="outcomes")["QueueUrl"]
    queue_arn = client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]
    for topic in topics.values():
        client("sns").subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=queue_arn["QueueArn"],
            Attributes={"RawMessageDelivery": "true"},
        )
    # Not sagemaker.amazonaws.com: moto, when it enforces IAM, fails on any principal that isn't an AWS account's.
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = client("iam").create_role(RoleName="endpoint", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    sagemaker = client("sagemaker")
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=role, PrimaryContainer={"Image": "i"})
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": "m",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    sagemaker.create_endpoint_config(
        EndpointConfigName="async",
        ProductionVariants=[variant],
        AsyncInferenceConfig={
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 2},
            "OutputConfig": {
                "S3OutputPath": f"s3://{BUCKET}/out/",
                "S3FailurePath": f"s3://{BUCKET}/failures",
                "NotificationConfig": {
                    "SuccessTopic": topics["success"],
                    "ErrorTopic": topics["error"],
                    "IncludeInferenceResponseIn": ["SUCCESS_NOTIFICATION_TOPIC"],
                },
            },
        },
    )
    sagemaker.create_endpoint(EndpointName="tweets", EndpointConfigName="async")
    sagemaker.create_endpoint_config(EndpointConfigName="real-time", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="real-time", EndpointConfigName="real-time")
    return queue_url
