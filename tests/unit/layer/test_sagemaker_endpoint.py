"""The client of InvokeEndpointAsync, against a server that behaves as it is told."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, RefreshableCredentials
from botocore.httpsession import where
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fanfold_core.aws.sagemaker import ConcurrencyLimit, Patience, SageMakerEndpoint
from fanfold_core.aws.transfers import Lost, Reply, Transfers
from fanfold_core.domain.errors import EndpointError
from fanfold_core.domain.keys import RequestId
from fanfold_core.domain.requests import Request
from fanfold_core.domain.spans import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import Message
    from pathlib import Path

    from types_boto3_sagemaker_runtime import SageMakerRuntimeClient

REGION = "eu-west-1"
LOOPBACK = ip_address("127.0.0.1")
SHORT = Patience(taking=1, reply=0.5)


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
SILENT = Answer(seconds=2)


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


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    with server.running():
        yield server


KEYS = Credentials("AKIDEXAMPLE", "secret/+key", "token//token")


def runtime(url: str) -> SageMakerRuntimeClient:
    session = boto3.Session(KEYS.access_key, KEYS.secret_key, KEYS.token, REGION)
    return session.client("sagemaker-runtime", endpoint_url=url)


def endpoint(
    server: Server, *, credentials: Credentials = KEYS, patience: Patience = SHORT, ca_bundle: str = ""
) -> SageMakerEndpoint:
    return SageMakerEndpoint(runtime(server.url), credentials, ca_bundle, patience)


def request(number: int = 0) -> Request:
    return Request(RequestId("tweets-1f", 7, Span(number, 1), 1), b'{"inputs":["\xc3\xa7a va"]}')


def some(count: int) -> list[Request]:
    return [request(number) for number in range(count)]


def signature(received: Received, url: str) -> str:
    """The Authorization header that botocore would send with this request, by its own clock's time."""
    signed = received.headers["Authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    again = AWSRequest("POST", url + received.path, {name: received.headers[name] for name in signed}, received.body)
    again.context["timestamp"] = received.headers["X-Amz-Date"]
    auth = SigV4Auth(KEYS, "sagemaker", REGION)
    text = auth.string_to_sign(again, auth.canonical_request(again))
    return str(auth.signature(text, again))


def test_a_request_is_sent_as_boto3_sends_it(server: Server) -> None:
    plain, stored = request(), Request(request(1).id, b"large", "s3://output/requests/large.json")
    assert endpoint(server).send("tweets", [plain, stored], ttl_seconds=3600) == []
    for sent in (plain, stored):
        payload = {"InputLocation": sent.location} if sent.location else {"Body": sent.body}
        call: Any = runtime(server.url).invoke_endpoint_async
        call(
            EndpointName="tweets",
            ContentType="application/json",
            Accept="application/json",
            InferenceId=str(sent.id),
            S3OutputPathExtension=sent.id.folder,
            Filename=sent.id.filename,
            RequestTTLSeconds=3600,
            **payload,
        )
    by_id = sorted(server.received, key=lambda received: received.inference_id)
    for one, other in (by_id[:2], by_id[2:]):
        assert (one.path, one.body, one.access_key) == (other.path, other.body, other.access_key)
        ours, boto3s = (
            {name.lower(): value for name, value in received.headers.items() if "sagemaker" in name.lower()}
            for received in (one, other)
        )
        assert ours == boto3s


def test_every_request_is_signed_so_that_aws_lets_it_in(server: Server) -> None:
    endpoint(server).send("tweets", some(3), ttl_seconds=60)
    for received in server.received:
        assert received.headers["X-Amz-Security-Token"] == KEYS.token
        assert received.headers["Authorization"].endswith(f"Signature={signature(received, server.url)}")


@pytest.mark.parametrize("trouble", [THROTTLED, HUNG_UP, RESET, BAD_GATEWAY, Answer(503, "ServiceUnavailable", b"{}")])
def test_a_request_that_is_not_taken_is_sent_again(server: Server, trouble: Answer) -> None:
    server.behave = lambda _, count, __: trouble if count < 2 else TAKEN
    assert endpoint(server).send("tweets", some(3), ttl_seconds=60) == []
    assert set(server.times().values()) == {3}


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (THROTTLED, "ThrottlingException"),
        (BAD_GATEWAY, "502"),
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
    late = endpoint(server, patience=Patience(taking=0.3, reply=1)).send("tweets", requests, ttl_seconds=60)
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


def test_credentials_that_expire_on_the_way_are_replaced(server: Server) -> None:
    expires = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    keys = {"access_key": "OLD", "secret_key": "s", "token": "t", "expiry_time": expires}
    later = (datetime.now(UTC) + timedelta(hours=6)).isoformat()
    rotating = RefreshableCredentials.create_from_metadata(
        keys,
        refresh_using=lambda: keys | {"access_key": "NEW", "expiry_time": later},
        method="test",
        advisory_timeout=0,
        mandatory_timeout=0,
    )
    expired = Answer(403, "ExpiredTokenException", b'{"message":"The security token is expired"}')
    server.behave = lambda received, *_: expired if received.access_key == "OLD" else TAKEN
    late = endpoint(server, credentials=cast("Credentials", rotating), patience=Patience(10, 1)).send(
        "tweets", some(3), ttl_seconds=60
    )
    assert late == []
    assert {received.access_key for received in server.received} == {"OLD", "NEW"}


def test_the_number_of_requests_under_way_follows_what_the_endpoint_takes(server: Server) -> None:
    most = 12
    server.behave = lambda _, __, under_way: Answer(seconds=0.01) if under_way <= most else THROTTLED
    assert endpoint(server, patience=Patience(20, 5)).send("tweets", some(400), ttl_seconds=60) == []
    refusals = len(server.received) - 400
    assert 0 < refusals < 200


def test_more_requests_are_under_way_while_replies_are_waited_for(server: Server) -> None:
    server.behave = lambda *_: Answer(seconds=0.2)
    assert endpoint(server, patience=Patience(20, 5)).send("tweets", some(300), ttl_seconds=60) == []
    assert len(server.clients) > 3 * ConcurrencyLimit().limit


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


def test_tls_is_spoken_with_servers_that_the_bundle_vouches_for(server: Server, tmp_path: Path) -> None:
    secure, bundle = Server(), tmp_path / "ca.pem"
    with secure.running(self_signed(bundle)):
        assert endpoint(secure, ca_bundle=str(bundle)).send("tweets", some(3), ttl_seconds=60) == []
        # Time enough for a handshake on a machine that is busy.
        doubting = endpoint(secure, ca_bundle=where(), patience=Patience(5, 5))
        (late,) = doubting.send("tweets", some(1), ttl_seconds=60)
    assert "certificate" in late.reason
    assert server.received == []


def self_signed(bundle: Path) -> ssl.SSLContext:
    """A server's side of TLS; who trusts the bundle trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(LOOPBACK)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = bundle.with_suffix(".key")
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle, private)
    return context
