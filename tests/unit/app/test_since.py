"""Since: what an earlier job has predicted is covered before anything is sent, whatever happens meanwhile."""

from dataclasses import replace
from unittest.mock import patch

import pytest
from tests.fakes.values import predictions
from tests.unit.app.conftest import CONTENT, System, in_time

from fanfold_core.app.since import difference
from fanfold_core.aws.messages import Dispatch
from fanfold_core.domain.errors import ObjectGoneError, UnknownChunkError
from fanfold_core.domain.job import JobRecord, Model, State
from fanfold_core.domain.keys import RequestId
from fanfold_core.domain.outcomes import Broken
from fanfold_core.domain.spans import Span

BROKEN = "Received server error (500) from model"
CHANGED = CONTENT.replace(b"text 1", b"new 1").replace(b"text 9", b"new 9")


@pytest.fixture
def earlier(system: System) -> JobRecord:
    """A job whose ten rows are all predicted."""
    job = system.split()
    for chunk in system.chunks(job):
        system.dispatcher.dispatch(job.id, chunk.number, in_time)
    requests, system.endpoint.taken = system.endpoint.taken, []
    for request in requests:
        system.answer(job, request.id.chunk, request.id.span)
    ended = system.finish(system.ledger.job(job.id))
    assert ended.state is State.SUCCEEDED
    system.messages()
    return ended


def sent(system: System) -> list[tuple[int, Span]]:
    return [(request.id.chunk, request.id.span) for request in system.endpoint.taken]


def test_what_is_new_is_sent_last_and_the_rest_is_covered(system: System, earlier: JobRecord) -> None:
    job = system.split(CHANGED, since=earlier.id)
    for number in range(3):
        system.dispatcher.dispatch(job.id, number, in_time)
    assert sent(system) == [(0, Span(3, 1)), (2, Span(1, 1))]
    assert [chunk.inherited for chunk in system.chunks(job)] == [{Span(0, 3)}, {Span(0, 4)}, {Span(0, 1)}]
    assert system.ledger.job(job.id).covered == {1}, "all of it is predicted"


def test_who_comes_again_takes_over_the_same(system: System, earlier: JobRecord) -> None:
    job = system.split(CHANGED, since=earlier.id)
    with patch.object(system.ledger, "cover", side_effect=InterruptedError), pytest.raises(InterruptedError):
        system.dispatcher.dispatch(job.id, 0, in_time)
    assert system.endpoint.taken == []
    system.dispatcher.dispatch(job.id, 0, in_time)
    chunk = system.ledger.chunk(job.id, 0)
    system.dispatcher.dispatch(job.id, 0, in_time)
    assert (sent(system), system.ledger.chunk(job.id, 0)) == ([(0, Span(3, 1))], chunk)


