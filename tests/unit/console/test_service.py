"""What the console remembers of jobs that have ended, and what it asks for again."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from fanfold.console.service import ConsoleService
from fanfold.costs.estimate import Cost
from fanfold.costs.hours import TOO_EARLY

EARLY = Cost(0.75, 0.5, "ml.g4dn.xlarge", 2446, "us-east-1, 2026-11-23", hours_unknown=TOO_EARLY)
COUNTED = replace(EARLY, instance_hours=2.0, hours_unknown="")


class EndedJob:
    """A job whose instance-hours are counted from the third look on."""

    def __init__(self) -> None:
        self.looks = 0

    def summary(self) -> dict[str, Any]:
        return {}

    def cost(self) -> Cost:
        self.looks += 1
        return EARLY if self.looks < 3 else COUNTED


def test_a_cost_is_asked_for_again_until_the_hours_of_instances_are_counted() -> None:
    job = EndedJob()
    client: Any = SimpleNamespace(stack=None, job=lambda _id: job)
    status: Any = SimpleNamespace(id="tweets", has_ended=True, created=datetime(2026, 11, 23, tzinfo=UTC))
    service = ConsoleService(lambda: client)

    assert service.conclusion(status).dollars == EARLY.services + 0.5
    assert service.conclusions([status])["tweets"].instance_hours is None
    assert service.conclusions([status])["tweets"].instance_hours == 2.0
    assert service.conclusion(status).dollars == 0.75 + 2 * 0.736
    assert job.looks == 3
