"""An endpoint that is woken before a file comes: what is asked of SageMaker, and what is said of its answers."""

import asyncio
import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from click.testing import CliRunner

from fanfold import AsyncFanfold, EndpointStatus, Fanfold, WakeError, endpoint
from fanfold.cli import cli
from fanfold.stacks import Stack

# It reads what there is of the service once.
SESSION = boto3.Session("key", "secret", region_name="us-east-1")
ASLEEP = ("InService", 0, 0)
STARTING = ("Updating", 0, 1)
AWAKE = ("InService", 1, 1)
WAKE = {
    "EndpointName": "tweets",
    "DesiredWeightsAndCapacities": [{"VariantName": "AllTraffic", "DesiredInstanceCount": 1}],
}
ARN = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/tweets"


class SageMaker:
    """A stack's endpoint as SageMaker tells of it: one answer for each call, in this order."""

    def __init__(self) -> None:
        client = SESSION.client("sagemaker")
        self.stub = Stubber(client)
        self.stub.activate()
        self.fanfold = Fanfold("tweets")
        self.stack: Any = SimpleNamespace(client=lambda _name: client, endpoint="tweets", parameters={"Scaling": "off"})

    def is_(self, status: str, instances: int, desired: int, reason: str | None = None) -> None:
        now = datetime(2026, 11, 23, tzinfo=UTC)
        variant = {
            "VariantName": "AllTraffic",
            "CurrentInstanceCount": instances,
            "DesiredInstanceCount": desired,
        }
        answer: dict[str, Any] = {
            "EndpointName": "tweets",
            "EndpointArn": ARN,
            "EndpointStatus": status,
            "ProductionVariants": [variant],
            "CreationTime": now,
            "LastModifiedTime": now,
        }
        failed = {"FailureReason": reason} if reason else {}
        self.stub.add_response("describe_endpoint", answer | failed, {"EndpointName": "tweets"})

    def wakes(self) -> None:
        self.stub.add_response("update_endpoint_weights_and_capacities", {"EndpointArn": ARN}, WAKE)

    def refuses(self, code: str, words: str = "no") -> None:
        self.stub.add_client_error("update_endpoint_weights_and_capacities", code, words)

    def wake(self, *, wait: bool = False) -> EndpointStatus:
        now = self.fanfold.wake(wait=wait)
        self.stub.assert_no_pending_responses()
        return now

    def fails(self, words: str, *, wait: bool = False) -> None:
        with pytest.raises(WakeError, match=words):
            self.fanfold.wake(wait=wait)
        self.stub.assert_no_pending_responses()


@pytest.fixture
def sagemaker(monkeypatch: pytest.MonkeyPatch) -> SageMaker:
    monkeypatch.setattr(endpoint, "_PAUSE_SECONDS", 0)
    sagemaker = SageMaker()
    monkeypatch.setattr(Stack, "find", lambda *_where: sagemaker.stack)
    return sagemaker


def test_an_endpoint_that_sleeps_is_asked_for_one_instance(sagemaker: SageMaker) -> None:
    sagemaker.is_(*ASLEEP)
    sagemaker.wakes()
    sagemaker.is_(*STARTING)
    assert str(sagemaker.wake()) == "endpoint tweets is Updating and has 0 instances"


def test_who_waits_gets_the_instance(sagemaker: SageMaker) -> None:
    sagemaker.is_(*ASLEEP)
    sagemaker.wakes()
    # It may look as before for a moment.
    for status in (ASLEEP, ASLEEP, STARTING, STARTING, AWAKE):
        sagemaker.is_(*status)
    assert sagemaker.wake(wait=True).instances == 1


def test_who_waits_in_asyncio_gets_it_likewise(sagemaker: SageMaker) -> None:
    client, makers = sagemaker.stack.client("sagemaker"), set()

    def make(_service: str) -> Any:
        makers.add(threading.current_thread())
        return client

    sagemaker.stack.client = make
    sagemaker.is_(*ASLEEP)
    sagemaker.wakes()
    for status in (STARTING, STARTING, AWAKE):
        sagemaker.is_(*status)
    assert asyncio.run(AsyncFanfold("tweets").wake(wait=True)).instances == 1
    sagemaker.is_(*AWAKE)
    assert asyncio.run(AsyncFanfold("tweets").wake()).instances == 1
    # It takes a while to make a client, for which the loop doesn't wait.
    assert threading.current_thread() not in makers
    sagemaker.stub.assert_no_pending_responses()


@pytest.mark.parametrize("wait", [False, True])
def test_an_endpoint_that_is_awake_is_left_alone(sagemaker: SageMaker, *, wait: bool) -> None:
    sagemaker.is_("Updating", 2, 3)
    assert sagemaker.wake(wait=wait).instances == 2


def test_an_instance_that_is_starting_is_waited_for_and_not_asked_for_again(sagemaker: SageMaker) -> None:
    for status in (STARTING, STARTING, AWAKE):
        sagemaker.is_(*status)
    assert sagemaker.wake(wait=True).instances == 1


