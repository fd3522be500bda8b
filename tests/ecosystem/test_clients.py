"""The clients that people have work on the local cloud as they are: nothing tells them of it but their environment."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.ecosystem.conftest import BUCKET, Ecosystem

pytestmark = pytest.mark.ecosystem

LOVED = "I love this great thing"
HATED = "I hate this awful thing"


def labels(output: bytes) -> list[str]:
    return [one["label"] for one in json.loads(output)]


@pytest.fixture
def runtime(ecosystem: Ecosystem, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Boto3's own client, which learns from the environment where to go."""
    for name, value in ecosystem.cloud.environment.items():
        monkeypatch.setenv(name, value)
    return boto3.client("sagemaker-runtime")


def test_boto3_sends_a_body_with_the_call(ecosystem: Ecosystem, runtime: Any) -> None:
    answer = runtime.invoke_endpoint_async(
        EndpointName="fanfold", ContentType="application/json", Body=json.dumps({"inputs": [LOVED, HATED]}).encode()
    )
    assert labels(ecosystem.read(answer["OutputLocation"])) == ["LABEL_2", "LABEL_0"]


def test_boto3_names_an_input_in_s3(ecosystem: Ecosystem, runtime: Any) -> None:
    bucket = ecosystem.cloud.outputs["OutputBucket"]
    boto3.client("s3").put_object(Bucket=bucket, Key="requests/in", Body=json.dumps({"inputs": LOVED}).encode())
    answer = runtime.invoke_endpoint_async(
        EndpointName="fanfold", ContentType="application/json", InputLocation=f"s3://{bucket}/requests/in"
    )
    assert labels(ecosystem.read(answer["OutputLocation"])) == ["LABEL_2"]


def test_the_aws_command_line_makes_an_endpoint_and_invokes_it(ecosystem: Ecosystem, role: str, tmp_path: Path) -> None:
    aws = ecosystem.aws
    aws("sagemaker", "create-model", "--model-name", "by-hand", "--execution-role-arn", role,
        "--primary-container", "Image=hub.example/anything")  # fmt: skip
    variant = "VariantName=AllTraffic,ModelName=by-hand,InstanceType=ml.m5.large,InitialInstanceCount=1"
    output = f"OutputConfig={{S3OutputPath=s3://{BUCKET}/by-hand}}"
    aws("sagemaker", "create-endpoint-config", "--endpoint-config-name", "by-hand",
        "--production-variants", variant, "--async-inference-config", output)  # fmt: skip
    aws("sagemaker", "create-endpoint", "--endpoint-name", "by-hand", "--endpoint-config-name", "by-hand")
    aws("sagemaker", "wait", "endpoint-in-service", "--endpoint-name", "by-hand")
    file = tmp_path / "request.json"
    file.write_text(json.dumps({"inputs": HATED}), encoding="utf-8")
    aws("s3", "cp", "--quiet", "--content-type", "application/json", str(file), f"s3://{BUCKET}/by-hand/in.json")

    answer = aws("sagemaker-runtime", "invoke-endpoint-async", "--endpoint-name", "by-hand",
                 "--input-location", f"s3://{BUCKET}/by-hand/in.json")  # fmt: skip

    assert labels(ecosystem.read(answer["OutputLocation"])) == ["LABEL_0"]


@pytest.mark.usefixtures("role")
def test_hugging_faces_article_runs_with_the_sagemaker_sdk_2(
    ecosystem: Ecosystem, notifications: Callable[[str], list[dict[str, Any]]], tmp_path: Path
) -> None:
    tweets = tmp_path / "tweets.csv"
    tweets.write_text(f'{LOVED}\n{HATED}\n"thanks, @airline"\n', encoding="utf-8")

    said = ecosystem.python(".venv-sdk2", "article.py", str(tweets))

    assert [one["label"] for one in said["predicted"]] == ["LABEL_2", "LABEL_1"]
    assert said["polled"][0]["label"] == "LABEL_2"
    assert "text input must be of type" in said["refusal"]
    assert [one[0]["label"] for one in said["results"]] == ["LABEL_2", "LABEL_0", "LABEL_2"]
    assert [one[0]["label"] for one in said["woken"]] == ["LABEL_2"] * 6
    assert [line.partition(": ")[2] for line in ecosystem.scaling if said["endpoint"] in line][:3] == [
        f"{said['endpoint']} has gone from 1 to 0 instances",
        f"{said['endpoint']} has a backlog of 6 and starts an instance",
        f"{said['endpoint']} has gone from 0 to 2 instances",
    ]
    told = Counter(message["invocationStatus"] for message in notifications(said["endpoint"]))
    assert told == {"Completed": 2 + 3 + 6, "Failed": 1}
    runtime = ecosystem.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ValidationError, match="not found"):
        runtime.invoke_endpoint_async(EndpointName=said["endpoint"], Body=b"{}")


@pytest.mark.usefixtures("role")
def test_the_resources_of_the_sagemaker_sdk_3_make_an_endpoint_and_invoke_it(ecosystem: Ecosystem) -> None:
    said = ecosystem.python(".venv-sdk3", "resources.py", BUCKET)
    assert labels(ecosystem.read(said["output"])) == ["LABEL_2", "LABEL_0"]
