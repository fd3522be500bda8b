from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from moto.iam.access_control import IAMRequestBase
from tests.localaws.signed import GUARD

from localaws.endpoint.cloud import Cloud
from localaws.endpoint.models import load_model
from localaws.endpoint.server import AsyncEndpointServer
from localaws.server import calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ALL = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture
def strict_cloud(client: Callable[[str], Any], moto_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """Let moto enforce IAM, but for signatures (`localaws.access` checks them); give keys that may do everything."""
    monkeypatch.setattr(IAMRequestBase, "check_signature", lambda _self: None)
    iam = client("iam")
    iam.create_user(UserName="admin")
    iam.put_user_policy(UserName="admin", PolicyName="all", PolicyDocument=policy(*ALL))
    keys = iam.create_access_key(UserName="admin")["AccessKey"]
    with urllib3.PoolManager() as http:
        http.request("POST", f"{moto_url}/moto-api/reset-auth", body=b"0")
        yield Cloud(moto_url, "eu-west-1", keys["AccessKeyId"], keys["SecretAccessKey"], connections=4)
        http.request("POST", f"{moto_url}/moto-api/reset-auth", body=b"inf")


def test_the_execution_role_of_the_model_is_who_writes_and_publishes(
    strict_cloud: Cloud, queue_url: str, client: Callable[..., Any]
) -> None:
    keys = {"aws_access_key_id": strict_cloud.access_key_id, "aws_secret_access_key": strict_cloud.secret_access_key}
    allowed = [
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::the-bucket/out/allowed/*"},
        {"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"},
    ]
    client("iam", **keys).put_role_policy(RoleName="endpoint", PolicyName="p", PolicyDocument=policy(*allowed))

    with AsyncEndpointServer(load_model("vader"), cloud=strict_cloud, calls=calls, guard=GUARD) as server:
        runtime = client("sagemaker-runtime", endpoint_url=server.url)
        for place in ("allowed", "elsewhere"):
            runtime.invoke_endpoint_async(
                EndpointName="tweets",
                ContentType="application/json",
                Body=b'{"inputs": "good"}',
                InferenceId=place,
                S3OutputPathExtension=place,
            )
        messages = receive(client("sqs", **keys), queue_url, 2)

    assert messages["allowed"]["invocationStatus"] == "Completed"
    assert messages["elsewhere"]["invocationStatus"] == "Failed"
    assert "AccessDenied" in messages["elsewhere"]["failureReason"]


def receive(sqs: Any, queue_url: str, count: int) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for _ in range(50):
        for message in sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=1).get("Messages", []):
            notification = json.loads(message["Body"])
            found[notification["inferenceId"]] = notification
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        if len(found) == count:
            break
    return found
