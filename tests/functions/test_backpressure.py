"""How much is under way: dispatcher and sweeper keep to the window of the endpoint's jobs."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from unittest.mock import patch

import boto3
import pytest
from tests.functions.conftest import NOTHING_FAILED, System

from fanfold_core.app.dispatch import Dispatcher
from fanfold_core.aws.wiring import wire_dispatcher
from fanfold_core.domain.job import JobRecord
from fanfold_core.domain.requests import Postponed, Request
from fanfold_core.domain.spans import Span
from fanfold_core.domain.window import Progress


@dataclass
class Endpoint:
    """Takes everything, and remembers it."""

    taken: list[Span] = field(default_factory=list)

    def send(self, _endpoint: str, requests: Sequence[Request], _ttl_seconds: int) -> list[Postponed]:
        self.taken += [request.id.span for request in requests]
        return []


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
def dispatcher(system: System, endpoint: Endpoint) -> Iterator[Dispatcher]:
    """As the function has it, in this process, so that no test sees what another has read of the ledger."""
    cloud = system.cloud
    environ = {**cloud.environment, **cloud.function_environments()["DispatcherFunction"]}
    with patch.dict(os.environ, environ), patch.object(boto3, "DEFAULT_SESSION", None):
        yield replace(wire_dispatcher(environ), endpoint=endpoint)


def now() -> int:
    return int(datetime.now(UTC).timestamp())


def crowd(system: System, job: JobRecord, jobs: int) -> None:
    """Let other jobs be open at the same endpoint."""
    for number in range(jobs):
        system.ledger.set_progress(replace(job, id=f"other-{number}"), Progress(0, now(), 2))


def test_a_chunk_is_sent_as_far_as_there_is_room_and_then_waits_for_answers(
    system: System, job: Callable[..., JobRecord], dispatcher: Dispatcher, endpoint: Endpoint
) -> None:
    running = job()
    crowd(system, running, jobs=100)

    dispatcher.dispatch(running.id, 0, lambda: False)
    assert endpoint.taken == [Span(0, 2)]
    assert [message["chunk"] for message in system.messages("Chunks", expected=1)] == [0]

    dispatcher.dispatch(running.id, 0, lambda: False)
    assert endpoint.taken == [Span(0, 2)]
    assert [message["chunk"] for message in system.messages("Chunks", expected=1)] == [0]

    system.ledger.cover(running.id, 0, [Span(0, 2)], [], ["label"])
    dispatcher.dispatch(running.id, 0, lambda: False)
    assert system.ledger.chunk(running.id, 0).sent == 3
    assert system.messages("Chunks") == []


def test_a_sweep_remembers_how_far_a_job_is_and_how_fast_it_went(system: System, job: Callable[..., JobRecord]) -> None:
    running = job()
    system.ledger.advance_sent(running.id, 0, 0, 3)
    system.ledger.cover(running.id, 0, [Span(0, 2)], [], ["label"])

    assert system.invoke("Sweeper", "sweep-job") == NOTHING_FAILED
    first = system.ledger.progress("fanfold")[running.id]
    assert (first.rows, first.rows_per_request, first.rows_per_second) == (2, 2, 0)

    system.ledger.set_progress(running, Progress(rows=0, at=first.at - 100, rows_per_request=2))
    assert system.invoke("Sweeper", "sweep-job") == NOTHING_FAILED
    assert system.ledger.progress("fanfold")[running.id].rows_per_second == pytest.approx(0.02, rel=0.2)