@pytest.mark.parametrize("status", ["Updating", "SystemUpdating", "Failed"])
def test_an_endpoint_that_is_changed_otherwise_is_left_alone(sagemaker: SageMaker, status: str) -> None:
    sagemaker.is_(status, 0, 0, "no such image")
    sagemaker.fails(
        rf"tweets is {status} and has 0 instances: it can be woken when it is InService; .*\(no such image\)"
    )


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AccessDeniedException", r"you lack the permission sagemaker:UpdateEndpointWeightsAndCapacities, .*\(no\)"),
        ("ResourceLimitExceeded", r"the account's quota allows no such instance; .* Service Quotas \(no\)"),
        ("ValidationException", r"endpoint tweets: no \(ValidationException\)"),
    ],
)
def test_a_refusal_is_told_in_words(sagemaker: SageMaker, code: str, words: str) -> None:
    sagemaker.is_(*ASLEEP)
    sagemaker.refuses(code)
    sagemaker.fails(words)


def test_who_may_not_look_is_told_which_permission_is_missing(sagemaker: SageMaker) -> None:
    sagemaker.stub.add_client_error("describe_endpoint", "AccessDeniedException", "no")
    sagemaker.fails("you lack the permission sagemaker:DescribeEndpoint, ")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("InsufficientInstanceCapacity", r"the instance didn't come \(InsufficientInstanceCapacity\)"),
        (None, r"the instance didn't come \(AWS had no capacity for it, or the endpoint was put to sleep again\)"),
    ],
)
def test_an_instance_that_does_not_come_ends_the_wait(sagemaker: SageMaker, reason: str | None, words: str) -> None:
    sagemaker.is_(*ASLEEP)
    sagemaker.wakes()
    for status in (STARTING, STARTING, ("RollingBack", 0, 1)):
        sagemaker.is_(*status)
    sagemaker.is_("InService", 0, 0, reason)
    sagemaker.fails(words, wait=True)


def test_an_endpoint_that_never_begins_to_change_ends_the_wait(
    sagemaker: SageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "_GRACE_SECONDS", -1)
    sagemaker.is_(*ASLEEP)
    sagemaker.wakes()
    sagemaker.is_(*ASLEEP)
    sagemaker.is_(*ASLEEP)
    sagemaker.fails("the instance didn't come", wait=True)


def in_asyncio(**how: Any) -> EndpointStatus:
    return asyncio.run(AsyncFanfold("tweets").wake(**how))


WAKES: dict[str, Callable[..., EndpointStatus]] = {
    "blocking": lambda **how: Fanfold("tweets").wake(**how),
    "asyncio": in_asyncio,
}


@pytest.mark.parametrize("wake", WAKES.values(), ids=WAKES)
def test_who_waits_for_so_long_is_told_that_the_instance_is_starting_still(
    sagemaker: SageMaker, monkeypatch: pytest.MonkeyPatch, wake: Callable[..., EndpointStatus]
) -> None:
    # A pause is no longer than the time that is left.
    monkeypatch.setattr(endpoint, "_PAUSE_SECONDS", 600)
    for _ in range(3):
        sagemaker.is_(*STARTING)
    began = time.monotonic()
    words = r"^endpoint tweets has no instance after 0\.01 s; one is starting: wait for it again "
    with pytest.raises(WakeError, match=words):
        wake(wait=True, timeout=0.01)
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("wake", WAKES.values(), ids=WAKES)
def test_an_instance_that_comes_in_time_is_no_error(sagemaker: SageMaker, wake: Callable[..., EndpointStatus]) -> None:
    for status in (STARTING, STARTING, AWAKE):
        sagemaker.is_(*status)
    assert wake(wait=True, timeout=600).instances == 1


@pytest.mark.parametrize("wake", WAKES.values(), ids=WAKES)
def test_who_does_not_wait_cannot_say_for_how_long(wake: Callable[..., EndpointStatus]) -> None:
    with pytest.raises(ValueError, match=r"^timeout is how long to wait for the instance: add wait=True$"):
        wake(timeout=600)


def test_an_endpoint_that_fails_ends_the_wait(sagemaker: SageMaker) -> None:
    sagemaker.is_(*STARTING)
    sagemaker.is_(*STARTING)
    sagemaker.is_("Failed", 0, 1, "no such image")
    sagemaker.fails(r"endpoint tweets is Failed and has 0 instances: .* examines it \(no such image\)", wait=True)


def test_the_command_says_what_starts_what_is_there_and_what_does_not_sleep_again(sagemaker: SageMaker) -> None:
    sagemaker.is_(*ASLEEP)
    sagemaker.wakes()
    for status in (STARTING, STARTING, AWAKE):
        sagemaker.is_(*status)
    woken = CliRunner().invoke(cli, ["wake", "--wait"])
    assert (woken.exit_code, woken.stdout) == (0, "")
    assert re.sub(r"after \d+ s", "after 0 s", woken.stderr).splitlines() == [
        "endpoint tweets is Updating and has 0 instances; one is starting, which takes about ten minutes",
        "endpoint tweets is Updating and has 0 instances after 0 s",
        "endpoint tweets is InService and has 1 instance",
        "Nothing lets it sleep again: deploy with Scaling=on",
    ]

    sagemaker.is_(*AWAKE)
    again = CliRunner().invoke(cli, ["wake"])
    assert again.stderr == "endpoint tweets is InService and has 1 instance already: nothing to do\n"
    sagemaker.stub.assert_no_pending_responses()


def test_an_endpoint_that_falls_asleep_is_not_awake(sagemaker: SageMaker) -> None:
    sagemaker.is_("Updating", 1, 0)
    with pytest.raises(WakeError, match="is Updating and has 1 instance: it can be woken when it is InService"):
        sagemaker.fanfold.wake(wait=True)
