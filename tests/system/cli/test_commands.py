"""The commands about jobs: what they print for people and for programs, the same on any stack."""

from __future__ import annotations

import csv
import io
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from pyarrow import BufferReader
from pyarrow.parquet import read_table

if TYPE_CHECKING:
    from tests.system.conftest import Pipeline

    from fanfold import Job

from tests.system.cli.conftest import FAILED, OK, SOME_ROWS_FAILED, WRONG_USAGE, Fanfold


def test_jobs_are_listed_for_people_and_programs(fanfold: Fanfold, job: Job) -> None:
    header, *rows = fanfold("jobs", "--limit", "1000").table
    assert header == ["job", "state", "rows", "predicted", "failed", "not answered", "created (UTC)", "submitted_by"]
    assert [job.id, "COMPLETED_WITH_ERRORS", "5", "2", "3", ""] in [row[:6] for row in rows]
    assert len(fanfold("jobs", "--limit", "1").table) == 2
    assert job.id in {listed["id"] for listed in fanfold("jobs", "--limit", "1000", "--json").json}


def test_the_status_is_found_by_how_an_id_begins(fanfold: Fanfold, job: Job) -> None:
    said = fanfold("status", "commands-")
    assert said.code == OK
    assert "cost       nothing on a local cloud; on AWS at least $0.00" in said.stdout
    assert "state      COMPLETED_WITH_ERRORS" in said.stdout
    known = fanfold("status", job.id, "--json").json
    assert known == known | json.loads(json.dumps(job.status().as_dict()))
    assert fanfold("status", job.id, "--watch").code == SOME_ROWS_FAILED


def test_the_status_says_whether_predictions_are_right_and_spread_as_before(
    fanfold: Fanfold, pipeline: Pipeline
) -> None:
    options = {"label_column": "stars", "labels": {"LABEL_2": "good", "LABEL_0": "bad"}}
    rows = {mood: [{"text": f"so {mood}", "stars": "good"}] * 60 for mood in ("good", "bad")}
    moods = [pipeline.client.submit(rows[mood], name="moods", **options) for mood in rows]
    for mood in moods:
        mood.wait(timeout=60)
    said = fanfold("status", moods[1].id)
    assert "accuracy               0 of 60 rows (0.0%); macro F1 0.000" in said.stdout
    assert "most frequent mistake  good predicted as bad, 60 rows" in said.stdout
    words = f"The labels are distributed differently than in {moods[0].id}, the last job of a file of this name"
    assert f"{words}: bad: 0% → 100%." in said.stdout
    assert "distributed" not in fanfold("status", moods[0].id).stdout
    assert moods[1].summary()["departure"] == {"job": moods[0].id, "change": "bad: 0% → 100%"}
    known = fanfold("status", moods[0].id, "--json").json
    assert (known["evaluation"]["accuracy"], known["departure"]) == (1.0, None)
    said = fanfold("compare", moods[0].id, moods[1].id)
    assert (said.code, "the results are of other texts from row 0" in said.stderr) == (FAILED, True)


@pytest.mark.parametrize("name", ["[/foo]", "[red]x", ":smile:"])
def test_what_the_user_calls_something_is_said_as_it_stands(fanfold: Fanfold, name: str) -> None:
    said = fanfold("status", name)
    assert (said.code, said.stderr) == (
        FAILED,
        f"fanfold: this stack has no job {name}: `fanfold jobs` lists all jobs\n",
    )


def test_what_a_job_cost_is_said_when_it_has_ended_and_written_to_its_summary(
    fanfold: Fanfold, job: Job, tmp_path: Path
) -> None:
    cost = fanfold("status", job.id, "--json").json["cost"]
    assert cost["services"] == pytest.approx(sum(job.summary()["dollars"].values()))
    assert (cost["is_local"], cost["instance"]) == (True, None)
    assert cost["prices"] == job.summary()["prices"]
    assert (cost["instance_hours"], cost["hours_unknown"]) == (None, "")
    assert (
        "Estimated cost: nothing on a local cloud; on AWS at least $0.00"
        in fanfold("report", job.id, "--out", str(tmp_path)).stderr
    )


