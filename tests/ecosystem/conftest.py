"""One local cloud for all clients, and how a client in an environment of its own is run against it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fanfold.client import LOCAL_PARAMETERS
from fanfold.project import find_root
from localaws.cloud import LocalCloud

ROOT = Path(__file__).parents[2]
# What the SageMaker SDK calls its default bucket. It asks an STS that no environment variable leads elsewhere for the
# account in this name, so its own configuration says it.
BUCKET = "sagemaker-us-east-1-123456789012"
SDK_CONFIG = f"""
SchemaVersion: "1.0"
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
      Session: {{ DefaultS3Bucket: {BUCKET} }}
"""


@dataclass
class Ecosystem:
    """The local cloud as its users see it: by environment variables and nothing else."""

    cloud: LocalCloud
    environment: dict[str, str]
    scaling: list[str] = field(default_factory=list)

    def client(self, service: str) -> Any:
        """A boto3 client."""
        return self.cloud.session().client(service)

    def aws(self, *arguments: str) -> Any:
        """What the AWS command line answers."""
        answer = self._run(ROOT / ".venv-sdk2/bin/aws", *arguments, "--output", "json")
        return json.loads(answer) if answer else None

    def python(self, environment: str, script: str, *arguments: str) -> Any:
        """The last line that a script in `clients` prints, run by the Python of an environment."""
        client = Path(__file__).parent / "clients" / script
        return json.loads(self._run(ROOT / environment / "bin/python", str(client), *arguments).splitlines()[-1])

    def read(self, uri: str) -> bytes:
        """The content of an object; waits until it is there."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        s3 = self.client("s3")
        s3.get_waiter("object_exists").wait(Bucket=bucket, Key=key, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        content: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    def _run(self, *command: str | Path) -> str:
        run = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=180)
        sys.stderr.write(run.stderr)
        assert run.returncode == 0, run.stdout
        return run.stdout


@pytest.fixture(scope="session")
def ecosystem(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ecosystem]:
    """A local cloud whose minutes last a fifth of a second."""
    config = tmp_path_factory.mktemp("sdk") / "config.yaml"
    config.write_text(SDK_CONFIG, encoding="utf-8")
    scaling: list[str] = []
    with LocalCloud(find_root(), parameters=LOCAL_PARAMETERS, scaling_speed=300, on_scaling=scaling.append) as cloud:
        mine = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        sdk = {"SAGEMAKER_USER_CONFIG_OVERRIDE": str(config), "SAGEMAKER_SUPPRESS_V2_WARNING": "1"}
        yield Ecosystem(cloud, {**mine, **sdk, **cloud.environment}, scaling)


@pytest.fixture(scope="session")
def role(ecosystem: Ecosystem) -> str:
    """The role that SageMaker's documentation tells to make: its ARN."""
    iam = ecosystem.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    made = iam.create_role(RoleName="sagemaker_execution_role", AssumeRolePolicyDocument=document)["Role"]
    policy = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
    iam.attach_role_policy(RoleName="sagemaker_execution_role", PolicyArn=policy)
    ecosystem.client("s3").create_bucket(Bucket=BUCKET)
    return str(made["Arn"])


@pytest.fixture(scope="session")
def notifications(ecosystem: Ecosystem) -> Callable[[str], list[dict[str, Any]]]:
    """Topics for successes and errors; what came of an endpoint, told by its name."""
    sns, sqs = ecosystem.client("sns"), ecosystem.client("sqs")
    url = sqs.create_queue(QueueName="notifications")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for name in ("success", "error"):
        topic = sns.create_topic(Name=f"sagemaker-{name}")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})

    def received(endpoint: str) -> list[dict[str, Any]]:
        found = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages"):
            found += [json.loads(message["Body"]) for message in messages]
        return [message for message in found if message["requestParameters"]["endpointName"] == endpoint]

    return received
