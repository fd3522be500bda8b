"""Notifications that no request of the job's has: refused, and they change nothing."""

import json
from collections.abc import Callable, Mapping

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
# In what the file is sent.
SENT = (Span(0, 1), Span(1, 5))


def answer(body: bytes) -> Outcome:
    """Good, but for the forged request's own body."""
    return models.response(body.decode()) if b"forged" in body else models.response(models.good_text(body))


def forged(
    pipeline: Pipeline,
    *spans: Span,
    attempt: int = 1,
    folder: str = "",
    options: Mapping[str, str] | None = None,
) -> str:
    """Successes for spans of the job that is about to be uploaded, as many results as each span has rows."""
    job = pipeline.upload(FILE, options)
    for span in spans:
        results = f"[{','.join([FORGED] * span.rows)}]".encode()
        own = f"{job}/{pipeline.nonce}/0000000"
        request = Request(RequestId(job, 0, span, attempt), results, folder.format(job=job) or own, pipeline.nonce)
        # As soon as the chunk is there, and long before any answer of the endpoint's own.
        pipeline.deliver("Outcomes", pipeline.notification(request), 0.5)
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
    job = played.upload(FILE)
    for span in SENT:
        played.deliver("Outcomes", failure(job, span, 1, 400, "another"), 0.5)
    check_unharmed(played, job)


@pytest.mark.parametrize("attempt", [0, 3, 9_999])
def test_an_answer_to_an_attempt_that_was_never_sent_is_refused(
    pipeline: Callable[[Model], Pipeline], attempt: int
) -> None:
    check_unharmed(played := pipeline(answer), forged(played, *SENT, attempt=attempt))


def test_an_answer_to_more_rows_than_are_sent_in_a_request_is_refused(pipeline: Callable[[Model], Pipeline]) -> None:
    played = pipeline(answer)
    job = forged(played, Span(0, 6), options={"rows-per-request": "5"})
    check_unharmed(played, job)


def failure(job: str, span: Span, attempt: int, status: int, attributes: str | None) -> str:
    """What SageMaker would tell of a request that failed, with these custom attributes."""
    failed = {
        "invocationStatus": "Failed",
        "failureReason": f"ClientError: Received error ({status}) from model.",
        "requestParameters": {} if attributes is None else {"customAttributes": attributes},
        "inferenceId": str(RequestId(job, 0, span, attempt)),
    }
    return json.dumps(failed)


@pytest.mark.parametrize("attempt", [0, 3, 9_999])
@pytest.mark.parametrize("status", [0, 400, 500])
def test_a_failure_of_an_attempt_that_was_never_sent_is_refused(
    pipeline: Callable[[Model], Pipeline], status: int, attempt: int
) -> None:
    played = pipeline(answer)
    job = played.upload(FILE)
    played.deliver("Outcomes", failure(job, Span(0, 1), attempt, status, None), 0.5)
    played.deliver("Outcomes", failure(job, Span(1, 5), attempt, status, played.nonce), 0.5)
    check_unharmed(played, job)


@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize("status", [0, 400, 500])
def test_a_forged_failure_that_could_be_a_real_one_costs_requests_and_no_prediction(
    pipeline: Callable[[Model], Pipeline], status: int, attempt: int
) -> None:
    played = pipeline(answer)
    job = played.upload(FILE)
    for span in SENT:
        played.deliver("Outcomes", failure(job, span, attempt, status, None), 0.5)
    ended = played.finish(job)
    assert [row["label"] for row in ended.rows] == [f"of {text}" for text in TEXTS]
    assert len(ended.requests) <= 6


def check_unharmed(pipeline: Pipeline, job: str) -> None:
    ended = pipeline.finish(job)
    assert ended.state is State.SUCCEEDED
    assert [row["label"] for row in ended.rows] == [f"of {text}" for text in TEXTS]
    assert (len(ended.requests), ended.summary["requests"], ended.job.trouble.words) == (2, 2, "")
