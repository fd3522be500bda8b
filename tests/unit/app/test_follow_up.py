"""What follows from a job is decided from the job as it is, so who asks again decides the same again."""

from random import Random
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.values import make_chunk, make_job
from tests.unit.app.conftest import System

from fanfold_core.aws.messages import Assemble, Dispatch
from fanfold_core.domain.job import State
from fanfold_core.domain.window import Window


def test_a_job_closes_once_and_is_assembled_as_often_as_somebody_asks(system: System) -> None:
    job = system.ledger.create(make_job())
    for outcome in (State.CANCELLED, State.FAILED):
        assert system.follow_up.close(job.id, outcome, "why").outcome is State.CANCELLED
    assert system.messages() == [Assemble(job.id)] * 2


def test_a_job_that_has_ended_is_not_assembled(system: System) -> None:
    job = system.ledger.create(make_job())
    system.ledger.close(job.id, State.CANCELLED, "why")
    ended = system.ledger.finish(job.id, State.CANCELLED, "why")
    assert system.follow_up.close(job.id, State.FAILED, "late") == ended
    assert system.messages() == []


@given(chunks=st.integers(1, 12), window=st.integers(1, 5), order=st.randoms(use_true_random=False))
def test_every_chunk_is_released_once_and_never_more_than_the_window_takes(
    chunks: int, window: int, order: Random
) -> None:
    system = System()
    system.window = Window(window, 1_000)
    job = system.ledger.create(make_job())
    for number in range(chunks):
        system.follow_up(system.ledger.store(job, make_chunk(number), None))
    system.follow_up(system.ledger.set_total(job.id, chunks, chunks * 10))
    released: list[int] = []
    done: set[int] = set()
    with patch("fanfold_core.app.follow_up._COMPACT_FROM", 2):
        while len(done) < chunks:
            released += [message.chunk for message in system.messages() if isinstance(message, Dispatch)]
            waiting = sorted(set(released) - done)
            assert 0 < len(waiting) <= window
            number = order.choice(waiting)
            done.add(number)
            system.follow_up(system.follow_up.cover(job, system.ledger.chunk(job.id, number)))
    assert released == list(range(chunks))
    assert system.messages() == [Assemble(job.id)]
    assert system.ledger.job(job.id).outcome is State.SUCCEEDED
    assert len(system.ledger.job(job.id).covered) <= max(2, window)


def test_a_frozen_chunk_adds_the_fields_that_it_had_when_it_was_frozen(system: System) -> None:
    job = system.ledger.create(make_job())
    system.ledger.store(job, make_chunk(), None)
    stale = system.ledger.chunk(job.id, 0)
    system.ledger.cover(job.id, 0, [], [], ["label"])
    assert system.follow_up.cover(job, stale).fields == {"label"}
    assert system.ledger.chunk(job.id, 0).frozen