def test_results_are_the_file_itself_or_a_line_of_json_for_each_row(fanfold: Fanfold, job: Job, tmp_path: Path) -> None:
    content = b"".join(job.results().blocks()).decode()
    assert fanfold("results", job.id).stdout == content
    lines = fanfold("results", job.id, "--json").stdout.splitlines()
    assert [json.loads(line) for line in lines] == list(csv.DictReader(io.StringIO(content)))
    parquet = fanfold("results", job.id, "--parquet", str(tmp_path / "results.parquet"))
    assert (parquet.stdout, parquet.stderr) == ("", f"written to {tmp_path / 'results.parquet'}\n")
    assert read_table(tmp_path / "results.parquet") == job.results().to_arrow()
    assert fanfold("results", job.id, "--row", "2", "--json").json == json.loads(lines[2])
    beyond = fanfold("results", job.id, "--row", "5")
    assert (beyond.code, beyond.stderr) == (
        FAILED,
        f"fanfold: job {job.id} has no row 5: it has 5 rows, counted from 0\n",
    )


def test_results_become_a_table_in_athena(fanfold: Fanfold, pipeline: Pipeline, job: Job) -> None:
    client = pipeline.client.stack.client("s3")
    client.create_bucket(Bucket="my-lake")
    said = fanfold("results", job.id, "--athena", "s3://my-lake/tweets/")
    assert (said.code, said.stderr) == (OK, f"written to s3://my-lake/tweets/{job.id}.parquet\n")
    assert said.stdout.startswith("CREATE EXTERNAL TABLE IF NOT EXISTS `tweets` (\n  `id` string,\n")
    content = client.get_object(Bucket="my-lake", Key=f"tweets/{job.id}.parquet")["Body"].read()
    assert read_table(BufferReader(content)) == job.results().to_arrow()
    both = fanfold("results", job.id, "--athena", "s3://my-lake/tweets/", "--partial")
    assert (both.code, "--athena writes all rows to S3" in both.stderr) == (WRONG_USAGE, True)


@pytest.mark.parametrize("more", [["x.parquet", "--json"], ["x.parquet", "--row", "1"], ["-"]])
def test_a_parquet_file_is_written_alone_and_to_a_file(fanfold: Fanfold, more: list[str]) -> None:
    said = fanfold("results", "any", "--parquet", *more)
    assert said.code == WRONG_USAGE
    assert "--parquet writes all rows to a file" in said.stderr


@pytest.mark.parametrize("command", ["results {job}", "jobs --json", "tail {job}"])
def test_standard_output_that_takes_nothing_is_one_line_and_a_failure(
    pipeline: Pipeline, job: Job, command: str
) -> None:
    begin = f"$fanfold {command.format(job=job.id)}"
    full, closed, enough = (
        pipeline.shell(f"{begin} {end}") for end in (">/dev/full", ">&-", "| true; exit $PIPESTATUS")
    )
    assert (full.returncode, closed.returncode) == (FAILED, FAILED)
    assert full.stderr == "fanfold: cannot write to standard output: No space left on device\n"
    assert closed.stderr == "fanfold: cannot write to standard output: Bad file descriptor\n"
    assert enough.stderr == ""


def test_errors_are_grouped_by_reason_the_most_frequent_first(fanfold: Fanfold, job: Job) -> None:
    assert fanfold("errors", job.id).table == [
        ["rows", "reason", "examples"],
        ["2", "input is empty", "row 1: 2; row 4: 5"],
        ["1", "row has 3 cells where the file has 2 columns", "row 3: 4 | well"],
    ]
    groups = fanfold("errors", job.id, "--json").json
    assert (groups[0]["reason"], groups[0]["rows"]) == ("input is empty", 2)
    assert groups[0]["samples"][1] == {"row": 4, "error": "input is empty", "cells": {"id": "5", "text": ""}}
    content = b"".join(job.errors().blocks()).decode()
    assert fanfold("errors", job.id, "--csv").stdout == content


