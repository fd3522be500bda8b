"""Classes of failure."""

import pytest

from fanfold_core.domain.keys import RequestId
from fanfold_core.domain.outcomes import Broken, Refused, failed
from fanfold_core.domain.spans import Span

REQUEST = RequestId("job", 0, Span(0, 2), 1)


@pytest.mark.parametrize("status", ["400", "404", "413", "422"])
def test_a_client_error_of_the_model_is_a_refusal(status: str) -> None:
    assert failed(REQUEST, f"ClientError: Received client error ({status}) from model.") == Refused(
        REQUEST, f"ClientError: Received client error ({status}) from model."
    )


@pytest.mark.parametrize(
    "reason",
    [
        "ClientError: Received server error (500) from model.",
        "ClientError: Received client error (429) from model.",
        "ClientError: Received client error (408) from model.",
        "InternalServerException",
        "status Expired",
        "",
    ],
)
def test_everything_else_is_the_platforms_doing(reason: str) -> None:
    assert isinstance(failed(REQUEST, reason), Broken)


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (b'{"code": 400, "message": "text is\\n too long"}', "text is too long"),
        (b'{"error": "bad"}', '{"error": "bad"}'),
        (b"<h1>Bad \xff</h1>", "<h1>Bad \ufffd</h1>"),
        (b"[" * 100_000, "[" * 500),
    ],
)
def test_the_models_words_stand_before_sagemakers_reason(response: bytes, words: str) -> None:
    reason = "ClientError: Received client error (400) from model."
    assert failed(REQUEST, reason, response) == Refused(REQUEST, f"{words} ({reason})")


def test_what_the_model_says_does_not_change_the_class() -> None:
    assert isinstance(failed(REQUEST, "ClientError: expired", b"error (400)"), Broken)
    assert failed(REQUEST, "ClientError: gone", b"") == Broken(REQUEST, "ClientError: gone")
    assert failed(REQUEST, "ClientError: gone", b"gone") == Broken(REQUEST, "ClientError: gone")
