"""Signatures, against those of botocore for the same requests."""

from __future__ import annotations

import string
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from fanfold_core.aws.signing import Signer

if TYPE_CHECKING:
    import pytest

VISIBLE = "".join(sorted(set(string.printable) - set(string.whitespace)))
words = st.text(VISIBLE, min_size=1, max_size=20)
values = st.lists(words, min_size=1, max_size=3).map(" ".join)
names = (
    st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)
    .map("x-amz-".__add__)
    .filter(lambda name: name not in {"x-amz-date", "x-amz-security-token"})
)
segments = st.text(min_size=1).filter(lambda text: text.isprintable()).map(lambda text: quote(text, safe=""))
paths = st.lists(st.sampled_from(["", ".", ".."]) | segments, max_size=4).map("/".join)
places = st.sampled_from(
    ["https://runtime.example", "https://Runtime.Example:8443", "http://127.0.0.1:5000", "http://[::1]:5000"]
)
urls = st.builds("{}/{}".format, places, paths)
keys = st.builds(Credentials, words, words, st.none() | words)
regions = st.from_regex(r"[a-z]{2}-[a-z]{4,9}-[1-9]", fullmatch=True)


@given(keys, regions, urls, st.dictionaries(names, values, max_size=8), st.binary())
def test_a_signature_is_botocores(
    keys: Credentials, region: str, url: str, headers: dict[str, str], body: bytes
) -> None:
    *lines, authorization = Signer(keys, region, "sagemaker").sign(url, headers, body)
    sent = dict(line.split(":", 1) for line in lines)
    assert sent.items() >= headers.items()
    assert sent.get("x-amz-security-token") == keys.token

    # botocore finds the host by itself.
    request = AWSRequest("POST", url, {name: value for name, value in sent.items() if name != "host"}, body)
    request.context["timestamp"] = sent["x-amz-date"]
    auth = SigV4Auth(keys, "sagemaker", region)
    text = auth.string_to_sign(request, auth.canonical_request(request))
    scope, signed = auth.scope(request), auth.signed_headers(auth.headers_to_sign(request))
    signature = auth.signature(text, request)
    expected = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={signed}, Signature={signature}"
    assert authorization == f"authorization:{expected}"


def test_a_signature_is_of_its_second_and_day(monkeypatch: pytest.MonkeyPatch) -> None:
    signer = Signer(Credentials("k", "s"), "eu-west-1", "sagemaker")
    for second in (1_767_225_599, 1_767_225_600, 1_767_225_601):  # around the end of a year
        monkeypatch.setattr(time, "time", lambda at=second: at + 0.9)
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
        lines = signer.sign("https://runtime.example/x", {}, b"")
        assert f"x-amz-date:{moment}" in lines
        assert f"Credential=k/{moment[:8]}/eu-west-1/sagemaker/" in lines[-1]
