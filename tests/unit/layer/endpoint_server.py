"""A server that behaves as it is told, and the client of InvokeEndpointAsync that talks to it."""

from __future__ import annotations

import socket
import struct
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import boto3
from botocore.credentials import Credentials

from fanfold_core.aws.sagemaker import Patience, SageMakerEndpoint
from fanfold_core.domain.keys import RequestId
from fanfold_core.domain.requests import Request
from fanfold_core.domain.spans import Span

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from email.message import Message

    from types_boto3_sagemaker_runtime import SageMakerRuntimeClient

REGION = "eu-west-1"
# On a busy machine, everything takes its time. Only what is never taken is worth little of it.
LONG, SHORT = Patience(taking=60, reply=30), Patience(taking=1, reply=4)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server says; nothing at all, and hangs up, if there is no status."""

    status: int | None = 202
    code: str = ""
    body: bytes = b'{"InferenceId":"x"}'
    seconds: float = 0


TAKEN = Answer()
THROTTLED = Answer(400, "ThrottlingException", b'{"message":null}')
HUNG_UP, RESET = Answer(None), Answer(0)
BAD_GATEWAY = Answer(502, body=b"<html>Bad Gateway</html>")
NOT_ACCEPTED = Answer(200, body=b"<html>Log in to the guest network</html>")
SILENT = Answer(seconds=60)


@dataclass(slots=True)
class Received:
    """A request as it arrived."""

    path: str
    headers: Message
    body: bytes

    @property
    def inference_id(self) -> str:
        return str(self.headers["X-Amzn-SageMaker-Inference-Id"])

    @property
    def access_key(self) -> str:
        return str(self.headers["Authorization"]).partition("Credential=")[2].partition("/")[0]


@dataclass(slots=True)
class Server:
    """Answers the nth request (from 0) for an inference id, of which so many are under way, as `behave` says."""

    behave: Callable[[Received, int, int], Answer] = lambda *_: TAKEN
    url: str = ""
    clients: set[tuple[str, int]] = field(default_factory=set)
    received: list[Received] = field(default_factory=list)
    under_way: int = 0
    answered: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def running(self, context: ssl.SSLContext | None = None) -> Iterator[None]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = Received(self.path, self.headers, body)
                with server.lock:
                    count = sum(request.inference_id == other.inference_id for other in server.received)
                    server.received.append(request)
                    server.clients.add(self.client_address)
                    server.under_way += 1
                    answer = server.behave(request, count, server.under_way)
                waits.wait(answer.seconds)
                with server.lock:
                    server.under_way -= 1
                if not answer.status:
                    self.close_connection = True
                    if answer == RESET:
                        # Closed without lingering, a connection is reset.
                        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        self.connection.close()
                    else:
                        self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(answer.status)
                if answer.code:
                    self.send_header("x-amzn-ErrorType", answer.code)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)
                with server.lock:
                    server.answered += 1

            def log_message(self, *_: Any) -> None:
                pass

        class Listener(ThreadingHTTPServer):
            request_queue_size = 128

            def handle_error(self, *_: Any) -> None:
                """A client that has lost its patience is gone."""

        waits = threading.Event()
        listener = Listener(("127.0.0.1", 0), Handler)
        if context:
            listener.socket = context.wrap_socket(listener.socket, server_side=True)
        self.url = f"http{'s' if context else ''}://127.0.0.1:{listener.server_port}"
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield
        finally:
            waits.set()
            listener.shutdown()
            thread.join()
            listener.server_close()

    def times(self) -> Counter[str]:
        """How often each request was received."""
        return Counter(request.inference_id for request in self.received)


KEYS = Credentials("AKIDEXAMPLE", "secret/+key", "token//token")


def runtime(url: str) -> SageMakerRuntimeClient:
    session = boto3.Session(KEYS.access_key, KEYS.secret_key, KEYS.token, REGION)
    return session.client("sagemaker-runtime", endpoint_url=url)


def endpoint(
    server: Server, *, credentials: Credentials = KEYS, patience: Patience = LONG, ca_bundle: str = ""
) -> SageMakerEndpoint:
    return SageMakerEndpoint(runtime(server.url), credentials, ca_bundle, patience)


def request(number: int = 0) -> Request:
    identity = RequestId("tweets-1f", 7, Span(number, 1), 1)
    return Request(identity, b'{"inputs":["\xc3\xa7a va"]}', "tweets-1f/5e0c/0000007", "5e0c")


def some(count: int) -> list[Request]:
    return [request(number) for number in range(count)]
