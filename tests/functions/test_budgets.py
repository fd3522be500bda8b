"""What a stack does not take: files that are too large, and options that cost more, end their jobs with words."""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest
from tests.functions.conftest import NOTHING_FAILED, System, event
from tests.functions.test_hostile_events import context, load

from fanfold import Fanfold
from fanfold_core.domain.job import JobRecord, State
from fanfold_core.domain.keys import job_id, result_key

ROWS, BYTES = 25_000, 1_000_000
Upload = Callable[..., JobRecord]


@pytest.fixture(scope="module")
def environment(started: System) -> Iterator[Mapping[str, str]]:
    """The splitter's, in a stack that takes little."""
    before = boto3.DEFAULT_SESSION
    yield {
        **started.cloud.function_environments()["SplitterFunction"],
        "MAX_ROWS": str(ROWS),
        "MAX_BYTES": str(BYTES),
    }
    boto3.DEFAULT_SESSION = before


@pytest.fixture
def upload(system: System, environment: Mapping[str, str]) -> Upload:
    """Uploads a file, lets the real splitter have it, and finds its job."""

    def upload(name: str, content: bytes, metadata: Mapping[str, str] | None = None, **variables: str) -> JobRecord:
        bucket = system.cloud.outputs["InputBucket"]
        put = system.s3.put_object(Bucket=bucket, Key=name, Body=content, Metadata=dict(metadata or {}))
        handler = load("splitter", {**environment, **variables})
        for message in system.messages("Uploads", expected=1):
            for _ in range(2):
                assert handler(one("upload", message), context()) == NOTHING_FAILED
        return system.ledger.job(job_id(bucket, name, put["VersionId"]))

    return upload


def one(name: str, body: object) -> dict[str, Any]:
    """An event of events/ with this body in its message."""
    return {"Records": [{**event(name)["Records"][0], "body": json.dumps(body)}]}


def assemble(system: System, job: JobRecord) -> JobRecord:
    """Let the assembler end a job."""
    assert {"v": 1, "job": job.id} in system.messages("Assembly", expected=1)
    assert system.cloud.invoke("AssemblerFunction", one("assembly", {"v": 1, "job": job.id})) == NOTHING_FAILED
    return system.ledger.job(job.id)


def test_a_plain_file_that_is_too_large_ends_before_anything_of_it_is_read(system: System, upload: Upload) -> None:
    job = upload("large.csv", b"id,text\n" + b"1,good\n" * (BYTES // 7))
    assert (job.outcome, job.layout, job.stored) == (State.FAILED, None, 0)
    assert system.messages("Chunks") == []
    ended = assemble(system, job)
    assert ended.state is State.FAILED
    assert ended.reason == (
        "the file has more than 1,000,000 bytes of text, which is the most that this stack takes (MaxBytes): "
        "upload it in smaller files, or raise the parameter"
    )


def test_a_bomb_ends_when_it_is_too_large_and_its_first_rows_are_kept(system: System, upload: Upload) -> None:
    bomb = gzip.compress(b"text\n" + (b"so good. " * 8 + b"\n") * 600_000)
    assert len(bomb) < 150_000
    # Whoever reads to the end finds it missing.
    job = upload("bomb.csv.gz", bomb[:-100], MAX_ROWS="100000000", MAX_BYTES="4000000")
    assert (job.outcome, job.stored, job.total) == (State.FAILED, 4, None)
    ended = assemble(system, job)
    assert ended.state is State.FAILED
    assert ended.reason.startswith("the file has more than 4,000,000 bytes of text, which is the most that this stack")
    header, *results = system.read(result_key(job.id, "results.csv")).splitlines()
    assert (header, len(results)) == ("text,error", 40_000)
    assert "(MaxBytes)" in results[-1]


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz"])
def test_a_file_of_too_many_rows_ends_when_they_are_counted_and_its_first_rows_are_sent(
    system: System, upload: Upload, name: str
) -> None:
    content = b"text\n" + b"so good\n" * (ROWS + 1)
    job = upload(name, gzip.compress(content) if name.endswith(".gz") else content)
    assert (job.outcome, job.stored, job.released, job.total) == (State.FAILED, 2, 2, None)
    assert system.messages("Chunks", expected=2) == [{"v": 1, "job": job.id, "chunk": chunk} for chunk in (0, 1)]
    ended = assemble(system, job)
    assert ended.reason.startswith("the file has more than 25,000 rows, which is the most that this stack takes (Max")


@pytest.mark.parametrize("name", ["again.csv", "again.csv.gz"])
def test_a_retry_goes_on_with_the_file_when_the_stack_takes_more(system: System, upload: Upload, name: str) -> None:
    content = b"text\n" + b"so good\n" * (ROWS + 1)
    job = assemble(system, upload(name, gzip.compress(content) if name.endswith(".gz") else content))
    following = Fanfold(system.cloud.stack_name, session=system.cloud.session()).job(job.id).retry()
    (message,) = system.messages("Uploads", expected=1)
    assert system.cloud.invoke("SplitterFunction", one("split-on", message)) == NOTHING_FAILED
    job = system.ledger.job(following.id)
    assert (job.state, job.total, job.rows) == (State.RUNNING, 3, ROWS + 1)


def test_a_file_of_as_many_rows_as_the_stack_takes_is_split_to_its_end(upload: Upload) -> None:
    job = upload("rows.csv", b"text\n" + b"so good\n" * ROWS)
    assert (job.state, job.total, job.rows) == (State.RUNNING, 3, ROWS)


def test_empty_lines_without_end_end_the_job(upload: Upload) -> None:
    lines = gzip.compress(b"id,text\n1,so good\n" + b"\n" * 40_000_000)
    job = upload("lines.csv.gz", lines, MAX_BYTES="100000000")
    assert (job.outcome, job.stored) == (State.FAILED, 1)
    assert job.reason.startswith("row 1: more than 16,777,216 bytes of empty lines")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        (
            "rows-per-request",
            "8",
            "32 or more, since this stack has rows-per-request=32 by default and CostlierOptions=refuse",
        ),
        ("max-attempts", "20", "3 or less, since this stack has max-attempts=3 by default and CostlierOptions=refuse"),
    ],
)
def test_an_option_that_costs_more_than_the_stacks_ends_the_job_unless_the_stack_allows_it(
    system: System, upload: Upload, option: str, value: str, words: str
) -> None:
    job = upload("costly.csv", b"text\nso good\n", {option: value})
    assert (job.outcome, job.stored, job.reason) == (
        State.FAILED,
        0,
        f"option {option} is '{value}'; it must be {words}",
    )
    assert system.messages("Chunks") == []
    assert assemble(system, job).state is State.FAILED
    allowed = upload("costly.csv", b"text\nso good\n", {option: value}, COSTLIER_OPTIONS="allow")
    assert (allowed.state, allowed.stored) == (State.RUNNING, 1)
