from __future__ import annotations

import base64
import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.localaws.endpoint.conftest import receive
from tests.localaws.signed import GUARD

from localaws.endpoint.models import VaderModel
from localaws.endpoint.server import AsyncEndpointServer
from localaws.server import calls

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.localaws.endpoint.conftest import World

    from localaws.endpoint.cloud import Cloud


def invoke(world: World, body: bytes = b"{}", **parameters: object) -> dict[str, Any]:
    return world.invoke_async(Body=body, **parameters)


def test_a_success_is_written_to_s3_and_notified_with_its_response(world: World) -> None:
    answer = invoke(
        world,
        b'{"inputs": "good"}',
        InferenceId="job-0",
        ContentType="application/json",
        Accept="application/json",
        CustomAttributes="trace=1",
    )

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["InferenceId"] == "job-0"
    [message] = world.notifications()
    assert base64.b64decode(message["responseBody"].pop("content")) == b'{"inputs": "good"}'
    assert message == {
        "awsRegion": "eu-west-1",
        "eventTime": "2023-11-14T22:13:20.000Z",
        "receivedTime": "2023-11-14T22:13:20.000Z",
        "invocationStatus": "Completed",
        "requestParameters": {
            "accept": "application/json",
            "contentType": "application/json",
            "endpointName": "tweets",
            "customAttributes": "trace=1",
        },
        "responseParameters": {"contentType": "application/json", "outputLocation": answer["OutputLocation"]},
        "responseBody": {
            "message": "Check S3 path location(if configured) or Cloudwatch for additional details.",
            "encoding": "BASE64",
        },
        "inferenceId": "job-0",
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }
    assert world.read(answer["OutputLocation"]) == b'{"inputs": "good"}'


def test_a_response_over_128_kb_is_left_to_s3(world: World) -> None:
    world.s3.put_object(Bucket="the-bucket", Key="in", Body=b"x" * (128 * 1024 + 1))

    answer = world.invoke_async(InputLocation="s3://the-bucket/in")

    [message] = world.notifications()
    assert "responseBody" not in message
    assert len(world.read(answer["OutputLocation"])) == 128 * 1024 + 1


def test_an_input_location_is_read_and_told(world: World) -> None:
    world.s3.put_object(Bucket="the-bucket", Key="in/space plus+file.json", Body=b"input")

    location = "s3://the-bucket/in/space plus+file.json"
    answer = world.invoke_async(InputLocation=location)

    [message] = world.notifications()
    assert message["requestParameters"] == {"endpointName": "tweets", "inputLocation": location}
    assert world.read(answer["OutputLocation"]) == b"input"


def test_an_input_that_is_not_there_is_a_failure(world: World) -> None:
    world.invoke_async(InputLocation="s3://the-bucket/nothing")

    [message] = world.notifications()
    assert message["invocationStatus"] == "Failed"
    assert "NoSuchKey" in message["failureReason"]


@pytest.mark.parametrize(("status", "kind"), [(400, "client"), (500, "server")])
def test_a_model_s_error_is_a_failure_with_its_status(world: World, status: int, kind: str) -> None:
    answer = invoke(world, f"{status} no".encode(), InferenceId="bad")

    [message] = world.notifications()
    assert message["invocationStatus"] == "Failed"
    assert message["failureReason"] == (
        f"ClientError: Received {kind} error ({status}) from model."
        " See the SageMaker Endpoint logs in your account for more information."
    )
    assert message["responseParameters"] == {"failureLocation": answer["FailureLocation"]}
    assert "responseBody" not in message
    failure = json.loads(world.read(answer["FailureLocation"]))
    assert failure == {"code": status, "type": "InternalServerException", "message": "no"}


def test_a_failure_object_is_the_container_s_own_json(world: World) -> None:
    answer = invoke(world, b'400 {"message": "mine"}')

    world.notifications()
    assert json.loads(world.read(answer["FailureLocation"])) == {"message": "mine"}


def test_a_model_that_breaks_is_a_server_error_and_the_next_request_is_served(world: World) -> None:
    invoke(world, b"break")
    [broken] = world.notifications()
    invoke(world, b"fine")
    [served] = world.notifications()

    assert "server error (500)" in broken["failureReason"]
    assert served["invocationStatus"] == "Completed"


def test_a_request_without_an_instance_expires_when_its_ttl_is_over(world: World) -> None:
    world.server.set_instances("tweets", 0)
    invoke(world, InferenceId="late", RequestTTLSeconds=60)
    assert world.server.load("tweets").waiting == 1

    world.clock.now += 60

    [message] = world.notifications()
    assert message["invocationStatus"] == "Expired"
    assert message["inferenceId"] == "late"
    assert message["receivedTime"] == "2023-11-14T22:13:20.000Z"
    assert message["eventTime"] == "2023-11-14T22:14:20.000Z"
    assert world.server.load("tweets").waiting == 0


