"""The client of InvokeEndpointAsync: what is sent again, what is postponed, and how much is under way at once."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.layer.endpoint_server import (
    BAD_GATEWAY,
    HUNG_UP,
    KEYS,
    NOT_ACCEPTED,
    REGION,
    RESET,
    SHORT,
    SILENT,
    TAKEN,
    THROTTLED,
    Answer,
    Received,
    Server,
    endpoint,
    request,
    some,
)

from fanfold_core.aws.sagemaker import ConcurrencyLimit, Patience
from fanfold_core.aws.signing import Signer
from fanfold_core.aws.transfers import Lost, Reply, Transfers
from fanfold_core.domain.errors import EndpointError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize(
    "trouble",
    [
        THROTTLED,
        HUNG_UP,
        KEYS,
        RESET,
        BAD_GATEWAY,
        NOT_ACCEPTED,
        Answer(503, "ServiceUnavailable", b"{}"),
        Answer(403, "InvalidSignatureException", b"{}"),
    ],
)
def test_a_request_that_is_not_taken_is_sent_again(server: Server, trouble: Answer) -> None:
    server.behave = lambda _, count, __: trouble if count < 2 else TAKEN
    assert endpoint(server).send("tweets", some(3), ttl_seconds=60) == []
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
    (late,) = endpoint(server, patience=SHORT).send("tweets", some(3), ttl_seconds=60)
    assert late.request == request(1)
    assert words in late.reason
    assert server.times()[str(request(0).id)] == 1


def test_requests_that_do_not_get_their_turn_are_postponed(server: Server) -> None:
    server.behave = lambda *_: Answer(seconds=0.2)
    requests = some(200)
    late = endpoint(server, patience=Patience(taking=0.3, reply=30)).send("tweets", requests, ttl_seconds=60)
    assert late
    assert {str(one.request.id) for one in late}.isdisjoint(server.times())
    assert len(late) + len(server.times()) == 200


def test_a_server_out_of_reach_postpones_everything(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        server.url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    late = endpoint(server, patience=SHORT).send("tweets", some(2), ttl_seconds=60)
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
    most, refused = 12, []

    def behave(_: Received, __: int, under_way: int) -> Answer:
        if under_way > most:
            refused.append(under_way)
            return THROTTLED
        # Until one is too many, for long enough that one becomes too many on a busy machine, too.
        return Answer(seconds=0.01 if refused else 1)

    server.behave = behave
    assert endpoint(server).send("tweets", some(400), ttl_seconds=60) == []
    assert 0 < len(refused) < 200


def test_more_requests_are_under_way_while_replies_are_waited_for(server: Server) -> None:
    server.behave = lambda *_: Answer(seconds=0.6)  # far longer than it takes to send what may be under way
    assert endpoint(server).send("tweets", some(300), ttl_seconds=60) == []
    assert len(server.clients) > ConcurrencyLimit().limit


def test_no_more_requests_are_under_way_where_replies_wait_for_us(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = Transfers.finished

    def late(transfers: Transfers[Any], seconds: float) -> Iterator[tuple[Any, Reply | Lost]]:
        yield from prompt(transfers, seconds)
        transfers.has_waited = False

    monkeypatch.setattr(Transfers, "finished", late)
    assert endpoint(server).send("tweets", some(200), ttl_seconds=60) == []
    assert len(server.clients) == ConcurrencyLimit().limit


def test_a_reply_that_was_there_before_it_was_asked_for_was_not_waited_for(server: Server) -> None:
    may_answer = threading.Event()

    def behave(*_: object) -> Answer:
        assert may_answer.wait(60)
        return TAKEN

    server.behave = behave
    transfers = Transfers[str]("", Signer(KEYS, REGION, "sagemaker"), reply_seconds=60)
    transfers.start("first", server.url, {}, b"{}")
    while not server.received:
        assert list(transfers.finished(0.01)) == []
    assert list(transfers.finished(0.01)) == []
    assert transfers.has_waited
    may_answer.set()
    while not server.answered:
        time.sleep(0.01)
    ((what, reply),) = transfers.finished(60)
    assert (what, reply[0], transfers.has_waited) == ("first", TAKEN.status, False)
