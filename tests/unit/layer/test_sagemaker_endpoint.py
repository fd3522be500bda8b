"""The client of InvokeEndpointAsync: what is sent again, what is postponed, and how much is under way at once."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.layer.endpoint_server import (
    BAD_GATEWAY,
    HUNG_UP,
    NOT_ACCEPTED,
    RESET,
    SILENT,
    TAKEN,
    THROTTLED,
    Answer,
    Server,
    endpoint,
    request,
    some,
)

from fanfold_core.aws.sagemaker import ConcurrencyLimit, Patience
from fanfold_core.aws.transfers import Lost, Reply, Transfers
from fanfold_core.domain.errors import EndpointError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize(
    "trouble",
    [
        THROTTLED,
        HUNG_UP,
        RESET,
        BAD_GATEWAY,
        NOT_ACCEPTED,
        Answer(503, "ServiceUnavailable", b"{}"),
        Answer(403, "InvalidSignatureException", b"{}"),
    ],
)
def test_a_request_that_is_not_taken_is_sent_again(server: Server, trouble: Answer) -> None:
    server.behave = lambda _, count, __: trouble if count < 2 else TAKEN
    assert endpoint(server, patience=Patience(20, 5)).send("tweets", some(3), ttl_seconds=60) == []
    assert set(server.times().values()) == {3}


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (THROTTLED, "ThrottlingException"),
        (BAD_GATEWAY, "502"),
        (NOT_ACCEPTED, "HTTP status 200, not 202"),
        (HUNG_UP, "Empty reply"),
        (RESET, "reset by peer"),
        (SILENT, "timed out"),
    ],
)
def test_a_request_that_is_never_taken_is_postponed_and_says_why(server: Server, trouble: Answer, words: str) -> None:
    unlucky = str(request(1).id)
    server.behave = lambda received, *_: trouble if received.inference_id == unlucky else TAKEN
    (late,) = endpoint(server).send("tweets", some(3), ttl_seconds=60)
    assert late.request == request(1)
    assert words in late.reason
    assert server.times()[str(request(0).id)] == 1


def test_requests_that_do_not_get_their_turn_are_postponed(server: Server) -> None:
    server.behave = lambda *_: Answer(seconds=0.2)
    requests = some(200)
    late = endpoint(server, patience=Patience(taking=0.3, reply=30)).send("tweets", requests, ttl_seconds=60)
    assert {str(one.request.id) for one in late}.isdisjoint(server.times())
    assert len(late) + len(server.times()) == 200


def test_a_server_out_of_reach_postpones_everything(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        server.url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    late = endpoint(server).send("tweets", some(2), ttl_seconds=60)
    assert len(late) == 2
    assert "Failed to connect" in late[0].reason


def test_a_refusal_says_what_the_endpoint_said_and_the_next_send_is_a_new_one(server: Server) -> None:
    server.behave = lambda *_: Answer(400, "ValidationError", b'{"message":"Endpoint tweets not found"}')
    sender = endpoint(server)
    with pytest.raises(EndpointError, match=r"tweets.*ValidationError: Endpoint tweets not found"):
        sender.send("tweets", some(50), ttl_seconds=60)
    server.behave = lambda *_: TAKEN
    server.received.clear()
    assert sender.send("tweets", some(2), ttl_seconds=60) == []
    assert server.times().keys() >= {str(request(0).id), str(request(1).id)}


def test_the_number_of_requests_under_way_follows_what_the_endpoint_takes(server: Server) -> None:
    most = 12
    server.behave = lambda _, __, under_way: Answer(seconds=0.01) if under_way <= most else THROTTLED
    assert endpoint(server, patience=Patience(20, 5)).send("tweets", some(400), ttl_seconds=60) == []
    refusals = len(server.received) - 400
    assert 0 < refusals < 200


def test_more_requests_are_under_way_while_replies_are_waited_for(server: Server) -> None:
    server.behave = lambda *_: Answer(seconds=0.6)  # far longer than it takes to send what may be under way
    assert endpoint(server, patience=Patience(60, 30)).send("tweets", some(300), ttl_seconds=60) == []
    assert len(server.clients) > ConcurrencyLimit().limit


def test_no_more_requests_are_under_way_where_replies_wait_for_us(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = Transfers.finished

    def late(transfers: Transfers[Any], seconds: float) -> Iterator[tuple[Any, Reply | Lost]]:
        time.sleep(0.4)  # the server has answered everything by then
        return prompt(transfers, seconds)

    monkeypatch.setattr(Transfers, "finished", late)
    assert endpoint(server, patience=Patience(20, 5)).send("tweets", some(200), ttl_seconds=60) == []
    assert len(server.clients) == ConcurrencyLimit().limit
