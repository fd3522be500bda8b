import errno
import http.client
import os
import threading
import time
from collections.abc import Iterator

import pytest
from tests.localaws.signed import GUARD, signed

from localaws import connections
from localaws.connections import explained
from localaws.endpoint.surface import HttpSurface, Reply


class Answering:
    """A runtime that answers everything."""

    def invoke_async(self, *_: object) -> Reply:
        return Reply(202, b"{}")

    def invoke(self, *_: object) -> Reply:
        return Reply(200, b"{}")


@pytest.fixture
def surface(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpSurface]:
    """A server that may open eight files."""
    monkeypatch.setattr(connections, "file_limit", lambda: 8)
    # Nothing is idle for so long on a busy machine.
    monkeypatch.setattr(connections, "IDLE_SECONDS", 60)
    surface = HttpSurface(0, Answering(), GUARD)
    thread = threading.Thread(target=surface.serve_forever, args=(0.01,))
    thread.start()
    yield surface
    surface.close()
    thread.join()


def ask(client: http.client.HTTPConnection) -> int:
    path = "/endpoints/tweets/invocations"
    client.request("POST", path, b"{}", signed("POST", f"http://{client.host}:{client.port}{path}", b"{}"))
    reply = client.getresponse()
    reply.read()
    return reply.status


def test_more_clients_than_places_all_get_their_turn(surface: HttpSurface) -> None:
    answers: list[int] = []
    most: list[int] = []

    def keep_asking() -> None:
        client = http.client.HTTPConnection("127.0.0.1", surface.server_address[1], timeout=30)
        for _ in range(5):
            answers.append(ask(client))
            most.append(len(surface._connections))  # noqa: SLF001 # nobody else sees them
        client.close()

    clients = [threading.Thread(target=keep_asking) for _ in range(20)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert answers == [200] * 100
    assert max(most) <= 4


def test_a_connection_serves_several_requests_and_ends_when_it_is_idle(
    surface: HttpSurface, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = http.client.HTTPConnection("127.0.0.1", surface.server_address[1], timeout=30)
    assert ask(client) == 200
    socket = client.sock
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.3)  # from the next reply on
    assert ask(client) == 200
    assert client.sock is socket
    deadline = time.monotonic() + 30
    while surface._connections and time.monotonic() < deadline:  # noqa: SLF001 # likewise
        time.sleep(0.05)
    assert not surface._connections  # noqa: SLF001 # likewise
    client.close()


def test_an_error_for_want_of_files_says_so_however_it_is_wrapped() -> None:
    wrapped = ConnectionError("could not connect")
    assert explained(wrapped) == "could not connect"
    wrapped.__cause__ = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    assert "too many open files" in explained(wrapped)
    assert "ulimit -n" in explained(wrapped)
