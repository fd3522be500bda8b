"""The sweeper: what was lost is found, and what is on its way is left alone."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.fakes.values import make_job
from tests.unit.app.conftest import NONCE, System, in_time, out_of_time, sent

from fanfold_core.app.follow_up import Windows
from fanfold_core.aws.messages import Assemble, Dispatch, Resume, Sweep
from fanfold_core.domain.job import JobRecord, State
from fanfold_core.domain.keys import RequestId, output_prefix
from fanfold_core.domain.outcomes import Answered, Broken, Mark, Timing
from fanfold_core.domain.spans import Span
from fanfold_core.domain.window import Progress

BROKEN = "Received server error (500) from model: see the endpoint's log"
A_WHILE, LOST = 301, 3_600 + 900 + 1


@pytest.fixture
def job(system: System) -> JobRecord:
    """A job whose first two chunks have been sent."""
    job = system.split()
    for number in (0, 1):
        system.dispatcher.dispatch(job.id, number, in_time)
    system.messages()
    return job


def test_every_open_job_is_swept_in_a_message_of_its_own(system: System, job: JobRecord) -> None:
    assert system.sweeper.sweep_all() == 1
    assert system.messages() == [Sweep(job.id)]


def test_what_is_on_its_way_is_left_alone(system: System, job: JobRecord) -> None:
    system.sweeper.sweep(job.id, 0, in_time)
    system.clock.pass_by(A_WHILE)
    system.sweeper.sweep(job.id, 0, in_time)
    assert system.messages() == []


def test_an_output_that_nobody_reported_is_reported(system: System, job: JobRecord) -> None:
    request = RequestId(job.id, 0, Span(0, 2), 1)
    key = output_prefix(job.id, NONCE, 0) + request.filename
    system.store.write(key, b"[]", "application/json")
    system.clock.pass_by(A_WHILE)
    assert system.sweeper.sweep(job.id, 0, in_time).found == 1
    assert system.messages() == [Answered(request, None, system.store.location(key))]


def test_requests_that_are_lost_are_sent_again_as_the_next_attempt(system: System, job: JobRecord) -> None:
    system.answer(job, 0, Span(0, 1), Span(1, 2))
    system.clock.pass_by(LOST)
    system.ledger.set_mark(job, 1, Span(0, 2), Mark(2))
    assert system.sweeper.sweep(job.id, 0, in_time).resent > 0
    sent = {message.chunk: dict(message.attempts) for message in system.messages() if message.attempts}
    assert sent == {0: {Span(3, 1): 1}, 1: {Span(0, 2): 3, Span(2, 2): 1}}
    assert system.sweeper.sweep(job.id, 0, in_time).resent == 0


def test_a_request_that_may_take_longer_is_lost_so_much_later(system: System) -> None:
    job = system.split(invocation_timeout_seconds="3600")
    system.dispatcher.dispatch(job.id, 0, in_time)
    assert {request.timeout_seconds for request in system.endpoint.taken} == {3600}
    system.clock.pass_by(LOST + 2_699)
    assert system.sweeper.sweep(job.id, 0, in_time).resent == 0
    system.clock.pass_by(2)
    assert system.sweeper.sweep(job.id, 0, in_time).resent > 0


def test_a_dispatch_that_was_lost_is_made_again(system: System) -> None:
    job = system.split()
    system.messages()
    system.clock.pass_by(A_WHILE)
    system.sweeper.sweep(job.id, 0, in_time)
    assert system.messages() == [Dispatch(job.id, 0), Dispatch(job.id, 1)]


def test_a_split_that_was_lost_goes_on(system: System) -> None:
    lost = system.ledger.create(make_job())
    system.clock.pass_by(A_WHILE)
    system.sweeper.sweep(lost.id, 0, in_time)
    assert system.messages() == [Resume(lost.id)]


def test_an_assembly_that_was_lost_is_asked_for_again(system: System, job: JobRecord) -> None:
    system.follow_up.close(job.id, State.CANCELLED, "cancelled")
    system.messages()
    system.sweeper.sweep(job.id, 0, in_time)
    assert system.messages() == []
    system.clock.pass_by(A_WHILE)
    system.sweeper.sweep(job.id, 0, in_time)
    assert system.messages() == [Assemble(job.id)]


def test_a_job_ends_at_its_deadline(system: System, job: JobRecord) -> None:
    system.clock.pass_by(job.options.deadline_hours * 3_600)
    system.sweeper.sweep(job.id, 0, in_time)
    known = system.ledger.job(job.id)
    assert known.outcome is State.FAILED
    assert "deadline of 72 hours" in known.reason
    assert system.messages() == [Assemble(job.id)]


def test_a_job_ends_once_its_services_and_an_instance_cost_as_much_as_it_may(system: System) -> None:
    job = system.split(max_dollars="0.40")
    for number, seconds in ((0, 60), (1, 7_000)):
        system.clock.pass_by(seconds)
        system.dispatcher.dispatch(job.id, number, in_time)
        timing = Timing(int(system.clock().timestamp()), 1_000)
        answers = [replace(system.answered(job, number, span), timing=timing) for span in sent(4)]
        system.sweeper.sweep(job.id, 0, in_time)
        assert system.ledger.job(job.id).state is State.RUNNING
        system.collector.collect(job.id, number, answers)
    # Two hours of an ml.m5.xlarge; the chunks that are done are counted, and are not read again.
    system.sweeper.sweep(job.id, 0, out_of_time)
    assert system.ledger.job(job.id).state is State.RUNNING
    system.sweeper.sweep(job.id, 0, in_time)
    known = system.ledger.job(job.id)
    assert (known.outcome, known.reason.partition(":")[0]) == (
        State.CANCELLED,
        "max-dollars=0.40 was reached after 8 of 10 rows",
    )
    counted, spent = system.ledger.spent(job.id)
    assert (counted, spent.rows, spent.requests) == (2, 8, 6)


def test_who_has_no_time_goes_on_where_it_was(system: System, job: JobRecord) -> None:
    system.sweeper.sweep(job.id, 1, out_of_time)
    assert system.messages() == [Sweep(job.id, 1)]


def fail_every_row_alone(system: System, job: JobRecord) -> None:
    """Each row of the first two chunks breaks twice, and for so long that the model may be given up."""
    for attempt in (1, 2):
        for number in (0, 1):
            broken = [Broken(RequestId(job.id, number, Span(row, 1), attempt), BROKEN) for row in range(4)]
            system.ledger.raise_attempts(job.id, number, attempt)
            system.collector.collect(job.id, number, broken)
        system.clock.pass_by(1_000)
    system.messages()


def test_a_model_that_fails_every_request_is_given_up(system: System, job: JobRecord) -> None:
    fail_every_row_alone(system, job)
    system.sweeper.sweep(job.id, 0, in_time)
    known = system.ledger.job(job.id)
    assert (known.outcome, known.reason) == (
        State.FAILED,
        f"the model has failed every request for 30 minutes and predicted no row: {BROKEN}",
    )


@pytest.mark.parametrize("answered", [Span(0, 1), Span(1, 2)], ids=["predicted", "held"])
@pytest.mark.parametrize(("start", "time"), [(0, in_time), (1, in_time), (0, out_of_time)])
def test_a_model_that_has_answered_a_row_of_any_chunk_is_not_given_up(
    system: System, job: JobRecord, answered: Span, start: int, time: Callable[[], bool]
) -> None:
    system.answer(job, 0, answered)
    system.clock.pass_by(1)
    fail_every_row_alone(system, job)
    system.sweeper.sweep(job.id, start, time)
    assert system.ledger.job(job.id).state is State.RUNNING


def test_only_rows_that_are_sent_count_for_the_speed_of_the_endpoint(system: System) -> None:
    job = system.split(b"text\r\n" + b"one\r\none\r\ntwo\r\ntwo\r\n" * 2)
    for chunk in (0, 1):
        system.dispatcher.dispatch(job.id, chunk, in_time)
    system.sweeper.sweep(job.id, 0, in_time)
    system.answer(job, 0, Span(0, 1), Span(1, 1))
    system.clock.pass_by(100)
    system.sweeper.sweep(job.id, 0, in_time)
    known = system.ledger.progress("endpoint")[job.id]
    assert (known.rows, known.share, known.rows_per_second) == (4, 0.5, 0.02)


def test_a_window_takes_the_rows_of_a_chunk_that_are_sent(system: System) -> None:
    job = replace(system.split(), rows=40_000, total=4)
    for share in (1.0, 0.5):
        system.ledger.set_progress(job, Progress(0, int(system.clock().timestamp()), 2, 1_000, share))
        window = Windows(system.ledger, 2, system.clock)(job)
        assert (window.rows, window.chunks) == (10_000 * share, 30 / share)