def test_the_report_is_written_to_a_folder_or_shown_by_the_browser(
    pipeline: Pipeline, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = pipeline.fanfold("report", job.id, "--out", str(tmp_path / "out"))
    assert written.stdout == f"{tmp_path / 'out' / 'report.html'}\n"
    content = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "out" / "results.csv").exists()
    browser, shown = tmp_path / "browser", tmp_path / "shown"
    browser.write_text(f'#!/bin/sh\necho "$1" > {shown}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    assert pipeline.fanfold("report", job.id).returncode == OK
    address = shown.read_text().strip()
    assert address.startswith("file:///")
    temporary = Path(url2pathname(urlsplit(address).path))
    assert temporary.read_text(encoding="utf-8") == content
    assert {file.name for file in temporary.parent.iterdir()} == {
        "results.csv",
        "errors.csv",
        "summary.json",
        "report.html",
        ".fanfold.json",
    }
    assert pipeline.fanfold("report", str(tmp_path / "out"), "--stack", "nobodys").returncode == OK
    assert shown.read_text().strip() == (tmp_path / "out" / "report.html").as_uri()

    file = tmp_path / "new.csv"
    file.write_text("text\nso good\n", encoding="utf-8")
    assert pipeline.fanfold("run", str(file), "--out", str(tmp_path / "new"), "--open-report").returncode == OK
    assert shown.read_text().strip() == (tmp_path / "new" / "report.html").as_uri()


def test_a_running_job_is_read_in_part_and_cancelled(fanfold: Fanfold, pipeline: Pipeline) -> None:
    file = pipeline.folder / "running.csv"
    file.write_bytes(b"text\n\n" + b"".join(b"slowly %d\n" % number for number in range(1_000)))
    job = pipeline.client.submit(file, rows_per_request=1)
    for status in job.follow():
        if status.done > 10:
            break
    early = fanfold("results", job.id)
    assert (early.code, early.stdout) == (FAILED, "")
    assert (
        f"`fanfold status {job.id} --watch`, or wait() in Python), or ask for the rows that are done (--partial"
        in early.stderr
    )
    rows = list(csv.DictReader(io.StringIO(fanfold("results", job.id, "--partial").stdout)))
    assert 10 < len(rows) < 1_001
    assert fanfold("errors", job.id, "--partial").table[1] == ["1", "input is empty", "row 0: "]
    assert f"job {job.id}: CLOSING" in fanfold("cancel", job.id).stderr
    ended = fanfold("status", job.id, "--watch", "--json")
    assert (ended.code, ended.json["state"]) == (FAILED, "CANCELLED")


def test_a_retry_waits_and_writes_all_rows(fanfold: Fanfold, pipeline: Pipeline, tmp_path: Path) -> None:
    schema = '{"type": "object", "properties": {"label": {"const": "LABEL_2"}}}'
    job = pipeline.client.submit(["so good", "so bad"], response_schema=schema, max_attempts=1)
    job.wait(timeout=60)
    said = fanfold("retry", job.id, "--out", str(tmp_path))
    assert (said.code, said.json["retry_of"], said.json["predicted"]) == (SOME_ROWS_FAILED, job.id, 1)
    assert (tmp_path / "results.csv").exists()


def test_a_job_without_failed_rows_is_left_alone_by_retry_and_cancel(
    fanfold: Fanfold, pipeline: Pipeline, tmp_path: Path
) -> None:
    file = pipeline.folder / "whole.csv"
    file.write_bytes(b"text\nso good\n")
    whole = pipeline.client.submit(file)
    whole.wait(timeout=60)
    said = fanfold("retry", whole.id, "--out", str(tmp_path / "out"))
    assert (said.code, said.stdout) == (OK, "")
    assert said.stderr == f"job {whole.id} has no failed rows: nothing to retry\n"
    assert not (tmp_path / "out").exists()
    assert fanfold("cancel", whole.id).stderr == f"job {whole.id} has already ended: SUCCEEDED\n"
    assert f"{whole.id}.2" not in set(pipeline.client.stack.job_ids())


def test_the_log_of_a_job_is_that_of_all_functions_and_of_no_other_job(fanfold: Fanfold, job: Job) -> None:
    wanted = {"splitter", "dispatcher", "collector", "assembler"}
    deadline = time.monotonic() + 60
    lines: list[dict[str, Any]] = []
    while {line["service"] for line in lines} < wanted and time.monotonic() < deadline:
        time.sleep(0.2)
        lines = [json.loads(line) for line in fanfold("tail", job.id, "--json").stdout.splitlines()]
    assert {line["service"] for line in lines} >= wanted
    assert {line["job"] for line in lines} == {job.id}
    people = fanfold("tail", job.id, "--follow").stdout
    assert " splitter   INFO    split state=RUNNING" in people
    assert " assembler  INFO    assembled state=COMPLETED_WITH_ERRORS" in people
