"""What becomes of outcomes that cannot be delivered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from unittest.mock import create_autospec

from localaws.endpoint.delivery import Outbox, Settled
from localaws.endpoint.invocations import Invocation
from localaws.endpoint.locations import Destinations, S3Location
from localaws.endpoint.outcomes import Response
from localaws.endpoint.requests import InferenceRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

PLACES = Destinations(S3Location("bucket", "key"), None)


def settled(name: str) -> Settled:
    invocation = create_autospec(Invocation, instance=True)
    invocation.request = InferenceRequest(name, b"")
    output = None
    return Settled(invocation, output, PLACES, Response(b"{}", "application/json"))  # type: ignore[arg-type] # not looked at


def test_an_outcome_that_cannot_be_delivered_is_the_only_one_that_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    tried: list[list[str]] = []
    delivered: list[str] = []

    def deliver(several: Sequence[Settled]) -> None:
        names = [one.invocation.request.inference_id for one in several]
        tried.append(names)
        if names == ["first"]:
            # Meanwhile the others come.
            for name in ("good", "bad", "better", "worse"):
                outbox.add(settled(name))
        if {"bad", "worse"} & set(names):
            raise KeyError(names)
        delivered.extend(names)

    with ThreadPoolExecutor(1) as io:
        outbox = Outbox(deliver, io)
        outbox.add(settled("first"))
    assert tried[:2] == [["first"], ["good", "bad", "better", "worse"]]
    assert delivered == ["first", "good", "better"]
    lost = [message for message in caplog.messages if "is lost" in message]
    assert lost == ["bad: the outcome is lost", "worse: the outcome is lost"]
