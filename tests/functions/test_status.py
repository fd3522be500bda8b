"""What a job's status counts, read from a ledger that is at every stage of a job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.fakes.values import make_job

from fanfold.errors import JobNotFoundError
from fanfold.status import JobState, StatusReader
from fanfold_core.aws.items import MOST_TROUBLE
from fanfold_core.domain.job import Chunk
from fanfold_core.domain.spans import Span

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.functions.conftest import System

    from fanfold_core.domain.job import JobRecord


def counted(reader: StatusReader) -> tuple[int | None, int, int | None, int | None]:
    status = reader.read()
    return status.rows, status.done, status.predicted, status.failed


def test_rows_are_counted_by_what_covers_them(system: System, job: Callable[..., JobRecord]) -> None:
    running = job()
    reader = StatusReader(system.ledger, running.id)
    assert counted(reader) == (3, 0, 0, 0)
    system.ledger.cover(running.id, 0, [], [Span(2, 1)], set())
    assert counted(reader) == (3, 1, 0, 1)
    system.ledger.cover(running.id, 0, [Span(0, 2)], [], {"label"})
    assert counted(reader) == (3, 3, 2, 1)
    assert reader.read().state is JobState.RUNNING


def test_a_row_with_a_prediction_and_an_error_is_predicted(system: System, job: Callable[..., JobRecord]) -> None:
    running = job()
    system.ledger.cover(running.id, 0, [Span(0, 3)], [Span(0, 1), Span(1, 2)], {"label"})
    assert counted(StatusReader(system.ledger, running.id)) == (3, 3, 3, 0)


def test_a_long_job_is_counted_by_who_has_followed_it(
    system: System, job: Callable[..., JobRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fanfold.status._MOST_CHUNKS_READ", 3)
    running = job()
    follower = StatusReader(system.ledger, running.id)
    for number in range(6):
        if number:
            system.ledger.store(running, Chunk(number, 9, 40, 3 * number, 3), None)
            system.ledger.raise_released(running.id, number + 1)
        system.ledger.cover(running.id, number, [Span(0, 2)], [Span(2, 1)], set())
        system.ledger.cover_chunk(running.id, number, set())
        assert counted(follower)[1:] == (3 * (number + 1), 2 * (number + 1), number + 1)
    assert counted(StatusReader(system.ledger, running.id))[1:] == (18, None, None)


def test_a_job_that_the_ledger_forgot_is_said_to_be_unknown(system: System, job: Callable[..., JobRecord]) -> None:
    reader = StatusReader(system.ledger, job().id)
    reader.read()
    system.forget()
    with pytest.raises(JobNotFoundError, match="`fanfold jobs` lists all jobs"):
        reader.read()


def test_the_last_trouble_of_the_platform_is_kept_with_its_time_until_the_rows_are_done(
    system: System, job: Callable[..., JobRecord]
) -> None:
    running = job()
    reader = StatusReader(system.ledger, running.id)
    assert (reader.read().trouble, reader.read().trouble_at) == ("", None)
    system.invoke("Collector", "failure-of-platform")
    status = reader.read()
    assert status.trouble.startswith("Received server error (500) from model")
    assert status.trouble_at
    assert datetime.now(UTC) - status.trouble_at < timedelta(minutes=1)
    assert status.as_dict()["trouble_at"] == status.trouble_at.isoformat()
    system.ledger.cover(running.id, 0, [Span(0, 3)], [], {"label"})
    system.ledger.cover_chunk(running.id, 0, {"label"})
    assert reader.read().trouble == ""


def test_an_endless_reason_does_not_make_the_job_larger_than_it_may_be(
    system: System, job: Callable[..., JobRecord]
) -> None:
    running = job()
    system.ledger.set_trouble(running, "gone " * 100_000)
    assert len(StatusReader(system.ledger, running.id).read().trouble) == MOST_TROUBLE


def test_who_submitted_a_job_is_known_whole_and_by_name(system: System, job: Callable[..., JobRecord]) -> None:
    submitter = "AWS:AROAEXAMPLE:ada@example.com"
    nobody, known = job(), make_job("version-2", submitted_by=submitter)
    system.ledger.create(known)
    status = StatusReader(system.ledger, known.id).read()
    assert (status.submitter, status.as_dict()["submitted_by"]) == ("ada@example.com", submitter)
    assert StatusReader(system.ledger, nobody.id).read().submitter is None
    others = [make_job(f"version-{number}") for number in range(3, 103)]
    for other in others:
        system.ledger.create(other)
    ids = [nobody.id, "tweets-1f", known.id, *(other.id for other in others)]
    expected = {job_id: None for job_id in ids if job_id != "tweets-1f"}
    assert system.ledger.submitters(ids) == {**expected, known.id: submitter}
