"""Files that are wrong: each job ends, and says in words what to do, in the ledger, in summary.json and to the user."""

import json
import time
from pathlib import Path

import pytest
from tests.system.conftest import CommandLine, Pipeline, records
from tests.wrong_files import FAIL_IN_THE_SECOND_ROW, IMPOSSIBLE, PARTLY, POSSIBLE, TEXTS, WRONG_OPTIONS, metadata

from fanfold.cli.options import as_typed
from fanfold.stacks import Stack
from fanfold.status import JobState
from fanfold_core.domain.job import State
from fanfold_core.domain.keys import job_id
from fanfold_core.input.errors import counted
from fanfold_core.input.formats import TABLE_ENDINGS
from localaws.cloud import LocalCloud

OK, FAILED, WRONG_USAGE, SOME_ROWS_FAILED = 0, 1, 2, 3


def reason_in_ledger(cloud: LocalCloud, job: str) -> str:
    found = Stack.find(cloud.session(), cloud.stack_name).ledger.job(job)
    assert found.state is State.FAILED
    return found.reason


# How each file fares in the functions, tests/pipeline shows; here are those whose way through AWS is another.
@pytest.mark.parametrize("name", ["truncated.csv.gz", "picture.png", "klingon.csv"])
def test_a_file_that_cannot_be_processed_ends_its_job_with_words(
    pipeline: Pipeline, cloud: LocalCloud, name: str
) -> None:
    content, options, words = IMPOSSIBLE[name]
    finished = pipeline.drop(name, content, **metadata(options))
    assert finished.summary["state"] == "FAILED"
    assert words in finished.summary["reason"]
    assert words in reason_in_ledger(cloud, finished.summary["job"])


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_a_file_that_cannot_be_processed_is_refused_before_it_is_uploaded(
    fanfold: CommandLine, cloud: LocalCloud, name: str
) -> None:
    content, options, words = IMPOSSIBLE[name]
    said = fanfold(f"refused {name}", content, *options)
    expected = WRONG_USAGE if name in WRONG_OPTIONS else FAILED
    assert (said.code, said.summary, said.out.exists()) == (expected, {}, False)
    assert as_typed(words) in said.stderr
    s3 = cloud.session().client("s3")
    found = s3.list_objects_v2(Bucket=cloud.outputs["InputBucket"]).get("Contents", [])
    assert not any(uploaded["Key"].endswith(f"/refused {name}") for uploaded in found)


@pytest.mark.parametrize("name", ["utf-16 announced.csv", "NUL.csv", "space plus+ 100% %41 é 日本語 (1).csv"])
def test_a_file_that_only_looks_wrong_is_predicted_whole(fanfold: CommandLine, name: str) -> None:
    content, options, rows = POSSIBLE[name]
    said = fanfold(name, content, *options)
    assert (said.code, said.summary["state"], said.summary["rows"]) == (OK, "SUCCEEDED", rows)
    assert said.summary["input"].endswith(f"/{name}")
    assert f"{rows} of {counted(rows, 'row')} predicted" in said.stderr


@pytest.mark.parametrize("name", ["a million cells.csv", "one-bad-byte.csv", "empty texts.csv"])
def test_rows_that_cannot_be_sent_end_in_errors_and_cost_no_other_row(fanfold: CommandLine, name: str) -> None:
    content, reasons = PARTLY[name]
    said = fanfold(name, content)
    assert (said.code, said.summary["state"]) == (SOME_ROWS_FAILED, "COMPLETED_WITH_ERRORS")
    assert said.summary["failed"] == len(reasons)
    assert [row[1] for row in records(said.out / "errors.csv")[1:]] == reasons
    assert records(said.out / "results.csv")[2][-1] == (reasons[0] if name in FAIL_IN_THE_SECOND_ROW else "")
    assert f"{counted(len(reasons), 'row')} failed" in said.stderr


def test_rows_before_an_open_quote_are_in_the_results(pipeline: Pipeline) -> None:
    finished = pipeline.drop("late quote.csv", b"id,text\n1,good\n" + b'2,"never closed')
    assert [row[:2] for row in finished.results] == [["1", "good"]]


def test_what_is_wrong_far_into_a_file_ends_its_job_with_words_to_whoever_waits(fanfold: CommandLine) -> None:
    said = fanfold(
        "far.csv",
        b"id,text\n" + b"1,%-697s\n" % b"good" * 10_000 + b"2,gr\xfc\xdfe\n",
        "--rows-per-request",
        "1000",
        "--encoding-errors",
        "strict",
        "--yes",  # or it would be found while the cost is reckoned
    )
    assert (said.code, said.summary["state"]) == (FAILED, "FAILED")
    assert "row 10000, byte 7,000,012: the file is not utf-8 here" in said.stderr


METADATA = [
    ("rows_per_request", "9" * 500, "it must be a number from 1 to 1000"),
    ("encoding", "base64", "it must be a text encoding that Python knows"),
    ("parameters", "[" * 600, "it must be a JSON object"),
]


@pytest.mark.parametrize(("option", "value", "words"), METADATA, ids=["number", "name", "nesting"])
def test_an_option_in_the_metadata_that_none_may_have_is_named(
    pipeline: Pipeline, cloud: LocalCloud, option: str, value: str, words: str
) -> None:
    finished = pipeline.drop("options.csv", TEXTS, **{option: value})
    assert finished.summary["state"] == "FAILED"
    assert finished.summary["reason"].startswith(f"option {option.replace('_', '-')} is ")
    assert words in finished.summary["reason"]
    assert finished.summary["reason"] == reason_in_ledger(cloud, finished.summary["job"])


@pytest.mark.parametrize("name", ["table.csv.zip", "workbook.xlsx", "no-suffix"])
def test_a_file_that_is_none_by_name_is_a_failed_job_that_says_so(
    pipeline: Pipeline, cloud: LocalCloud, name: str
) -> None:
    s3, bucket = cloud.session().client("s3"), cloud.outputs["InputBucket"]
    version = s3.put_object(Bucket=bucket, Key=name, Body=b"text\nso good\n")["VersionId"]
    job = pipeline.client.job(job_id(bucket, name, version))
    assert job.wait(timeout=60).state is JobState.FAILED
    assert job.summary()["reason"].startswith(f"the file's name must end in {TABLE_ENDINGS}: unpack an archive")


def test_folders_are_ignored_and_the_log_says_so(cloud: LocalCloud, logs: Path) -> None:
    keys = ["folder/", "folder.csv/"]
    s3 = cloud.session().client("s3")
    for key in keys:
        s3.put_object(Bucket=cloud.outputs["InputBucket"], Key=key, Body=b"")
    expected = {f"s3://{cloud.outputs['InputBucket']}/{key}: it is a folder" for key in keys}
    deadline = time.monotonic() + 60
    while not expected <= (said := ignored(logs)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert expected <= said


def ignored(logs: Path) -> set[str]:
    """What the splitter says that it ignored."""
    lines = (logs / "SplitterFunction.log").read_text().splitlines()
    return {entry["what"] for line in lines if line.startswith("{") and "what" in (entry := json.loads(line))}
