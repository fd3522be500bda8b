"""What no browser sends gets an answer in words, and never a stack trace; and connections stop nobody else."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from itertools import pairwise

import pytest
from tests.unit.console.conftest import At, Serve, Service

from fanfold.console.connections import HEAD_BYTES
from fanfold.console.security import Sessions

END = b"\r\n\r\n"


@pytest.fixture
def quiet(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], None]:
    """Checks that nothing was printed or logged."""

    def check() -> None:
        assert capfd.readouterr() == ("", "")
        assert caplog.records == []

    return check


def reply(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """The status, header fields and body of the answer on a connection, which ends with it."""
    connection.settimeout(20)
    received = b""
    while piece := connection.recv(65536):
        received += piece
    head, _, body = received.partition(END)
    status, *fields = head.decode("latin-1").split("\r\n")
    return int(status.split()[1]), dict(field.split(": ", 1) for field in fields), body


def ask(at: At, request: bytes, *, end: bool = False) -> tuple[int, dict[str, str], bytes]:
    with socket.create_connection(at) as connection:
        connection.sendall(request)
        if end:
            connection.shutdown(socket.SHUT_WR)
        return reply(connection)


def head(at: At, first: str = "GET / HTTP/1.1", *fields: str) -> bytes:
    return "\r\n".join([first, f"Host: {at[0]}:{at[1]}", *fields, "", ""]).encode("latin-1")


def upload(at: At, sessions: Sessions, *fields: str) -> bytes:
    token = sessions.begin(sessions.link_token)
    return head(
        at,
        "POST /api/jobs?name=a.csv HTTP/1.1",
        f"Origin: http://{at[0]}:{at[1]}",
        f"Authorization: Bearer {token}",
        *fields,
    )


MALFORMED = [
    (400, "GET"),
    (400, "\x16\x03\x01\x02"),  # TLS
    (400, "GET / HTTP/x"),
    (400, "GET / HTTP/1.1 more"),
    (505, "GET / HTTP/2.0"),
    (400, "GET http://[::1 HTTP/1.1"),
    (400, "GET http://evil.example/ HTTP/1.1"),
    (400, "GET * HTTP/1.1"),
    (400, "GET /\xff HTTP/1.1"),
    (400, "GET /%ff HTTP/1.1"),
    (400, "GET /?name=%ed%a0%80 HTTP/1.1"),
    (400, "GET /%zz HTTP/1.1"),
    (400, "GET /% HTTP/1.1"),
    (400, "G(T / HTTP/1.1"),
    (400, "G\x00T / HTTP/1.1"),
    (401, "DELETE / HTTP/1.1"),
    (401, "BREW / HTTP/1.1"),
    (401, "TRACE / HTTP/1.1"),
    (401, "BREW /api/jobs HTTP/1.1"),
    (401, "GET /" + "a" * 20_000 + " HTTP/1.1"),
    (401, "GET /a%00b HTTP/1.1"),
    (401, "GET /api/../../etc/passwd HTTP/1.1"),
    (404, "GET /static/..%2f..%2fapp.py HTTP/1.1"),
]


@pytest.mark.parametrize(("status", "first"), MALFORMED)
def test_a_malformed_request_gets_an_answer_in_words(
    at: At, quiet: Callable[[], None], status: int, first: str
) -> None:
    own = f"Origin: http://{at[0]}:{at[1]}"
    found, fields, body = ask(at, head(at, first, own))
    assert found == status
    assert json.loads(body)["error"]
    assert fields["X-Content-Type-Options"] == "nosniff"
    quiet()


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (400, ["Content-Length: x"]),
        (400, ["Content-Length: -1"]),
        (400, ["Content-Length: +1"]),
        (400, ["Content-Length: \xb2"]),
        (400, ["Content-Length: " + "9" * 100]),
        (400, ["Content-Length: 1", "Content-Length: 2"]),
        (400, ["Content-Length: 1, 1"]),
        (411, []),
        (411, ["Transfer-Encoding: chunked"]),
        (411, ["Transfer-Encoding: chunked", "Content-Length: 1"]),
        (411, ["Transfer-Encoding: gzip"]),
        (400, ["Content-Length: 100"]),  # of which fewer come
        (431, [f"X-{number}: x" for number in range(200)]),
        (431, ["X: " + "x" * HEAD_BYTES]),
    ],
)
def test_a_body_without_one_length_is_refused(
    at: At, sessions: Sessions, quiet: Callable[[], None], status: int, fields: list[str]
) -> None:
    found, _, body = ask(at, upload(at, sessions, *fields) + b"5\r\ntext\n\r\n0\r\n\r\n", end=True)
    assert found == status
    assert json.loads(body)["error"]
    quiet()


@pytest.mark.parametrize(
    "fields", [["no colon"], [": no name"], ["A\x00: x"], ["X: \xff\xfe"], [" folded"], ["Cookie: \xe9=\xe9; ="]]
)
def test_odd_header_fields_are_no_trouble(at: At, quiet: Callable[[], None], fields: list[str]) -> None:
    assert ask(at, head(at, "GET / HTTP/1.1", *fields))[0] in {200, 400}
    quiet()


def test_a_refused_upload_sees_why(at: At, quiet: Callable[[], None]) -> None:
    fields = [f"Origin: http://{at[0]}:{at[1]}", "Content-Length: 60000"]
    request = head(at, "POST /api/jobs?name=a.csv HTTP/1.1", *fields)
    assert ask(at, request + b"x" * 60_000)[0] == 401
    quiet()


def test_a_request_may_come_byte_by_byte_with_its_body(at: At, sessions: Sessions) -> None:
    with socket.create_connection(at) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        content = upload(at, sessions, "Content-Length: 4") + b"text"
        for start, end in pairwise([*range(0, len(content), 9), len(content)]):
            connection.sendall(content[start:end])
        assert reply(connection)[0] == 201


def test_a_head_that_does_not_come_in_time_is_not_waited_for(serve: Serve) -> None:
    at = serve(head_seconds=1)
    with socket.create_connection(at) as silent, socket.create_connection(at) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\n")
        assert ask(at, head(at))[0] == 200, "nobody waits for them"
        status, _, body = reply(slow)
        assert status == 408
        assert json.loads(body)["error"] == "the request took too long: try again"
        silent.settimeout(20)
        assert silent.recv(1) == b""


def test_a_body_that_stalls_is_not_waited_for(serve: Serve, sessions: Sessions, quiet: Callable[[], None]) -> None:
    at = serve(stall_seconds=0.3)
    with socket.create_connection(at) as connection:
        connection.sendall(upload(at, sessions, "Content-Length: 10") + b"text")
        assert reply(connection)[0] == 400
    quiet()


def test_a_client_that_does_not_read_is_not_waited_for(
    serve: Serve, sessions: Sessions, service: Service, quiet: Callable[[], None]
) -> None:
    at, ended = serve(stall_seconds=0.3), threading.Event()

    def endless() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 1_000_000
        finally:
            ended.set()

    service.content = endless
    token = sessions.begin(sessions.link_token)
    files = json.loads(ask(at, head(at, "GET /api/jobs/job-1 HTTP/1.1", f"Authorization: Bearer {token}"))[2])["files"]
    with socket.create_connection(at) as connection:
        connection.sendall(head(at, f"GET {files}results-for-spreadsheets.csv HTTP/1.1"))
        assert ended.wait(20)
    quiet()


def test_many_connections_stop_nobody_and_cost_no_thread(serve: Serve) -> None:
    at = serve(most_waiting=8)
    before = threading.active_count()
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_connection(at)) for _ in range(100)]
        for connection in held[::2]:
            with suppress(ConnectionError):  # it has given way
                connection.sendall(b"GET / HTTP/1.1\r\n")
        assert ask(at, head(at))[0] == 200
        assert threading.active_count() <= before + 1
        held[1].settimeout(20)
        assert held[1].recv(1) == b"", "the oldest gave way"


def test_requests_beyond_those_that_are_served_wait_for_their_turn(
    serve: Serve, service: Service, sessions: Sessions
) -> None:
    at = serve(most_served=2)
    with ExitStack() as stack:
        uploads = [stack.enter_context(socket.create_connection(at)) for _ in range(2)]
        for connection in uploads:
            connection.sendall(upload(at, sessions, "Content-Length: 4"))
            assert service.begun.acquire(timeout=20)
        late = stack.enter_context(socket.create_connection(at))
        late.sendall(head(at))
        late.settimeout(0.3)
        with pytest.raises(TimeoutError):
            late.recv(1)
        for connection in uploads:
            connection.sendall(b"text")
        assert [reply(connection)[0] for connection in uploads] == [201, 201]
        assert reply(late)[0] == 200


def test_a_request_that_waits_too_long_for_its_turn_is_told_so(
    serve: Serve, service: Service, sessions: Sessions
) -> None:
    at = serve(most_served=1, head_seconds=1)
    with socket.create_connection(at) as connection:
        connection.sendall(upload(at, sessions, "Content-Length: 4"))
        assert service.begun.acquire(timeout=20)
        status, _, body = ask(at, head(at))
        assert (status, json.loads(body)["error"]) == (503, "the console is busy: try again in a minute")
        connection.sendall(b"text")
        assert reply(connection)[0] == 201
