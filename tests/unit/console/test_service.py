"""What the console remembers of jobs that have ended, and what it asks for again."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from tests.fakes.values import make_job

from fanfold.console.service import ConsoleService
from fanfold.costs.cost import Cost
from fanfold.costs.hours import TOO_EARLY
from fanfold.stacks import ListedJob

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


def ended_job(name: str, at: datetime) -> Any:
    return SimpleNamespace(id=name, has_ended=True, created=at, ended=at)


def test_jobs_that_have_just_ended_are_looked_up_once_and_keep_no_other_from_it() -> None:
    jobs = {name: EndedJob() for name in ("new-1", "new-2", "new-3", "old")}
    client: Any = SimpleNamespace(stack=None, job=jobs.__getitem__)
    service = ConsoleService(client)
    now = datetime.now(UTC)
    just_now = [ended_job(name, now) for name in ("new-1", "new-2", "new-3")]
    listed = [*just_now, ended_job("old", now - timedelta(days=1))]
    service.conclusions(listed)
    assert service.conclusions(listed)["old"].dollars is not None
    service.conclusions(listed)
    assert [jobs[status.id].looks for status in just_now] == [1, 1, 1]

    # Some minutes later they are, after those of which nothing is known.
    for status in just_now:
        status.ended -= timedelta(minutes=6)
    jobs["older"] = EndedJob()
    assert service.conclusions([*listed, ended_job("older", now)])["older"].dollars is not None
    assert [jobs[status.id].looks for status in just_now] == [2, 2, 1]


def test_a_cost_is_asked_for_again_until_the_hours_of_instances_are_counted() -> None:
    job = EndedJob()
    client: Any = SimpleNamespace(stack=None, job=lambda _id: job)
    status = ended_job("tweets", datetime(2026, 11, 23, tzinfo=UTC))
    service = ConsoleService(client)

    assert service.conclusion(status).dollars == EARLY.services + 0.5
    assert service.conclusions([status])["tweets"].instance_hours is None
    assert service.conclusions([status])["tweets"].instance_hours == 2.0
    assert service.conclusion(status).dollars == 0.75 + 2 * 0.736
    assert job.looks == 3


def test_a_job_of_a_local_cloud_has_cost_nothing() -> None:
    local = replace(EARLY, hours_unknown="", is_local=True)
    job = SimpleNamespace(summary=dict, cost=lambda: local)
    service = ConsoleService(SimpleNamespace(stack=None, job=lambda _id: job))  # type: ignore[arg-type]
    status = ended_job("tweets", datetime(2026, 11, 23, tzinfo=UTC))
    assert (service.conclusion(status).dollars, service.conclusion(status).instance_hours) == (None, None)


class BucketWithTable:
    """A stack with a job whose table has three files, of which one has expired, and a file that is not the job's."""

    output_bucket = "output"

    def __init__(self) -> None:
        self.ledger = SimpleNamespace(job=lambda _id: make_job(tables=frozenset(range(3))))

    def client(self, _service: str) -> Any:
        return SimpleNamespace(get_paginator=lambda _operation: self)

    def paginate(self, *, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803 - as boto3 has it
        assert (Bucket, Prefix) == ("output", "results/tweets/results.parquet/")
        names = {"_SUCCESS": 0, "part-00000.parquet": 7, "part-00002.parquet": 9, "part-00003.parquet": 1}
        return [{"Contents": [{"Key": f"{Prefix}{name}", "Size": size}]} for name, size in names.items()] + [{}]


@pytest.mark.parametrize(
    ("parquet", "tables"),
    [
        (
            "s3://output/results/tweets/results.parquet/",
            {"results.parquet/part-00000.parquet": 7, "results.parquet/part-00002.parquet": 9},
        ),
        (None, None),
    ],
)
def test_the_files_of_a_jobs_table_are_those_that_it_has_written_and_that_are_there(
    parquet: str | None, tables: dict[str, int] | None
) -> None:
    job = SimpleNamespace(summary=lambda: {"parquet": parquet}, cost=lambda: None)
    client: Any = SimpleNamespace(stack=BucketWithTable(), job=lambda _id: job)
    status = ended_job("tweets", datetime(2026, 11, 23, tzinfo=UTC))
    assert ConsoleService(client).conclusion(status).tables == tables


def test_uploads_and_downloads_share_the_connections_of_one_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def upload(stack: object, name: str, *_: object) -> Any:
        asked.append(stack)
        return SimpleNamespace(id=name)

    def find(stack: object, _key: str) -> dict[str, int]:
        asked.append(stack)
        return {"Size": 0}

    monkeypatch.setattr("fanfold.console.service.upload_stream", upload)
    monkeypatch.setattr("fanfold.console.service.find_object", find)
    stack = SimpleNamespace(ledger=None)
    client: Any = SimpleNamespace(stack=stack)
    service = ConsoleService(client)
    for name in ("a.csv", "b.csv"):
        service.submit(name, BytesIO(), {})
        service.read("a-1", "results.csv", for_spreadsheets=False)
    assert asked == [stack] * 4


class ListOfJobs:
    """A stack's list, and a ledger that knows who submitted them; each is asked for once."""

    def __init__(self, submitters: dict[str, str | None]) -> None:
        self._submitters, self.asked = submitters, list[str]()
        self.ledger = self

    def latest_jobs(self) -> Iterator[ListedJob]:
        return (ListedJob(name, "COMPLETED_WITH_ERRORS", f"folder/{name}.csv") for name in self._submitters)

    def submitters(self, job_ids: Sequence[str]) -> dict[str, str | None]:
        self.asked += job_ids
        return {job_id: self._submitters[job_id] for job_id in job_ids}


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("ADA@", ["one", "three"]),
        ("bob", ["two"]),
        ("three", ["three"]),
        ("with errors", ["one", "two", "three", "four"]),
        ("AROA", []),
        ("folder", []),
    ],
)
def test_jobs_are_found_by_who_submitted_them(monkeypatch: pytest.MonkeyPatch, search: str, found: list[str]) -> None:
    by = {"one": "AWS:AROAEXAMPLE:ada@example.com", "two": "AWS:AROAEXAMPLE:bob", "three": None, "four": None}
    stack = ListOfJobs({**by, "three": by["one"]})
    now = datetime.now(UTC)
    client: Any = SimpleNamespace(
        stack=stack, job=lambda name: SimpleNamespace(id=name, status=lambda: ended_job(name, now))
    )
    monkeypatch.setattr("fanfold.console.service.Job", lambda _stack, name: client.job(name))
    service = ConsoleService(client)
    for _ in range(2):
        assert [job.id for job in service.jobs(10, search)[0]] == found
    assert stack.asked == list(by)
