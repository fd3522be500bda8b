"""The Python client: what a job says of itself, and what comes out of it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_type

import boto3
import nbformat
import pytest
from nbclient import NotebookClient

from fanfold import AsyncFanfold, AsyncJob, Errors, FailedRow, Fanfold, JobState, JobStatus, Results
from fanfold.errors import (
    InputFileError,
    JobNotFoundError,
    JobStillOpenError,
    NothingToRetryError,
    RowNotFoundError,
    StackError,
)
from fanfold.stacks import Stack

if TYPE_CHECKING:
    from tests.system.conftest import Pipeline

    from fanfold import Job

# What VADER says of "so good", and of no other text here.
ONLY_GOOD = '{"type": "object", "properties": {"label": {"const": "LABEL_2"}}}'
MIXED = b"id,text\n007,so good\n2,\n3,so bad\n4,well\n"


@pytest.fixture(scope="module")
def job(pipeline: Pipeline) -> Job:
    """A job that has ended, with one failed row."""
    file = pipeline.folder / "mixed.csv"
    file.write_bytes(MIXED)
    job = pipeline.client.submit(file, rows_per_request=2)
    job.wait(timeout=60)
    return job


def test_the_status_says_where_a_job_stands(job: Job) -> None:
    status = job.status()
    assert (status.id, status.state, status.has_ended) == (job.id, JobState.COMPLETED_WITH_ERRORS, True)
    assert (status.rows, status.done, status.predicted, status.failed) == (4, 4, 3, 1)
    assert status.ended is not None
    assert datetime.now(UTC) - timedelta(minutes=5) < status.created < status.ended
    assert status.input.endswith("/mixed.csv")
    assert status.as_dict()["created"] == status.created.isoformat()


def test_a_job_that_was_just_submitted_is_uploaded_and_then_only_goes_forward(pipeline: Pipeline) -> None:
    file = pipeline.folder / "forward.csv"
    file.write_bytes(b"text\n" + b"so good\n" * 400)
    job = pipeline.client.submit(file, rows_per_request=4)
    states = [(status.state, status.done) for status in job.follow()]
    order = [JobState.UPLOADED, JobState.RUNNING, JobState.CLOSING, JobState.SUCCEEDED]
    assert states == sorted(states, key=lambda state: (order.index(state[0]), state[1]))
    assert states[-1] == (JobState.SUCCEEDED, 400)


def test_results_are_dicts_of_what_stands_in_the_file_as_often_as_one_asks(job: Job) -> None:
    results = job.results()
    rows = list(results)
    assert [list(row) for row in rows] == [["id", "text", "label", "score", "error"]] * 4
    assert [(row["id"], row["label"], row["error"]) for row in rows] == [
        ("007", "LABEL_2", ""),
        ("2", "", "input is empty"),
        ("3", "LABEL_0", ""),
        ("4", "LABEL_2", ""),
    ]
    assert list(results) == rows


def test_results_become_a_table_of_pandas_and_of_arrow_with_own_columns_as_text(job: Job) -> None:
    frame, table = job.results().to_pandas(), job.results().to_arrow()
    assert frame["id"].tolist() == table["id"].to_pylist() == ["007", "2", "3", "4"]
    assert frame["score"].dtype == "float64"
    assert frame["score"].isna().tolist() == [False, True, False, False]
    assert str(table.schema.field("score").type) == "double"
    assert table["error"].to_pylist() == frame["error"].tolist() == ["", "input is empty", "", ""]


def test_errors_name_the_row_and_why(job: Job) -> None:
    assert list(job.errors()) == [FailedRow(1, "input is empty", {"id": "2", "text": ""}, "")]


def test_a_row_is_found_by_its_number(job: Job) -> None:
    assert [job.row(number) for number in range(4)] == list(job.results())
    with pytest.raises(RowNotFoundError, match="has no row 4: it has 4 rows, counted from 0"):
        job.row(4)


def test_all_files_are_downloaded_to_a_folder_that_need_not_exist(job: Job, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    files = job.download(folder)
    assert {"results.csv", "errors.csv", "summary.json"} <= {file.name for file in files}
    assert {*files, folder / ".fanfold.json"} == set(folder.iterdir())
    summary = job.summary()
    assert (summary["failed"], summary["chunks"], summary["requests"], summary["requests_again"]) == (1, 1, 2, 0)
    assert 0 < summary["endpoint_seconds"] <= summary["seconds"]


def test_a_retry_is_a_job_of_its_own_with_all_rows(pipeline: Pipeline, job: Job) -> None:
    with pytest.raises(NothingToRetryError, match="correct the file"):
        job.retry()  # of an empty row
    job = pipeline.client.submit(["so good", "", "so bad"], response_schema=ONLY_GOOD, max_attempts=1)
    job.wait(timeout=60)
    again = job.retry()
    status = again.wait(timeout=60)
    assert (again.id, status.retry_of) == (f"{job.id}.2", job.id)
    assert (status.rows, status.predicted, status.failed, status.invalid) == (3, 1, 2, 1)
    assert list(again.results()) == list(job.results())
    assert [again.row(number) for number in range(3)] == list(job.results())


def test_jobs_are_listed_the_latest_first_and_found_by_how_their_id_begins(pipeline: Pipeline, job: Job) -> None:
    listed = [other.id for other in pipeline.client.jobs()]
    created = [pipeline.client.job(other).status().created for other in listed]
    assert job.id in listed
    assert created == sorted(created, reverse=True)
    ids = []
    for name in ("only-one.csv", "only-two.csv"):
        file = pipeline.folder / name
        file.write_bytes(b"text\nfine\n")
        ids.append(pipeline.client.submit(file).id)
    for only in ids:
        pipeline.client.job(only).wait(timeout=60)
    assert pipeline.client.job("only-one").id == ids[0]
    with pytest.raises(JobNotFoundError, match="`fanfold jobs` lists all jobs"):
        pipeline.client.job("nobodys")
    with pytest.raises(
        JobNotFoundError, match=f"^several jobs begin with only-, choose one: {', '.join(sorted(ids))}$"
    ):
        pipeline.client.job("only-")


def test_a_job_is_found_before_the_stack_has_begun_with_it(pipeline: Pipeline) -> None:
    file = pipeline.folder / "early.csv"
    file.write_bytes(b"text\nfine\n")
    early = pipeline.client.submit(file)
    assert pipeline.client.job(early.id).wait(timeout=60).predicted == 1


def test_what_is_answered_can_be_read_while_the_job_runs(pipeline: Pipeline) -> None:
    file = pipeline.folder / "slow.csv"
    file.write_bytes(b"text\n\n" + b"".join(b"slowly %d\n" % number for number in range(1_000)))
    job = pipeline.client.submit(file, rows_per_request=1)
    for status in job.follow():
        if status.done > 20:
            break
    assert status.state is JobState.RUNNING
    for early in (job.results, job.errors, job.summary, job.retry, lambda: job.download(pipeline.folder)):
        with pytest.raises(JobStillOpenError, match="still running"):
            early()
    with pytest.raises(JobStillOpenError, match="still running after 0 s"):
        job.wait(timeout=0)
    with pytest.raises(RowNotFoundError, match="no answer yet"):
        job.row(1_000)
    assert [failed.error for failed in job.errors(partial=True)] == ["input is empty"]
    assert job.row(0)["error"] == "input is empty"
    rows = list(job.results(partial=True))
    assert 20 < len(rows) < 1_001
    assert all(row["label"] or row["error"] for row in rows)
    assert job.cancel().state in {JobState.CLOSING, JobState.CANCELLED}
    assert job.wait(timeout=60).state is JobState.CANCELLED
    final = list(job.results())
    assert [row for row in final if row["text"] in {early["text"] for early in rows}] == rows
    assert {row["error"] for row in final} >= {"", "cancelled"}


def test_a_task_does_with_a_stack_what_else_a_thread_does(pipeline: Pipeline, tmp_path: Path) -> None:
    stack = pipeline.client.stack

    async def use() -> None:
        async with AsyncFanfold(stack.name, session=stack.session) as fanfold:
            given: dict[str, Any] = {"rows_per_request": 1, "response_schema": ONLY_GOOD, "max_attempts": 1}
            job = assert_type(await fanfold.submit(["so good", "so bad", "so good"], **given), AsyncJob)
            assert assert_type(await job.wait(timeout=60), JobStatus).failed == 1
            rows = [assert_type(row, dict[str, Any]) async for row in await job.results()]
            assert [row["label"] for row in rows] == ["LABEL_2", "", "LABEL_2"]
            assert [assert_type(failed, FailedRow).row async for failed in await job.errors()] == [1]
            assert {file.name for file in await job.download(tmp_path)} >= {"results.csv", "errors.csv"}
            again = await job.retry()
            assert (await again.wait(timeout=60)).retry_of == job.id
            assert await (await again.results()).columns() == list(rows[0])
            ids = [other.id async for other in fanfold.jobs()]
            assert ids.index(again.id) < ids.index(job.id)
            assert (await (await fanfold.job(job.id)).cancel()).state is JobState.COMPLETED_WITH_ERRORS

    asyncio.run(use())


def test_wrong_names_are_said_in_words(pipeline: Pipeline, tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"missing\.csv does not exist"):
        pipeline.client.submit(tmp_path / "missing.csv")
    with pytest.raises(InputFileError, match="is a folder: choose a file in it"):
        pipeline.client.submit(tmp_path)
    with pytest.raises(StackError, match="stack nobodys"):
        _ = Fanfold("nobodys", session=pipeline.client.stack.session).stack


@pytest.mark.parametrize("options", [{"max_attempts": 99}, {"encoding": "klingon"}, {"input_column": "tweet"}])
def test_an_option_that_cannot_be_is_refused_before_anything_is_uploaded(
    pipeline: Pipeline, tmp_path: Path, options: dict[str, Any]
) -> None:
    file = tmp_path / "options.csv"
    file.write_bytes(MIXED)
    before = list(pipeline.client.stack.job_ids())
    with pytest.raises(InputFileError, match=str(next(iter(options.values())))):
        pipeline.client.submit(file, **options)
    assert list(pipeline.client.stack.job_ids()) == before


def test_keys_that_are_no_more_valid_are_told_from_a_stack_that_is_missing(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", pipeline.client.stack.session.client("sts").meta.endpoint_url)
    stale = boto3.Session("nobody", "stale", region_name="us-east-1")
    with pytest.raises(StackError, match=r"is invalid\. `aws sts get-caller-identity` shows your identity"):
        Stack.find(stale, pipeline.client.stack.name)
    with pytest.raises(StackError, match="does not exist; see `aws cloudformation list-stacks`"):
        Stack.find(pipeline.client.stack.session, "nobodys")


def test_a_machine_without_a_network_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    session = boto3.Session("k", "s", region_name="no-region-1")
    with pytest.raises(StackError, match=r"no response from .*amazonaws\.com.*: check the network"):
        Stack.find(session, "s")


# What somebody's tests look like who uses the fixture.
USING = """
from pathlib import Path

