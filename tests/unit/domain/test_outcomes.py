"""Classes of failure."""

import pytest

from fanfold_core.domain.keys import RequestId
from fanfold_core.domain.outcomes import Broken, Refused, failed
from fanfold_core.domain.spans import Span

REQUEST = RequestId("job", 0, Span(0, 2), 1)


@pytest.mark.parametrize("status", ["400", "404", "413", "422"])
def test_a_client_error_of_the_model_is_a_refusal(status: str) -> None:
    reason = f"ClientError: Received client error ({status}) from model."
    refused = failed(REQUEST, reason)
    assert isinstance(refused, Refused)
    assert refused.error == reason


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
    refused = failed(REQUEST, reason, response)
    assert refused.error == f"{words} ({reason})"
    told = f"Received client error (400) from model with a message of {len(words)} characters: see the endpoint's log"
    assert refused.reason == told


@pytest.mark.parametrize(
    ("reason", "response", "told"),
    [
        (
            "ClientError: Received client error (400) from model.",
            b"",
            "Received client error (400) from model: see the",
        ),
        (
            'Received client error (400) from primary with message "Ann said: error (500)". See https://a.b',
            None,
            "Received server error (500) from model with a message of 39 characters: see the endpoint's log",
        ),
        ('Received server error (0) from model with message "Ann"', None, "model: it did not answer in time"),
        ('ClientError: no container said "Ann"', None, "ClientError: no container said"),
        ("ClientError: Ann", b"Ann", "failed with a message of 16 characters"),
    ],
)
def test_of_what_the_model_says_no_more_is_told_than_status_and_length(
    reason: str, response: bytes | None, told: str
) -> None:
    found = failed(REQUEST, reason, response)
    assert told in found.reason
    assert "Ann" not in found.reason
    assert reason in found.error


def test_what_the_model_says_does_not_change_the_class() -> None:
    assert isinstance(failed(REQUEST, "ClientError: expired", b"error (400)"), Broken)
    assert failed(REQUEST, "ClientError: gone", b"") == Broken(REQUEST, "ClientError: gone")
    assert failed(REQUEST, "ClientError: gone", b"gone").error == "ClientError: gone"