def test_results_that_are_too_large_for_one_item_are_kept_in_several(system: System, earlier: JobRecord) -> None:
    size = len(predictions(1).results)
    job = system.split(CHANGED, since=earlier.id)
    with patch("fanfold_core.app.since.MOST_RESULTS", 2 * size):
        system.dispatcher.dispatch(job.id, 1, in_time)
    assert system.ledger.chunk(job.id, 1).inherited == {Span(0, 2), Span(2, 2)}
    with patch("fanfold_core.app.since.MOST_RESULTS", size // 2):
        system.dispatcher.dispatch(job.id, 0, in_time)
    assert not system.ledger.chunk(job.id, 0).inherited, "what fits into none is sent"


def test_results_that_are_on_disk_are_taken_over_as_they_are(system: System, earlier: JobRecord) -> None:
    job = system.split(CHANGED, since=earlier.id)
    with patch("fanfold_core.app.rounds._IN_MEMORY", 0):
        system.dispatcher.dispatch(job.id, 1, in_time)
    (outcome,) = system.ledger.outcomes(job.id, 1)
    assert (outcome.span, outcome.results) == (Span(0, 4), predictions(4).results)
    assert system.ledger.job(job.id).fields == system.ledger.job(earlier.id).fields


def test_nothing_is_taken_from_a_job_of_another_model(system: System, earlier: JobRecord) -> None:
    system.splitter = replace(system.splitter, model=Model("endpoint", "a later configuration", ""))
    job = system.split(CHANGED, since=earlier.id)
    system.dispatcher.dispatch(job.id, 0, in_time)
    assert sent(system) == [(0, Span(0, 1)), (0, Span(1, 2)), (0, Span(3, 1))]
    assert difference(system.ledger, job).endswith("those of this job by another deploy")


def test_a_row_of_an_earlier_job_is_witness_that_the_endpoint_works(system: System, earlier: JobRecord) -> None:
    job = system.split(CHANGED, since=earlier.id)
    system.dispatcher.dispatch(job.id, 0, in_time)
    system.messages()
    broken = Broken(RequestId(job.id, 0, Span(3, 1), 1), BROKEN)
    system.collector.collect(job.id, 0, [broken])
    assert Dispatch(job.id, 0, witness=Span(0, 1)) in system.messages(), "no request takes all three"


def test_a_row_that_the_model_has_answered_in_this_job_is_a_better_witness(system: System, earlier: JobRecord) -> None:
    job = system.split(CHANGED.replace(b"text 2", b"new 2").replace(b"text 3", b"new 3"), since=earlier.id)
    system.dispatcher.dispatch(job.id, 0, in_time)
    assert system.ledger.chunk(job.id, 0).inherited == {Span(0, 1)}
    system.answer(job, 0, Span(1, 1))
    system.messages()
    system.collector.collect(job.id, 0, [Broken(RequestId(job.id, 0, Span(2, 2), 1), BROKEN)])
    assert Dispatch(job.id, 0, witness=Span(1, 1)) in system.messages()


def fail(system: System, job: JobRecord, chunk: int, span: Span) -> None:
    """A row fails eight times, and for so long that the model may be given up."""
    for attempt in range(1, 9):
        system.ledger.raise_attempts(job.id, chunk, attempt)
        system.collector.collect(job.id, chunk, [Broken(RequestId(job.id, chunk, span, attempt), BROKEN)])
        system.clock.pass_by(300)


@pytest.mark.parametrize(
    ("witness", "state"), [(False, State.CLOSING), (True, State.RUNNING)], ids=["nothing", "a row taken over"]
)
def test_a_model_is_given_up_that_has_answered_nothing_not_even_what_was_taken_over(
    system: System, earlier: JobRecord, state: State, *, witness: bool
) -> None:
    system.clock.pass_by(1)
    job = system.split(CHANGED.replace(b"new 1", b"text 1"), since=earlier.id)
    for number in range(3):
        system.dispatcher.dispatch(job.id, number, in_time)
    if witness:
        system.answer(job, 2, Span(0, 1))
    system.clock.pass_by(1)
    fail(system, job, 2, Span(1, 1))
    known = system.ledger.job(job.id)
    assert (set(known.covered), set(known.fields)) == ({0, 1}, {"label"})
    system.sweeper.sweep(job.id, 0, in_time)
    assert system.ledger.job(job.id).state is state


def test_a_row_that_is_taken_over_is_none_that_was_tried(system: System, earlier: JobRecord) -> None:
    system.clock.pass_by(1)
    job = system.split(CHANGED, since=earlier.id)
    for number in range(3):
        system.dispatcher.dispatch(job.id, number, in_time)
    assert system.ledger.chunk(job.id, 2).inherited == {Span(0, 1)}
    fail(system, job, 0, Span(3, 1))
    system.sweeper.sweep(job.id, 0, in_time)
    assert system.ledger.job(job.id).state is State.RUNNING, "the row of chunk 2 may pass"


@pytest.mark.parametrize(
    ("answered", "words"),
    [
        (False, "after 0 rows: $0.0193 are spent, and $0.0767 kept for 1 instance until the endpoint sleeps; upload"),
        (
            True,
            "after 1 row: $0.0193 are spent, and $0.0767 kept for 1 instance until the endpoint sleeps; `fanfold ret",
        ),
    ],
)
def test_rows_that_are_taken_over_are_none_that_the_budget_was_spent_on(
    system: System, earlier: JobRecord, words: str, *, answered: bool
) -> None:
    job = system.split(CHANGED, since=earlier.id, max_dollars="0.05")
    for number in range(3):
        system.dispatcher.dispatch(job.id, number, in_time)
    if answered:
        system.answer(job, 0, Span(3, 1))
    system.instances = 1
    system.clock.pass_by(300)
    system.sweeper.sweep(job.id, 0, in_time)
    assert system.ledger.job(job.id).reason.startswith(f"max-dollars=0.05 was reached {words}")


@pytest.mark.parametrize("gone", [ObjectGoneError("s3://input/key"), UnknownChunkError("job", 0)])
def test_what_is_gone_of_the_earlier_job_is_sent(system: System, earlier: JobRecord, gone: Exception) -> None:
    job = system.split(CHANGED, since=earlier.id)
    with patch("fanfold_core.app.since.inputs", side_effect=gone):
        system.dispatcher.dispatch(job.id, 0, in_time)
    assert sent(system) == [(0, Span(0, 1)), (0, Span(1, 2)), (0, Span(3, 1))]


def test_a_job_that_is_still_running_ends_the_new_one(system: System) -> None:
    running = system.split()
    job = system.ledger.job(system.split(CHANGED, since=running.id).id)
    assert job.outcome is State.FAILED
    assert job.reason == (
        f"the job {running.id} of the option `since` is still running: upload the file again when it has ended"
    )
