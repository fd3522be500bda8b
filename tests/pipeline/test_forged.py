"""Notifications that no request of the job's has: refused, and they change nothing."""

import json
from collections.abc import Callable

import pytest
from tests.pipeline import models
from tests.pipeline.pipeline import Model, Pipeline

from fanfold_core.domain.job import State
from fanfold_core.domain.keys import RequestId
from fanfold_core.domain.requests import Request
from fanfold_core.domain.spans import Span
from localaws.endpoint.outcomes import Outcome

TEXTS = [f"text {number}" for number in range(6)]
FILE = ("text\n" + "\n".join(TEXTS) + "\n").encode()
FORGED = '{"label": "forged"}'


def answer(body: bytes) -> Outcome:
    """Good, but for the forged request's own body."""
    return models.response(body.decode()) if b"forged" in body else models.response(models.good_text(body))


def forged(pipeline: Pipeline, span: Span, attempt: int = 1, folder: str = "", nonce: str = "") -> str:
    """A success for a span of the job that is about to be uploaded, as many results as the span has rows."""
    job = pipeline.upload(FILE)
    results = f"[{','.join([FORGED] * span.rows)}]".encode()
    own = f"{job}/{pipeline.nonce}/0000000"
    request = Request(RequestId(job, 0, span, attempt), results, folder.format(job=job) or own, nonce or pipeline.nonce)
    message = pipeline.notification(request)
    # As soon as the chunk is there, and long before any answer of the endpoint's own.
    pipeline.deliver("Outcomes", message, 0.5)
    return job


@pytest.mark.parametrize(
    "span", [Span(0, 7), Span(5, 2), Span(6, 1), Span(0, 9_999), Span(0, 0), Span(9_999_999, 1)], ids=str
)
def test_a_span_beyond_its_chunk_is_refused(pipeline: Callable[[Model], Pipeline], span: Span) -> None:
    check_unharmed(played := pipeline(answer), forged(played, span))


@pytest.mark.parametrize("folder", ["elsewhere", "{job}/0000000", "{job}/fedcba9876543210/0000000", "{job}"])
@pytest.mark.parametrize("span", [Span(0, 1), Span(1, 5)], ids=str)
def test_an_answer_at_another_place_or_of_another_nonce_is_refused(
    pipeline: Callable[[Model], Pipeline], span: Span, folder: str
) -> None:
    check_unharmed(played := pipeline(answer), forged(played, span, folder=folder))


def test_a_failure_of_another_nonce_is_refused(pipeline: Callable[[Model], Pipeline]) -> None:
    played = pipeline(answer)
    job = forged(played, Span(0, 0))
    for span in (Span(0, 1), Span(1, 5)):
        failed = {
            "invocationStatus": "Failed",
            "failureReason": "ClientError: Received client error (400) from model.",
            "requestParameters": {"customAttributes": "another"},
            "inferenceId": str(RequestId(job, 0, span, 3)),
        }
        played.deliver("Outcomes", json.dumps(failed), 0.5)
    check_unharmed(played, job)


def check_unharmed(pipeline: Pipeline, job: str) -> None:
    ended = pipeline.finish(job)
    assert ended.state is State.SUCCEEDED
    assert [row["label"] for row in ended.rows] == [f"of {text}" for text in TEXTS]
    assert len(ended.requests) == 2
