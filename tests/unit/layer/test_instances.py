"""The instances of an endpoint are those that SageMaker has, or is about to have."""

from collections.abc import Iterator
from typing import Any

import pytest
from boto3 import Session
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from fanfold_core.aws.instances import SageMakerInstances

VARIANT = {"VariantName": "AllTraffic", "CurrentInstanceCount": 2, "DesiredInstanceCount": 2}
DESCRIBED = {
    "EndpointName": "tweets",
    "EndpointArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/tweets",
    "EndpointStatus": "InService",
    "CreationTime": 0,
    "LastModifiedTime": 0,
}


class Asked:
    """Counts the instances of the endpoint `tweets`, by the answers that it is given."""

    def __init__(self) -> None:
        client = Session("k", "s", region_name="us-east-1").client("sagemaker")
        self.instances, self.stub = SageMakerInstances("tweets", lambda: client), Stubber(client)


@pytest.fixture
def asked() -> Iterator[Asked]:
    asked = Asked()
    with asked.stub:
        yield asked


@pytest.mark.parametrize(
    ("variants", "instances"),
    [
        ([VARIANT], 2),
        ([{**VARIANT, "CurrentInstanceCount": 0}], 2),
        ([{**VARIANT, "DesiredInstanceCount": 0}], 2),
        ([VARIANT, {**VARIANT, "VariantName": "b", "DesiredInstanceCount": 5}], 7),
        ([{"VariantName": "AllTraffic"}], 0),
    ],
)
def test_instances_that_start_or_end_are_counted(asked: Asked, variants: list[dict[str, Any]], instances: int) -> None:
    asked.stub.add_response(
        "describe_endpoint", {**DESCRIBED, "ProductionVariants": variants}, {"EndpointName": "tweets"}
    )
    assert asked.instances("tweets") == instances
    asked.stub.assert_no_pending_responses()


def test_an_endpoint_that_is_gone_has_no_instances(asked: Asked) -> None:
    asked.stub.add_client_error("describe_endpoint", "ValidationException", 'Could not find endpoint "tweets".')
    assert asked.instances("tweets") == 0


def test_an_endpoint_that_cannot_be_asked_is_no_endpoint_without_instances(asked: Asked) -> None:
    asked.stub.add_client_error("describe_endpoint", "ThrottlingException", "Rate exceeded")
    with pytest.raises(ClientError, match="Rate exceeded"):
        asked.instances("tweets")