import pytest


def shout(inputs, max_length):
    assert max_length == 512
    return [{"label": text.upper()} for text in inputs]


@pytest.fixture(scope="session")
def fanfold_model():
    return shout


def test_opinions(fanfold_local, capfd):
    job = fanfold_local.submit(["so good", "so bad"], name="opinions")
    assert job.wait(timeout=60).predicted == 2
    assert fanfold_local.stack.parameters["HfModelId"] == "shout"
    job.download("out")
    Path("address").write_text(fanfold_local.stack.session.client("s3").meta.endpoint_url)


def test_as_well(fanfold_local, capfd):
    assert len(list(fanfold_local.jobs())) == 1
    assert capfd.readouterr() == ("", "")
"""


def test_a_fixture_has_a_local_cloud_for_all_tests_and_a_function_as_its_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "test_using.py").write_text(USING, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "fanfold.pytest_plugin", "-p", "no:cacheprovider"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    results = Results.of_folder(tmp_path / "out")
    assert [(row["text"], row["label"]) for row in results] == [("so good", "SO GOOD"), ("so bad", "SO BAD")]
    assert list(Errors.of_folder(tmp_path / "out")) == []
    session = boto3.Session("key", "secret", region_name="us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", (tmp_path / "address").read_text(encoding="utf-8"))
    with pytest.raises(StackError, match=r"no response from http://127\.0\.0\.1"), Fanfold(session=session):
        pass


EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.slow
def test_the_notebook_runs_and_stands_there_without_outputs() -> None:
    notebook = nbformat.read(EXAMPLES / "tweets.ipynb", as_version=4)  # type: ignore[no-untyped-call] # nbformat has no types
    assert not any(cell.get("outputs") for cell in notebook.cells)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(EXAMPLES)}}).execute()
    printed = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ()) if "text" in output
    )
    assert "325 rows in" in printed
    assert "1 input is empty {'id': '2', 'text': ''}" in printed
    assert "when it was cancelled" in printed
