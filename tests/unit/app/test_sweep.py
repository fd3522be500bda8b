"""The sweeper: what was lost is found, and what is on its way is left alone."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.fakes.values import make_job
from tests.unit.app.conftest import CONTENT, NONCE, System, in_time, out_of_time, sent

from fanfold_core.app.follow_up import Windows
from fanfold_core.aws.messages import Assemble, Dispatch, Resume, Sweep
from fanfold_core.domain.job import JobRecord, State
from fanfold_core.domain.keys import RequestId, output_prefix
from fanfold_core.domain.outcomes import Answered, Broken, Mark
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


def test_a_job_ends_once_its_services_and_all_instances_cost_as_much_as_it_may(system: System) -> None:
    job = system.split(max_dollars="1.00")
    for number in (0, 1):
        system.dispatcher.dispatch(job.id, number, in_time)
        system.answer(job, number, *sent(4))
    system.instances = 5
    for _ in range(99):
        system.clock.pass_by(300)
        # Without time to count, nothing is decided.
        system.sweeper.sweep(job.id, 0, out_of_time)
        assert system.ledger.job(job.id).state is State.RUNNING
        system.sweeper.sweep(job.id, 0, in_time)
        if system.ledger.job(job.id).state is not State.RUNNING:
            break
    known = system.ledger.job(job.id)
    assert known.outcome is State.CANCELLED
    assert known.reason == (
        "max-dollars=1.00 was reached after 8 of 10 rows: $0.6710 are spent, and $0.3833 kept for 5 instances until "
        f"the endpoint sleeps; `fanfold retry {job.id}` continues, for as much again"
    )
    # With the quarter of an hour until they sleep, five of an ml.m5.xlarge cost no more, and not much less.
    seconds = (system.clock() - job.created).total_seconds()
    assert 0.8 < 5 * (seconds + 900) / 3600 * 0.23 < 1


@pytest.mark.parametrize(("seen", "seconds"), [([0, 0, 1], 300), ([1, 5, 5], 300 + 1500 + 1500), ([5, 2, 0], 3600)])
def test_between_two_looks_there_are_as_many_instances_as_at_the_one_that_has_more(
    system: System, seen: list[int], seconds: int
) -> None:
    job = system.split(max_dollars="100")
    for instances in seen:
        system.instances = instances
        system.clock.pass_by(300)
        system.sweeper.sweep(job.id, 0, in_time)
        system.sweeper.sweep(job.id, 0, in_time)
    spent = system.ledger.spent(job.id)
    assert spent
    assert (spent.instance_seconds, spent.instances) == (seconds, seen[-1])


def test_chunks_that_are_done_are_counted_once(system: System) -> None:
    job = system.split(max_dollars="100")
    for number in (0, 1):
        system.dispatcher.dispatch(job.id, number, in_time)
        system.answer(job, number, *sent(4))
    system.sweeper.sweep(job.id, 0, in_time)
    spent = system.ledger.spent(job.id)
    assert spent
    assert (spent.chunks, spent.rows, spent.requests) == (2, 8, 6)
    system.sweeper.sweep(job.id, 0, in_time)
    assert system.ledger.spent(job.id) == spent


def test_a_limit_that_no_instance_fits_into_is_to_be_raised(system: System) -> None:
    job = system.split(max_dollars="0.05")
    system.instances = 1
    system.clock.pass_by(300)
    system.sweeper.sweep(job.id, 0, in_time)
    assert system.ledger.job(job.id).reason == (
        "max-dollars=0.05 was reached after 0 of 10 rows: $0.0193 are spent, and $0.0767 kept for 1 instance until the "
        "endpoint sleeps; upload the file again with a higher limit"
    )


@pytest.mark.parametrize("instance_type", ["", "ml.without-price.xlarge"])
def test_instances_without_a_price_are_not_asked_for(system: System, instance_type: str) -> None:
    def asked(endpoint: str) -> int:
        pytest.fail(f"{endpoint} is asked")

    sweeper = replace(system.sweeper, instance_type=instance_type, instances=asked)
    job = system.split(max_dollars="0.01")
    system.clock.pass_by(300)
    sweeper.sweep(job.id, 0, in_time)
    assert system.ledger.job(job.id).state is State.RUNNING
    # A job without a limit asks for none either.
    replace(sweeper, instance_type="ml.m5.xlarge").sweep(system.split(CONTENT + b"more").id, 0, in_time)


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
        f"the model has failed every request for 30 minutes and predicted none of the rows sent: {BROKEN}",
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
