"""What queues and announcements promise: whoever receives a message understands what was meant."""

import json
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote_plus

import pytest
from tests.contracts.clouds import Cloud
from tests.fakes.values import make_job, request

from fanfold_core.app.ports import Queues
from fanfold_core.aws import events
from fanfold_core.aws.messages import Assemble, Dispatch, Resume, Sweep
from fanfold_core.domain.keys import job_id
from fanfold_core.domain.outcomes import Answered, Unsent
from fanfold_core.domain.parts import Part
from fanfold_core.domain.requests import Unsendable
from fanfold_core.domain.spans import Span

JOB = make_job()
SPAN = Span(320, 32)
RUNS = (Unsendable(Span(0, 1), "input is empty"), Unsendable(Span(7, 2), "row has 4 cells"))


def _uploads(body: str) -> Any:
    return next(events.uploads(body))


@pytest.mark.parametrize(
    ("send", "queue", "read", "expected"),
    [
        (lambda to: to.split(JOB.id), "Uploads", _uploads, [Resume(JOB.id)]),
        (
            lambda to: to.dispatch(JOB.id, range(12)),
            "Chunks",
            Dispatch.read,
            [Dispatch(JOB.id, number) for number in range(12)],
        ),
        (lambda to: to.resend(JOB.id, 3, {SPAN: 2}, 0), "Chunks", Dispatch.read, [Dispatch(JOB.id, 3, {SPAN: 2})]),
        (lambda to: to.report(JOB.id, 3, RUNS), "Outcomes", events.outcome, [Unsent(JOB.id, 3, RUNS)]),
        (lambda to: to.report(JOB.id, 3, []), "Outcomes", events.outcome, []),
        (
            lambda to: to.found(JOB.id, {request(JOB, SPAN): "s3://output/there"}),
            "Outcomes",
            events.outcome,
            [Answered(request(JOB, SPAN), None, "s3://output/there")],
        ),
        (lambda to: to.sweep(JOB.id), "Sweeps", Sweep.read, [Sweep(JOB.id)]),
        (lambda to: to.sweep(JOB.id, 7), "Sweeps", Sweep.read, [Sweep(JOB.id, 7)]),
        (lambda to: to.assemble(JOB.id), "Assembly", Assemble.read, [Assemble(JOB.id)]),
        (
            lambda to: to.assemble(JOB.id, iter([0, 3])),
            "Assembly",
            Assemble.read,
            [Assemble(JOB.id, table=0), Assemble(JOB.id, table=3)],
        ),
        (lambda to: to.abandon(JOB.id), "Assembly", Assemble.read, [Assemble(JOB.id, is_abandoned=True)]),
        (
            lambda to: to.assemble_parts(JOB.id, iter([Part(0, 0, 2), Part(1, 2, 3)])),
            "Assembly",
            Assemble.read,
            [Assemble(JOB.id, Part(0, 0, 2)), Assemble(JOB.id, Part(1, 2, 3))],
        ),
    ],
)
def test_a_message_is_received_as_it_was_meant(
    cloud: Cloud, send: Callable[[Queues], None], queue: str, read: Callable[[str], Any], expected: Sequence[Any]
) -> None:
    send(cloud.queues)
    send(cloud.queues)
    taken = cloud.taken()
    assert {message.queue for message in taken} <= {queue}
    found = [read(message.body) for message in taken]
    # A queue keeps no order.
    assert sorted(found, key=repr) == sorted([*expected, *expected], key=repr)


def test_dead_letters_of_jobs_stay_until_they_are_dropped(cloud: Cloud) -> None:
    for function in ("splitter", "assembler"):
        cloud.put_dead_letter(function, json.dumps(Assemble(JOB.id).content()))
    cloud.put_dead_letter("splitter", "not about any job")
    found = list(cloud.dead_letters.read())
    assert [(letter.function, letter.job) for letter in found] == [("splitter", JOB.id), ("assembler", JOB.id)]
    for letter in (found[0], found[0]):
        cloud.dead_letters.drop(letter)
    assert cloud.count_dead_letters() == 2


def test_rows_that_cannot_be_sent_are_reported_however_long_the_reasons_are(cloud: Cloud) -> None:
    runs = [Unsendable(Span(2 * number, 1), f"row {number} has {'é' * 990}") for number in range(500)]
    cloud.queues.report(JOB.id, 3, runs)
    told = [events.outcome(message.body) for message in cloud.taken()]
    found = [run for outcome in told if isinstance(outcome, Unsent) for run in outcome.runs]
    assert sorted(found) == runs


def test_an_end_is_announced_in_full(cloud: Cloud) -> None:
    summary = {"job": JOB.id, "state": "SUCCEEDED", "rows": 7, "files": {"results": "s3://output/results.csv"}}
    cloud.announcements.job_ended(summary)
    cloud.announcements.job_ended(summary)
    assert [{name: told[name] for name in summary} for told in cloud.announced()] == [summary, summary]


@pytest.mark.parametrize(
    ("identity", "submitted_by"),
    [
        ({"userIdentity": {"principalId": "AWS:AROAEXAMPLE:ada@example.com"}}, "AWS:AROAEXAMPLE:ada@example.com"),
        ({}, None),
        ({"userIdentity": {}}, None),
        ({"userIdentity": None}, None),
        ({"userIdentity": ["AWS:AIDAEXAMPLE"]}, None),
        ({"userIdentity": {"principalId": 7}}, None),
        ({"userIdentity": {"principalId": "=1+1|\x1b[2J"}}, None),
        ({"userIdentity": {"principalId": "a" * 100_000}}, None),
    ],
)
def test_an_upload_is_by_whom_its_event_names_and_else_by_nobody(
    identity: dict[str, Any], submitted_by: str | None
) -> None:
    found = {"s3": {"bucket": {"name": "input"}, "object": {"key": "a.csv", "versionId": "1"}}}
    body = json.dumps({"Records": [{**found, **identity, "requestParameters": {"sourceIPAddress": "192.0.2.1"}}]})
    assert list(events.uploads(body)) == [events.Upload("input", "a.csv", "1", submitted_by)]
    assert events.job_of(body) == job_id("input", "a.csv", "1")


@pytest.mark.parametrize(
    ("key", "is_marker"),
    [
        ("reviews/_SUCCESS", True),
        ("reviews/._SUCCESS.crc", True),
        ("reviews_$folder$", True),
        ("_committed_17", True),
        ("_reviews.csv", False),
        ("reviews/_year=2026/a.csv", False),
        ("SUCCESS", False),
    ],
)
def test_a_marker_of_spark_or_hadoop_is_no_upload(key: str, is_marker: object) -> None:
    found = {"s3": {"bucket": {"name": "input"}, "object": {"key": quote_plus(key), "versionId": "1"}}}
    (message,) = events.uploads(json.dumps({"Records": [found]}))
    expected = events.Ignored(f"s3://input/{key}: it is a marker, as Spark and Hadoop write them")
    assert message == (expected if is_marker else events.Upload("input", key, "1", None))
