from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from botocore.exceptions import ClientError
from tests.localaws.signed import GUARD, signed

from localaws.endpoint.models import load_model
from localaws.endpoint.server import AsyncEndpointServer
from localaws.server import calls

if TYPE_CHECKING:
    from tests.localaws.endpoint.conftest import World

    from localaws.endpoint.cloud import Cloud


def refusal(world: World, **parameters: object) -> str:
    with pytest.raises(ClientError) as caught:
        world.invoke_async(**parameters)
    assert isinstance(caught.value, world.runtime.exceptions.ValidationError)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return caught.value.response["Error"]["Message"]


def test_an_unknown_endpoint_is_named_with_its_account(world: World) -> None:
    message = refusal(world, EndpointName="none", Body=b"{}")
    assert message == "Endpoint none of account 123456789012 not found."


def test_a_body_of_128000_bytes_is_accepted_and_one_more_is_refused(world: World) -> None:
    world.invoke_async(Body=b"x" * 128_000)
    assert "less than or equal to 128000" in refusal(world, Body=b"x" * 128_001)


@pytest.mark.parametrize("given", [{}, {"Body": b"{}", "InputLocation": "s3://b/k"}])
def test_exactly_one_of_body_and_input_location_is_wanted(world: World, given: dict[str, Any]) -> None:
    assert "Exactly one" in refusal(world, **given)


@pytest.mark.parametrize(
    ("parameter", "value", "demand"),
    [
        ("InferenceId", "x" * 65, "length less than or equal to 64"),
        ("RequestTTLSeconds", 59, "value greater than or equal to 60"),
        ("RequestTTLSeconds", 21_601, "value less than or equal to 21600"),
        ("InvocationTimeoutSeconds", 3_601, "value less than or equal to 3600"),
        ("S3OutputPathExtension", "a b", "regular expression"),
        ("Filename", "a.b.c", "regular expression"),
        ("Filename", "x" * 33, "length less than or equal to 32"),
        ("CustomAttributes", "x" * 1_025, "length less than or equal to 1024"),
    ],
)
def test_every_parameter_has_its_limits(world: World, parameter: str, value: object, demand: str) -> None:
    assert demand in refusal(world, Body=b"{}", **{parameter: value})


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("InferenceId", "j 0|~"), ("S3OutputPathExtension", "!_.*'()/-"), ("Filename", "0000320-0032.json")],
)
def test_every_allowed_character_is_accepted(world: World, parameter: str, value: str) -> None:
    answer = world.invoke_async(Body=b"{}", **{parameter: value})
    assert answer["OutputLocation"].startswith("s3://the-bucket/out/")


def test_an_endpoint_that_is_not_asynchronous_says_so(world: World) -> None:
    assert "not asynchronous" in refusal(world, EndpointName="real-time", Body=b"{}")


def test_a_taken_port_is_named_in_plain_words(cloud: Cloud) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port} is already in use"):
            AsyncEndpointServer(load_model("vader"), cloud=cloud, calls=calls, guard=GUARD, port=port).start()


def test_a_synchronous_request_is_answered_at_once(world: World) -> None:
    answer = world.runtime.invoke_endpoint(
        EndpointName="real-time", Body=b"hello", Accept="text/plain", CustomAttributes="c"
    )
    assert answer["Body"].read() == b"hello"
    assert answer["ContentType"] == "text/plain"
    assert answer["CustomAttributes"] == "c"
    assert answer["InvokedProductionVariant"] == "AllTraffic"


def test_a_model_s_error_reaches_a_synchronous_caller(world: World) -> None:
    with pytest.raises(ClientError) as caught:
        world.runtime.invoke_endpoint(EndpointName="tweets", Body=b"400 no")
    response: Any = caught.value.response
    assert response["Error"]["Code"] == "ModelError"
    assert response["OriginalStatusCode"] == 400
    assert response["OriginalMessage"] == "no"


def test_an_unknown_path_is_no_operation(world: World) -> None:
    url = f"{world.server.url}/elsewhere"
    with urllib3.PoolManager() as http:
        assert http.request("POST", url, headers=signed("POST", url)).status == 404
