"""Models behind an address: containers, and paths of other servers."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest
from tests.containers import Container

from localaws.endpoint.models import ContainerModel, ModelError, load_model
from localaws.errors import ModelUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Serve = Callable[[type[Container]], str]

JSON = "application/json"


class Echo(Container):
    """A container that answers with what it was sent, and where."""

    def invoke(self, body: bytes) -> tuple[int, bytes]:
        if body == b"bad":
            return 507, b"full"
        return 200, f"{self.path} {self.headers['Content-Type']} {body.decode()}".encode()


class Server(Echo):
    """No container: it has no `/ping`. Its `/health` is answered with these statuses, and then always with the last."""

    health: ClassVar[list[int]]

    def ask(self) -> int:
        assert self.path == "/health"
        return self.health.pop(0) if len(self.health) > 1 else self.health[0]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a container; its address."""
    with ExitStack() as running:

        def serve(container: type[Container]) -> str:
            server = running.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), container))
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            running.callback(thread.join)
            running.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}"

        yield serve


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_container_gets_each_request_and_its_status_counts(serve: Serve, slash: str) -> None:
    model = load_model(serve(Echo) + slash)
    assert model.predict(b"hello", "text/plain", "") == b"/invocations text/plain hello"
    with pytest.raises(ModelError, match="507: full"):
        model.predict(b"bad", "text/plain", "")


@pytest.mark.parametrize("health", [[200], [404], [405], [501], [503, 503, 200]])
def test_an_address_with_a_path_is_that_of_a_server_which_gets_each_request_there(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, health: list[int]
) -> None:
    waits = len(health) > 1
    monkeypatch.setattr(Server, "health", health, raising=False)
    at = serve(Server)
    model = load_model(f"{at}/v1/embeddings?api=2")
    assert model.predict(b"hello", JSON, "") == f"/v1/embeddings?api=2 {JSON} hello".encode()
    with pytest.raises(ModelError, match="507: full"):
        model.predict(b"bad", JSON, "")
    assert caplog.messages == [f"waiting for the server at {at} to answer /health with 200"] * waits


def test_a_server_that_does_not_get_well_is_given_up(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Server, "health", [503], raising=False)
    model = ContainerModel(f"{serve(Server)}/embed")
    with pytest.raises(ModelUnavailableError, match=r"the server at .* did not answer /health with 200 in 0 seconds"):
        model.wait_until_ready(patience_seconds=0)


@pytest.mark.parametrize(("path", "health"), [("", "/ping"), ("/embed", "/health")])
def test_where_nothing_listens_is_soon_given_up_and_one_is_told_what_to_do(
    caplog: pytest.LogCaptureFixture, path: str, health: str
) -> None:
    with pytest.raises(
        ModelUnavailableError, match=r"nothing listens at http://127\.0\.0\.1:1: start the server first"
    ):
        ContainerModel(f"http://127.0.0.1:1{path}").wait_until_ready(patience_seconds=60, listening_seconds=0)
    assert caplog.messages == [f"waiting for the server at http://127.0.0.1:1 to answer {health} with 200"]


def test_a_container_that_listens_has_longer_to_answer_ping() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        model = ContainerModel(f"http://127.0.0.1:{deaf.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(ModelUnavailableError, match="did not answer /ping with 200"):
            model.wait_until_ready(patience_seconds=3, listening_seconds=0)
    assert time.monotonic() - began >= 3
