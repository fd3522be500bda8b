"""What botocore signs is let in, and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.config import Config
from tests.localaws.signed import GUARD, KEYS, signed

from localaws.access.guard import Guard
from localaws.access.refusals import RefusedError
from localaws.credentials import Keys, LocalSession

HOST = "http://127.0.0.1:4566"
SESSION = Keys("ASIA", "secret", "token/+=", datetime(2100, 1, 1, tzinfo=UTC))


def guard_of(*keys: Keys, now: Callable[[], float] | None = None) -> Guard:
    find = {each.access_key_id: each for each in keys}.get
    return Guard(find, now) if now else Guard(find)


def refusal(guard: Guard, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> str:
    with pytest.raises(RefusedError) as refused:
        guard.admit(method, target, headers.items(), body)
    return refused.value.refusal.xml


def headers_of(method: str, target: str, body: bytes = b"", **options: Any) -> dict[str, str]:
    return {"Host": urlsplit(HOST).netloc, **signed(method, HOST + target, body, **options)}


@pytest.mark.parametrize(
    ("service", "target"),
    [
        ("sagemaker", "/endpoints/a%20b/async-invocations"),
        ("sqs", "/"),
        ("s3", "/bucket/a%20b%2B~%C3%A9/../x//y?versionId=1&uploads&list-type=2&prefix=a%2Fb%20c"),
        ("lambda", "/2015-03-31/functions/arn%3Aaws%3Alambda/invocations?b=2&a=1&a=0"),
    ],
)
def test_what_botocore_signs_is_admitted(service: str, target: str) -> None:
    extra = {"X-Amz-Meta-Note": "  several   spaces ", "X-Amz-Target": "Some.Thing"}
    for keys in (KEYS, SESSION):
        headers = headers_of("POST", target, b"body", keys=keys, service=service, headers=extra)
        claim = guard_of(KEYS, SESSION).admit("POST", target, headers.items(), b"body")
        assert (claim.access_key_id, claim.token) == (keys.access_key_id, keys.token)


def test_a_header_in_another_encoding_than_ascii_is_admitted_as_it_was_sent() -> None:
    headers = headers_of("PUT", "/bucket/k", service="s3", headers={"Content-Disposition": "é"})
    # A server reads the bytes of a head as Latin-1.
    headers["Content-Disposition"] = "é".encode().decode("latin-1")
    assert GUARD.admit("PUT", "/bucket/k", headers.items(), b"").service == "s3"


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"method": "DELETE"}, "SignatureDoesNotMatch"),
        ({"target": "/other?a=1"}, "SignatureDoesNotMatch"),
        ({"target": "/path?a=2"}, "SignatureDoesNotMatch"),
        ({"target": "/path?a=1&b=2"}, "SignatureDoesNotMatch"),
        ({"body": b"other"}, "SignatureDoesNotMatch"),
        ({"Host": "localhost:4566"}, "SignatureDoesNotMatch"),
        ({"X-Amz-Target": "Some.Other"}, "SignatureDoesNotMatch"),
        ({"X-Amz-Date": "20130524T000000Z"}, "IncompleteSignature"),
        ({"X-Amz-Date": "today"}, "IncompleteSignature"),
        ({"X-Amz-Copy-Source": "bucket/other"}, "SignatureDoesNotMatch"),
        ({"X-Amz-Security-Token": "token"}, "InvalidClientTokenId"),  # checkov:skip=CKV_SECRET_6:the name of an error
        ({"Authorization": None}, "MissingAuthenticationToken"),
        ({"Authorization": "Bearer abc"}, "IncompleteSignature"),
        (
            {"Authorization": None, "target": "/path?Expires=" + "9" * 5_000 + "&AWSAccessKeyId=test&Signature=x"},
            "SignatureDoesNotMatch",
        ),
        ({"Authorization": "AWS test:c2lnbmVk"}, "IncompleteSignature"),
    ],
)
def test_what_was_changed_after_it_was_signed_is_refused(change: dict[str, Any], refused: str) -> None:
    headers = headers_of("POST", "/path?a=1", b"body", headers={"X-Amz-Target": "Some.Thing"})
    sent: dict[str, Any] = {"method": "POST", "target": "/path?a=1", "body": b"body", **headers, **change}
    method, target, body = sent.pop("method"), sent.pop("target"), sent.pop("body")
    assert refusal(GUARD, method, target, {name: value for name, value in sent.items() if value}, body) == refused


@pytest.mark.parametrize(
    ("mine", "theirs", "refused"),
    [
        (KEYS, None, "InvalidClientTokenId"),
        (
            KEYS,
            replace(KEYS, secret_access_key="other"),
            "SignatureDoesNotMatch",
        ),  # checkov:skip=CKV_SECRET_6:the name of an error
        (SESSION, replace(SESSION, token="other"), "InvalidClientTokenId"),
        (replace(SESSION, token=""), SESSION, "InvalidClientTokenId"),
        (SESSION, replace(SESSION, expires=datetime.now(UTC) - timedelta(seconds=1)), "ExpiredToken"),
    ],
)
def test_other_keys_than_those_known_are_refused(mine: Keys, theirs: Keys | None, refused: str) -> None:
    guard = guard_of(*([theirs] if theirs else []))
    assert refusal(guard, "POST", "/", headers_of("POST", "/", keys=mine)) == refused


@pytest.mark.parametrize(("late", "is_admitted"), [(-901, False), (-890, True), (890, True), (901, False)])
def test_a_request_is_valid_for_fifteen_minutes(late: int, *, is_admitted: bool) -> None:
    headers = headers_of("POST", "/")
    at = datetime.strptime(headers["X-Amz-Date"], "%Y%m%dT%H%M%S%z").timestamp() + late
    guard = guard_of(KEYS, now=lambda: at)
    if is_admitted:
        assert guard.admit("POST", "/", headers.items(), b"").service == "sagemaker"
    else:
        assert refusal(guard, "POST", "/", headers) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("version", ["s3v4", "s3"])
@pytest.mark.parametrize("keys", [KEYS, SESSION])
def test_a_presigned_url_is_admitted_for_as_long_as_it_says_and_for_nothing_else(version: str, keys: Keys) -> None:
    s3 = LocalSession({"": HOST}, keys).client("s3", config=Config(signature_version=version))
    parameters = {"Bucket": "bucket", "Key": "a b+é&/c", "ResponseContentType": "text/csv; x=y"}
    url = urlsplit(s3.generate_presigned_url("get_object", Params=parameters, ExpiresIn=3_600))
    target, headers, now = f"{url.path}?{url.query}", {"Host": url.netloc}, datetime.now(UTC).timestamp()
    claim = guard_of(keys).admit("GET", target, headers.items(), b"")
    assert (claim.access_key_id, claim.token, claim.service) == (keys.access_key_id, keys.token, "s3")
    assert refusal(guard_of(keys, now=lambda: now + 3_602), "GET", target, headers) == "SignatureDoesNotMatch"
    assert refusal(guard_of(keys), "PUT", target, headers) == "SignatureDoesNotMatch"
    assert refusal(guard_of(keys), "GET", target.replace("/c?", "/d?"), headers) == "SignatureDoesNotMatch"
    copying = {**headers, "x-amz-copy-source": "bucket/other"}
    assert refusal(guard_of(keys), "GET", target, copying) == "SignatureDoesNotMatch"
    other = guard_of(replace(keys, secret_access_key="other"))
    assert refusal(other, "GET", target, headers) == "SignatureDoesNotMatch"


def test_a_body_whose_hash_is_signed_is_that_body() -> None:
    headers = headers_of("PUT", "/bucket/k", b"body", service="s3")
    assert GUARD.admit("PUT", "/bucket/k", headers.items(), b"body").service == "s3"
    with pytest.raises(RefusedError) as refused:
        GUARD.admit("PUT", "/bucket/k", headers.items(), b"other")
    assert refused.value.refusal.s3 == "XAmzContentSHA256Mismatch"


@pytest.mark.parametrize("payload", ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"])
def test_a_body_may_be_left_unsigned(payload: str) -> None:
    headers = headers_of("PUT", "/bucket/k", service="s3", headers={"X-Amz-Content-SHA256": payload})
    body = b"4\r\nbody\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"
    assert GUARD.admit("PUT", "/bucket/k", headers.items(), body).service == "s3"
