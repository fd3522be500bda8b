"""Rounds: the failed rows of an ended job are tried again, and its files stay as they are."""

import json
from dataclasses import replace

import pytest
from tests.fakes.values import INPUT, KEY
from tests.unit.app.conftest import CONTENT, System, in_time, sent

from fanfold_core.app.rounds import start_retry
from fanfold_core.aws.messages import Resume
from fanfold_core.domain.errors import NotEndedError
from fanfold_core.domain.job import JobRecord, Model, State
from fanfold_core.domain.keys import result_key
from fanfold_core.domain.spans import Span


def begin(system: System, job: JobRecord) -> JobRecord:
    return start_retry(job.id, system.ledger, system.queues, system.clock())


@pytest.fixture
def ended(system: System) -> JobRecord:
    """A job that was cancelled when all rows but one of its first chunk were predicted."""
    job = system.split()
    system.answer(job, 0, Span(0, 1), Span(1, 2))
    system.follow_up.close(job.id, State.CANCELLED, "cancelled")
    return system.finish(job)


def test_only_a_job_that_has_ended_is_tried_again(system: System) -> None:
    with pytest.raises(NotEndedError):
        begin(system, system.split())


def test_a_round_begins_once(system: System, ended: JobRecord) -> None:
    system.messages()
    following = begin(system, ended)
    assert (following.id, following.parent, following.source) == (f"{ended.id}.2", ended.id, ended.source)
    system.clock.pass_by(60)
    assert begin(system, ended).created == following.created
    assert system.messages() == [Resume(following.id)] * 2


def test_what_was_predicted_is_covered_and_not_sent_again(system: System, ended: JobRecord) -> None:
    following = system.splitter.resume(begin(system, ended).id, in_time)
    assert following.total == 3
    assert system.ledger.chunk(following.id, 0).inherited == {Span(0, 1), Span(1, 2)}
    system.dispatcher.dispatch(following.id, 0, in_time)
    assert [request.id.span for request in system.endpoint.taken] == [Span(3, 1)]


def test_a_row_is_probed_that_no_earlier_round_has_predicted(system: System, ended: JobRecord) -> None:
    following = system.splitter.resume(begin(system, ended).id, in_time)
    system.dispatcher.probe(following.id, 0, 2)
    assert [request.id.span for request in system.endpoint.taken] == [Span(3, 1)], "row 2 was predicted with row 1"


def test_labels_are_named_in_the_rows_of_all_rounds_and_counted_so(system: System) -> None:
    job = system.split(labels='{"GOOD": "positive"}')
    system.answer(job, 0, Span(0, 1), Span(1, 2))
    system.follow_up.close(job.id, State.CANCELLED, "cancelled")
    following = system.splitter.resume(begin(system, system.finish(job)).id, in_time)
    system.answer(following, 0, Span(3, 1))
    for chunk in system.chunks(following)[1:]:
        system.answer(following, chunk.number, *sent(chunk.rows))
    system.finish(following)
    lines = system.store.read(result_key(following.id, "results.csv")).decode().splitlines()
    assert lines[1:] == [f"{row},text {row},positive," for row in range(10)]
    assert json.loads(system.store.read(result_key(following.id, "summary.json")))["labels"] == {"positive": 10}
    assert "GOOD" not in system.store.read(result_key(following.id, "report.html")).decode()


def test_the_results_of_a_round_overlay_those_before(system: System, ended: JobRecord) -> None:
    before = system.store.read(result_key(ended.id, "results.csv"))
    following = system.splitter.resume(begin(system, ended).id, in_time)
    system.answer(following, 0, Span(3, 1))
    for chunk in system.chunks(following)[1:]:
        system.answer(following, chunk.number, *sent(chunk.rows))
    assert system.finish(following).state is State.SUCCEEDED
    lines = system.store.read(result_key(following.id, "results.csv")).decode().splitlines()
    assert lines[1:] == [f"{row},text {row},GOOD," for row in range(10)]
    assert system.store.read(result_key(ended.id, "results.csv")) == before
    assert system.ledger.job(ended.id) == ended


@pytest.fixture
def updated(system: System) -> Model:
    """The stack has been updated: its endpoint serves another revision from now on."""
    system.splitter = replace(system.splitter, model=Model("endpoint", "two", "owner/model", "4b7f2c1"))
    return system.splitter.model


def test_a_round_names_the_model_that_predicts_its_rows_and_what_predicted_those_before(
    system: System, ended: JobRecord, updated: Model
) -> None:
    following = system.splitter.resume(begin(system, ended).id, in_time)
    system.follow_up.close(following.id, State.CANCELLED, "cancelled")
    system.finish(following)
    summary = json.loads(system.store.read(result_key(following.id, "summary.json")))
    assert (summary["model"], summary["revision"], summary["endpoint_config"]) == ("owner/model", "4b7f2c1", "two")
    before = "whatever endpoint endpoint serves"
    assert summary["warnings"] == [
        f"Rows that {ended.id} predicted were predicted by {before}, the others by owner/model at 4b7f2c1."
    ]
    assert system.ledger.job(following.id).model == updated
    assert system.ledger.job(ended.id) == ended


def test_a_round_that_has_chunks_keeps_its_model(system: System, ended: JobRecord) -> None:
    following = system.splitter.resume(begin(system, ended).id, lambda: True)
    system.splitter = replace(system.splitter, model=Model("endpoint", "two", "owner/model", "4b7f2c1"))
    assert (following.stored, system.splitter.resume(following.id, in_time).model) == (1, ended.model)


def test_all_rounds_say_who_submitted_the_file_whoever_retries(system: System) -> None:
    version = system.store.upload(INPUT, KEY, CONTENT, {})
    job = system.splitter.begin(INPUT, KEY, version, in_time, "AWS:AROAEXAMPLE:ada@example.com")
    for _ in range(2):
        system.follow_up.close(job.id, State.CANCELLED, "cancelled")
        ended = system.finish(job)
        summary = json.loads(system.store.read(result_key(ended.id, "summary.json")))
        assert summary["submitted_by"] == "AWS:AROAEXAMPLE:ada@example.com"
        assert system.announcements.made[-1]["submitted_by"] == summary["submitted_by"]
        report = system.store.read(result_key(ended.id, "report.html")).decode()
        assert "<dt>File submitted by</dt><dd>ada@example.com</dd>" in report
        job = begin(system, ended)