def test_a_request_that_takes_too_long_fails_and_frees_its_place(world: World) -> None:
    world.service |= {"slow": 60, "slow too": 60}
    invoke(world, InferenceId="slow", InvocationTimeoutSeconds=5)
    invoke(world, InferenceId="slow too", InvocationTimeoutSeconds=3600)
    wait_until(lambda: world.server.load("tweets").running == 2)
    invoke(world, InferenceId="next")

    world.clock.now += 5

    by_id = {message["inferenceId"]: message for message in world.notifications(2)}
    assert "timed out" in by_id["slow"]["failureReason"]
    assert by_id["slow"]["invocationStatus"] == "Failed"
    assert by_id["next"]["invocationStatus"] == "Completed"


def test_instances_times_concurrency_requests_are_worked_on_at_once(world: World) -> None:
    world.service |= {str(number): 60 for number in range(10)}
    for number in range(10):
        invoke(world, InferenceId=str(number))

    wait_until(lambda: world.server.load("tweets").running == 2)
    time.sleep(0.05)
    assert world.server.load("tweets").running == 2
    world.server.set_instances("tweets", 3)
    wait_until(lambda: world.server.load("tweets").running == 6)
    time.sleep(0.05)
    assert world.server.load("tweets").running == 6
    assert world.server.load("tweets").waiting == 4


def test_an_endpoint_at_zero_keeps_its_requests_and_wakes_for_them(world: World) -> None:
    world.server.set_instances("tweets", 0)
    world.s3.put_object(Bucket="the-bucket", Key="in", Body=b"input")
    invoke(world, InferenceId="inline")
    world.invoke_async(InputLocation="s3://the-bucket/in")
    assert world.server.load("tweets").waiting == 2

    world.server.set_instances("tweets", 1)

    assert {message["invocationStatus"] for message in world.notifications(2)} == {"Completed"}


def test_an_endpoint_made_again_under_its_name_begins_afresh(world: World, client: Callable[[str], Any]) -> None:
    world.server.set_instances("tweets", 0)
    world.invoke_async(Body=b"lost")
    client("sagemaker").delete_endpoint(EndpointName="tweets")
    client("sagemaker").create_endpoint(EndpointName="tweets", EndpointConfigName="async")

    # What the endpoint was is remembered for a second.
    until = time.monotonic() + 60
    while (load := world.server.load("tweets")).waiting and time.monotonic() < until:
        time.sleep(0.1)

    assert (load.waiting, load.instances) == (0, 1)
    answer = world.invoke_async(Body=b"found")
    world.notifications()
    assert world.read(answer["OutputLocation"]) == b"found"


def test_the_type_of_an_input_in_s3_is_its_object_s_unless_the_request_says_it(
    cloud: Cloud, client: Callable[..., Any], queue_url: str
) -> None:
    client("s3").put_object(
        Bucket="the-bucket", Key="typed", Body=b'{"inputs": "good"}', ContentType="application/json"
    )
    with AsyncEndpointServer(VaderModel(), cloud=cloud, calls=calls, guard=GUARD) as server:
        runtime = client("sagemaker-runtime", endpoint_url=server.url)
        call = {"EndpointName": "tweets", "InputLocation": "s3://the-bucket/typed"}
        runtime.invoke_endpoint_async(**call, InferenceId="object")
        runtime.invoke_endpoint_async(**call, InferenceId="request", ContentType="text/plain")
        told = {one["inferenceId"]: one["invocationStatus"] for one in receive(client("sqs"), queue_url, 2)}
    assert told == {"object": "Completed", "request": "Failed"}


def test_generated_file_names_are_not_the_inference_id_and_tell_failures_apart(world: World) -> None:
    answer = invoke(world, InferenceId="job-0")

    output, failure = answer["OutputLocation"], answer["FailureLocation"]
    name = output.removeprefix("s3://the-bucket/out/").removesuffix(".out")
    assert len(name) == 36
    assert failure == f"s3://the-bucket/failures/{name}-error.out"


def test_an_extension_and_a_file_name_place_the_output(world: World) -> None:
    answer = invoke(world, S3OutputPathExtension="job/00000/", Filename="0000320-0032.json")

    assert answer["OutputLocation"] == "s3://the-bucket/out/job/00000/0000320-0032.json"
    assert answer["FailureLocation"] == "s3://the-bucket/failures/job/00000/0000320-0032.json-error.out"
    world.notifications()
    assert world.read(answer["OutputLocation"]) == b"{}"


def test_stopping_leaves_no_thread_behind(world: World) -> None:
    world.service["busy"] = 60
    invoke(world, InferenceId="busy")
    invoke(world, InferenceId="also")
    world.notifications()

    working = set(threading.enumerate())
    world.server.stop()

    ended = {thread.name for thread in working - set(threading.enumerate())}
    # Other tests of this process may have servers of their own, so it is the threads that have ended that count.
    assert {"endpoint-http", "endpoint-clock", "instance-0"} <= ended


def wait_until(claim: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not claim():
        assert time.monotonic() < until
        time.sleep(0.005)
