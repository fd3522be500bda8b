"""The client of InvokeEndpointAsync: its calls are boto3's, signed as AWS wants them, over TLS that is verified."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, cast

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import RefreshableCredentials
from botocore.httpsession import where
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.unit.layer.endpoint_server import (
    KEYS,
    REGION,
    TAKEN,
    Answer,
    Received,
    Server,
    endpoint,
    request,
    runtime,
    some,
)

from fanfold_core.aws.sagemaker import Patience

if TYPE_CHECKING:
    from pathlib import Path

    from botocore.credentials import Credentials

LOOPBACK = ip_address("127.0.0.1")


def signature(received: Received, url: str) -> str:
    """The Authorization header that botocore would send with this request, by its own clock's time."""
    signed = received.headers["Authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    again = AWSRequest("POST", url + received.path, {name: received.headers[name] for name in signed}, received.body)
    again.context["timestamp"] = received.headers["X-Amz-Date"]
    auth = SigV4Auth(KEYS, "sagemaker", REGION)
    text = auth.string_to_sign(again, auth.canonical_request(again))
    return str(auth.signature(text, again))


def test_a_request_is_sent_as_boto3_sends_it(server: Server) -> None:
    plain = request()._replace(timeout_seconds=120)
    stored = plain._replace(id=request(1).id, body=b"large", location="s3://output/requests/large.json")
    assert endpoint(server).send("tweets", [plain, stored], ttl_seconds=3600) == []
    for sent in (plain, stored):
        payload = {"InputLocation": sent.location} if sent.location else {"Body": sent.body}
        call: Any = runtime(server.url).invoke_endpoint_async
        call(
            EndpointName="tweets",
            ContentType="application/json",
            Accept="application/json",
            InferenceId=str(sent.id),
            S3OutputPathExtension=sent.folder,
            CustomAttributes=sent.nonce,
            Filename=sent.id.filename,
            RequestTTLSeconds=3600,
            InvocationTimeoutSeconds=120,
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


def test_credentials_that_expire_on_the_way_are_replaced(server: Server) -> None:
    now = datetime.now(UTC)
    expires, later = now + timedelta(minutes=1), now + timedelta(hours=6)
    renewed = {"access_key": "NEW", "secret_key": "s", "token": "t", "expiry_time": later.isoformat()}
    rotating = RefreshableCredentials(
        *("OLD", "s", "t", expires, lambda: renewed, "test"),
        time_fetcher=lambda: expires + timedelta(seconds=1) if server.received else now,
        advisory_timeout=0,
        mandatory_timeout=0,
    )
    expired = Answer(403, "ExpiredTokenException", b'{"message":"The security token is expired"}')
    server.behave = lambda received, *_: expired if received.access_key == "OLD" else TAKEN
    late = endpoint(server, credentials=cast("Credentials", rotating)).send("tweets", some(3), ttl_seconds=60)
    assert late == []
    assert {received.access_key for received in server.received} == {"OLD", "NEW"}


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
