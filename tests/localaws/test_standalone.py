"""The endpoint without the pipeline, and endpoints that are made beside it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from localaws.cloud import LocalCloud
from localaws.standalone import BUCKET, ENDPOINT, LocalEndpoint


@pytest.fixture(scope="module")
def endpoint() -> Iterator[LocalEndpoint]:
    with LocalEndpoint() as endpoint:
        yield endpoint


def invoke(endpoint: LocalEndpoint, inputs: object, name: str = ENDPOINT) -> dict[str, Any]:
    answer: dict[str, Any] = (
        endpoint.session()
        .client("sagemaker-runtime")
        .invoke_endpoint_async(
            EndpointName=name, ContentType="application/json", Body=json.dumps({"inputs": inputs}).encode()
        )
    )
    return answer


def notification(endpoint: LocalEndpoint) -> dict[str, Any]:
    sqs = endpoint.session().client("sqs")
    [message] = sqs.receive_message(QueueUrl=endpoint.queue_url, WaitTimeSeconds=10)["Messages"]
    sqs.delete_message(QueueUrl=endpoint.queue_url, ReceiptHandle=message["ReceiptHandle"])
    told: dict[str, Any] = json.loads(message["Body"])
    return told


def read(endpoint: LocalEndpoint, uri: str) -> Any:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return json.load(endpoint.session().client("s3").get_object(Bucket=bucket, Key=key)["Body"])


def test_an_answer_is_in_the_bucket_when_it_is_announced(endpoint: LocalEndpoint) -> None:
    answer = invoke(endpoint, ["I love this great thing"])
    told = notification(endpoint)
    assert told["invocationStatus"] == "Completed"
    assert told["responseParameters"]["outputLocation"] == answer["OutputLocation"]
    assert read(endpoint, answer["OutputLocation"])[0]["label"] == "LABEL_2"


def test_a_refusal_is_on_the_failure_path_and_announced(endpoint: LocalEndpoint) -> None:
    answer = invoke(endpoint, [None])
    assert notification(endpoint)["invocationStatus"] == "Failed"
    assert read(endpoint, answer["FailureLocation"])["code"] == 400


def test_keys_are_new_in_every_run(endpoint: LocalEndpoint, cloud: LocalCloud) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert endpoint.environment[name] != cloud.environment[name]


def test_an_endpoint_made_beside_it_is_served_by_the_same_model(endpoint: LocalEndpoint) -> None:
    sagemaker = endpoint.session().client("sagemaker")
    variant = {"VariantName": "v", "ModelName": ENDPOINT, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    output = {"OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/second"}}
    sagemaker.create_endpoint_config(
        EndpointConfigName="second", ProductionVariants=[variant], AsyncInferenceConfig=output
    )
    sagemaker.create_endpoint(EndpointName="second", EndpointConfigName="second")

    answer = invoke(endpoint, "I hate this awful thing", "second")

    assert answer["OutputLocation"].startswith(f"s3://{BUCKET}/second/")
    bucket, _, key = answer["OutputLocation"].removeprefix("s3://").partition("/")
    waiter = endpoint.session().client("s3").get_waiter("object_exists")
    waiter.wait(Bucket=bucket, Key=key, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    assert read(endpoint, answer["OutputLocation"])[0]["label"] == "LABEL_0"
