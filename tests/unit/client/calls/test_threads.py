"""Several threads use one client, as those of asyncio and of the console do."""

import threading
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from tests.fakes.values import make_job

from fanfold import JobState, JobStatus
from fanfold.stacks import Stack
from fanfold.status import StatusReader
from fanfold_core.domain.errors import UnknownJobError
from fanfold_core.domain.job import JobRecord, State

JOB = make_job(state=State.CANCELLED)
UPLOADED = JobStatus(
    JOB.id, JobState.UPLOADED, "", None, 0, 0, 0, None, datetime(2026, 1, 1, tzinfo=UTC), None,
    "s3://input/tweets.csv", None, "", "", "endpoint",
)  # fmt: skip


def test_clients_are_made_one_after_the_other_whichever_threads_ask_for_them() -> None:
    made: list[str] = []

    def make(service: str, **_: Any) -> None:
        made.append(f"{service} begins")
        if service == "s3":
            # It has all the time that it needs to come between.
            other.start()
            other.join(0.1)
        made.append(f"{service} ends")

    stack = Stack(SimpleNamespace(client=make), None, "fanfold", {}, *["name"] * 8)  # type: ignore[arg-type] # all that is asked
    other = threading.Thread(target=stack.client, args=("sqs",))
    stack.client("s3")
    other.join()
    assert made == ["s3 begins", "s3 ends", "sqs begins", "sqs ends"]


def test_a_job_that_two_threads_look_at_while_it_begins_is_known_to_both() -> None:
    def find(_: str) -> JobRecord:
        """The first look comes too early, and is slower than the second, if that can be."""
        if other.ident is None:
            other.start()
            other.join(0.1)
            raise UnknownJobError(JOB.id)
        return JOB

    ledger: Any = SimpleNamespace(job=find, built=lambda _: ())
    reader = StatusReader(ledger, JOB.id, UPLOADED)
    other = threading.Thread(target=reader.read)
    assert reader.read() == UPLOADED
    other.join()
    assert reader.read().state is JobState.CANCELLED
