"""Bodies that are signed chunk by chunk: the examples of AWS's documentation.

"Transferring Payload in Multiple Chunks" and "Including trailing headers", both of "Signature Calculations for the
Authorization Header": 65 KB of "a" in chunks of 64 KB.
"""

from datetime import UTC, datetime

import pytest

from localaws.access.refusals import RefusedError
from localaws.access.signature import Claim, Request
from localaws.credentials import Keys

KEYS = Keys(
    "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)  # checkov:skip=CKV_SECRET_2:the example of the documentation
MOMENT = datetime(2013, 5, 24, tzinfo=UTC).timestamp()
HEADERS = {
    "content-encoding": "aws-chunked",
    "content-length": "66824",
    "host": "s3.amazonaws.com",
    "x-amz-date": "20130524T000000Z",
    "x-amz-decoded-content-length": "66560",
    "x-amz-storage-class": "REDUCED_REDUNDANCY",
}
PLAIN = (
    {"x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"},
    (
        "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;"
        "x-amz-storage-class"
    ),
    "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    (
        b"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        b"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        b"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ),
    b"\r\n",
)
WITH_TRAILER = (
    {
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "x-amz-trailer": "x-amz-checksum-crc32c",
    },
    (
        "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;"
        "x-amz-trailer"
    ),
    "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    (
        b"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        b"1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        b"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    ),
    (
        b"x-amz-checksum-crc32c:sOO8/Q==\r\n"
        b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
    ),
)
Example = tuple[dict[str, str], str, str, tuple[bytes, ...], bytes]


def body_of(example: Example) -> bytes:
    chunks = zip((65_536, 1_024, 0), example[3], strict=True)
    ended = [b"%x;chunk-signature=%s\r\n%s" % (size, signature, b"a" * size) for size, signature in chunks]
    return b"\r\n".join(ended) + example[4]


def check(example: Example, body: bytes) -> None:
    more, names, seed, _, _ = example
    scope = f"{KEYS.access_key_id}/20130524/us-east-1/s3/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={scope},SignedHeaders={names},Signature={seed}"
    headers = {**HEADERS, **more, "authorization": authorization}
    request = Request.of("PUT", "/examplebucket/chunkObject.txt", headers, body)
    Claim.of(request).check(request, KEYS, MOMENT)


@pytest.mark.parametrize("example", [PLAIN, WITH_TRAILER])
def test_the_examples_of_the_documentation_are_admitted(example: Example) -> None:
    check(example, body_of(example))


@pytest.mark.parametrize("example", [PLAIN, WITH_TRAILER])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"aaa\r\n400;", b"aab\r\n400;"),
        (b"\r\n400;", b"\r\n3ff;"),
        (b"\r\n0;chunk-signature=", b"\r\n0;chunk-signature=0"),
        (b"\r\n0;chunk-signature=", b"\r\n0;"),
        (b"\r\n0;", b"\r\n-1;"),
        (b"10000;", b";"),
        (b"10000;", b"10000000000000000000;"),
    ],
)
def test_a_chunk_that_was_changed_is_refused(example: Example, old: bytes, new: bytes) -> None:
    body = body_of(example)
    assert old in body
    with pytest.raises(RefusedError):
        check(example, body.replace(old, new))


@pytest.mark.parametrize("example", [PLAIN, WITH_TRAILER])
@pytest.mark.parametrize("length", [0, 10, 66_000])
def test_a_body_that_breaks_off_is_refused(example: Example, length: int) -> None:
    with pytest.raises(RefusedError):
        check(example, body_of(example)[:length])


@pytest.mark.parametrize(
    ("old", "new"), [(b"sOO8/Q==", b"AAAAAA=="), (b"x-amz-trailer-signature:", b""), (b"d81f", b"")]
)
def test_a_trailer_that_was_changed_is_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(RefusedError):
        check(WITH_TRAILER, body_of(WITH_TRAILER).replace(old, new))
