"""The commands about jobs: what they print for people and for programs, the same on any stack."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from pyarrow.parquet import read_table

from fanfold.cli import SECTIONS, main
from fanfold.cli.run import run
from fanfold_core.domain.options import Options

if TYPE_CHECKING:
    from tests.road.conftest import Road

    from fanfold import Job
    from fanfold.local.cloud import LocalCloud

OK, FAILED, WRONG_USAGE, SOME_ROWS_FAILED, INTERRUPTED = 0, 1, 2, 3, 130
MIXED = b"id,text\n1,so good\n2,\n3,so bad\n4,well,really\n5,\n"


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def table(self) -> list[list[str]]:
        return [line.split("\t") for line in self.stdout.splitlines()]


Fanfold = Callable[..., Said]


@pytest.fixture
def fanfold(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Fanfold:
    """The command line in this process, which saves each of many tests a second."""
    for name, value in {**cloud.environment, "FANFOLD_STACK": cloud.stack_name}.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> Said:
        monkeypatch.setattr("sys.argv", ["fanfold", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return Said(int(ended.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture(scope="module")
def job(road: Road) -> Job:
    """A job that has ended, with three failed rows."""
    file = road.folder / "commands.csv"
    file.write_bytes(MIXED)
    job = road.client.submit(file, rows_per_request=2)
    job.wait(timeout=60)
    return job


def test_a_submitted_file_is_followed_by_its_id(fanfold: Fanfold, road: Road) -> None:
    file = road.folder / "submitted.csv"
    file.write_bytes(b"text\nso good\n")
    submitted = fanfold("submit", str(file))
    assert submitted.stdout.startswith("submitted-")
    watched = fanfold("status", submitted.stdout.strip(), "--watch", "--json")
    assert (watched.code, watched.json["state"], watched.json["predicted"]) == (OK, "SUCCEEDED", 1)


def test_jobs_are_listed_for_people_and_programs(fanfold: Fanfold, job: Job) -> None:
    header, *rows = fanfold("jobs", "--limit", "1000").table
    assert header == ["job", "state", "rows", "predicted", "failed", "created"]
    assert [job.id, "COMPLETED_WITH_ERRORS", "5", "2", "3"] in [row[:5] for row in rows]
    assert len(fanfold("jobs", "--limit", "1").table) == 2
    assert job.id in {listed["id"] for listed in fanfold("jobs", "--limit", "1000", "--json").json}


def test_the_status_is_found_by_how_an_id_begins(fanfold: Fanfold, job: Job) -> None:
    said = fanfold("status", "commands-")
    assert said.code == OK
    assert "cost       on AWS about $0.00" in said.stdout
    assert "state      COMPLETED_WITH_ERRORS" in said.stdout
    known = fanfold("status", job.id, "--json").json
    assert known.items() >= job.status().as_dict().items()
    assert fanfold("status", job.id, "--watch").code == SOME_ROWS_FAILED


@pytest.mark.parametrize("name", ["[/foo]", "[red]x", ":smile:"])
def test_what_the_user_calls_something_is_said_as_it_stands(fanfold: Fanfold, name: str) -> None:
    said = fanfold("status", name)
    assert (said.code, said.stderr) == (FAILED, f"fanfold: this stack knows no job {name}: `fanfold jobs` lists them\n")


def test_what_a_job_cost_is_said_when_it_has_ended_and_written_to_its_summary(
    fanfold: Fanfold, job: Job, tmp_path: Path
) -> None:
    cost = fanfold("status", job.id, "--json").json["cost"]
    assert cost["services"] == pytest.approx(sum(job.summary()["dollars"].values()))
    assert cost["instance_type"] == "ml.g4dn.xlarge"
    assert cost["prices"] == job.summary()["prices"]
    assert "On AWS: about $0.00" in fanfold("report", job.id, "--out", str(tmp_path)).stderr


def test_results_are_the_file_itself_or_a_line_of_json_for_each_row(fanfold: Fanfold, job: Job, tmp_path: Path) -> None:
    content = (job.download(tmp_path, "results.csv")[0]).read_bytes().decode()
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
        f"fanfold: job {job.id} has 5 rows, counted from 0: there is no row 5\n",
    )


@pytest.mark.parametrize("more", [["x.parquet", "--json"], ["x.parquet", "--row", "1"], ["-"]])
def test_a_parquet_file_is_written_alone_and_to_a_file(fanfold: Fanfold, more: list[str]) -> None:
    said = fanfold("results", "any", "--parquet", *more)
    assert said.code == WRONG_USAGE
    assert "--parquet writes all rows to a file" in said.stderr


@pytest.mark.parametrize("command", ["results {job}", "jobs --json", "tail {job}"])
def test_standard_output_that_takes_nothing_is_one_line_and_a_failure(road: Road, job: Job, command: str) -> None:
    begin = f"$fanfold {command.format(job=job.id)}"
    full, closed, enough = (road.shell(f"{begin} {end}") for end in (">/dev/full", ">&-", "| true; exit $PIPESTATUS"))
    assert (full.returncode, closed.returncode) == (FAILED, FAILED)
    assert full.stderr == "fanfold: standard output could not be written: No space left on device\n"
    assert closed.stderr == "fanfold: standard output could not be written: Bad file descriptor\n"
    assert enough.stderr == ""


def test_errors_are_grouped_by_reason_the_most_frequent_first(fanfold: Fanfold, job: Job, tmp_path: Path) -> None:
    assert fanfold("errors", job.id).table == [
        ["rows", "reason", "for instance"],
        ["2", "input is empty", "row 1: 2; row 4: 5"],
        ["1", "row has 3 cells where the file has 2 columns", "row 3: 4 | well"],
    ]
    groups = fanfold("errors", job.id, "--json").json
    assert (groups[0]["reason"], groups[0]["rows"]) == ("input is empty", 2)
    assert groups[0]["samples"][1] == {"row": 4, "error": "input is empty", "cells": {"id": "5", "text": ""}}
    content = (job.download(tmp_path, "errors.csv")[0]).read_bytes().decode()
    assert fanfold("errors", job.id, "--csv").stdout == content


def test_the_report_is_written_to_a_folder_or_shown_by_the_browser(
    road: Road, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = road.fanfold("report", job.id, "--out", str(tmp_path / "out"))
    assert written.stdout == f"{tmp_path / 'out' / 'report.html'}\n"
    content = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "out" / "results.csv").exists()
    browser, shown = tmp_path / "browser", tmp_path / "shown"
    browser.write_text(f'#!/bin/sh\necho "$1" > {shown}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    assert road.fanfold("report", job.id).returncode == OK
    address = shown.read_text().strip()
    assert address.startswith("file:///")
    temporary = Path(url2pathname(urlsplit(address).path))
    assert temporary.read_text(encoding="utf-8") == content
    assert {file.name for file in temporary.parent.iterdir()} == {
        "results.csv",
        "errors.csv",
        "summary.json",
        "report.html",
    }
    assert road.fanfold("report", str(tmp_path / "out"), "--stack", "nobodys").returncode == OK
    assert shown.read_text().strip() == (tmp_path / "out" / "report.html").as_uri()


def test_a_running_job_is_read_in_part_and_cancelled(fanfold: Fanfold, road: Road) -> None:
    file = road.folder / "running.csv"
    file.write_bytes(b"text\n\n" + b"".join(b"slowly %d\n" % number for number in range(400)))
    job = road.client.submit(file, rows_per_request=1)
    for status in job.follow():
        if status.done > 10:
            break
    early = fanfold("results", job.id)
    assert (early.code, early.stdout) == (FAILED, "")
    assert "wait for it, or ask for partial results" in early.stderr
    rows = list(csv.DictReader(io.StringIO(fanfold("results", job.id, "--partial").stdout)))
    assert 10 < len(rows) < 401
    assert fanfold("errors", job.id, "--partial").table[1] == ["1", "input is empty", "row 0: "]
    assert f"job {job.id}: CLOSING" in fanfold("cancel", job.id).stderr
    ended = fanfold("status", job.id, "--watch", "--json")
    assert (ended.code, ended.json["state"]) == (FAILED, "CANCELLED")


def test_a_retry_waits_and_writes_all_rows(fanfold: Fanfold, job: Job, tmp_path: Path) -> None:
    said = fanfold("retry", job.id, "--out", str(tmp_path))
    assert (said.code, said.json["retry_of"], said.json["predicted"]) == (SOME_ROWS_FAILED, job.id, 2)
    assert (tmp_path / "results.csv").exists()


def test_a_job_without_failed_rows_is_left_alone_by_retry_and_cancel(
    fanfold: Fanfold, road: Road, tmp_path: Path
) -> None:
    file = road.folder / "whole.csv"
    file.write_bytes(b"text\nso good\n")
    whole = road.client.submit(file)
    whole.wait(timeout=60)
    said = fanfold("retry", whole.id, "--out", str(tmp_path / "out"))
    assert (said.code, said.stdout) == (OK, "")
    assert said.stderr == f"job {whole.id} has no failed row: there is nothing to try again\n"
    assert not (tmp_path / "out").exists()
    assert fanfold("cancel", whole.id).stderr == f"job {whole.id} has ended already: SUCCEEDED\n"
    assert f"{whole.id}.2" not in set(road.client.stack.job_ids())


def test_a_job_that_read_no_row_leaves_earlier_results_as_they_were(
    fanfold: Fanfold, road: Road, tmp_path: Path
) -> None:
    unread = road.drop("unread.csv", MIXED, input_column="zzz").summary["job"]
    (tmp_path / "results.csv").write_bytes(b"text,label\nso good,LABEL_2\n")
    said = fanfold("retry", unread, "--out", str(tmp_path))
    assert (said.code, said.json["state"]) == (FAILED, "FAILED")
    assert f"no row was read, and {tmp_path} is left as it was" in said.stderr
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"text,label\nso good,LABEL_2\n"]


def test_a_folder_that_cannot_be_written_is_known_before_anything_is_uploaded(fanfold: Fanfold, road: Road) -> None:
    file = road.folder / "nowhere.csv"
    file.write_bytes(MIXED)
    said = fanfold("run", str(file), "--out", "/proc/x")
    assert (said.code, said.stdout) == (FAILED, "")
    assert said.stderr.endswith(
        "fanfold: /proc/x cannot be written (No such file or directory): name another folder with --out\n"
    )
    assert not any(job.startswith("nowhere-") for job in road.client.stack.job_ids())


def test_the_log_of_a_job_is_that_of_all_functions_and_of_no_other_job(fanfold: Fanfold, job: Job) -> None:
    wanted = {"splitter", "dispatcher", "collector", "assembler"}
    deadline = time.monotonic() + 20
    lines: list[dict[str, Any]] = []
    while {line["service"] for line in lines} < wanted and time.monotonic() < deadline:
        time.sleep(0.2)
        lines = [json.loads(line) for line in fanfold("tail", job.id, "--json").stdout.splitlines()]
    assert {line["service"] for line in lines} >= wanted
    assert {line["job"] for line in lines} == {job.id}
    people = fanfold("tail", job.id, "--follow").stdout
    assert " splitter   INFO    split state=RUNNING" in people
    assert " assembler  INFO    assembled state=COMPLETED_WITH_ERRORS" in people


def test_a_dry_run_prints_requests_and_sends_nothing(fanfold: Fanfold, road: Road) -> None:
    before = len(list(road.client.jobs()))
    file = road.folder / "dry.csv"
    file.write_bytes(b"id,tweet\n1,so good\n2,\n3,so bad\n4,fine\n")
    said = fanfold("run", str(file), "--dry-run", "--input-column", "tweet", "--rows-per-request", "2")
    requests = [json.loads(line) for line in said.stdout.splitlines()]
    assert [(request["first_row"], request["rows"]) for request in requests] == [(0, 1), (1, 1), (2, 2)]
    assert requests[2]["body"] == {
        "inputs": ["so bad", "fine"],
        "parameters": {"truncation": True, "max_length": 512},
    }
    assert requests[1]["error"] == "input is empty"
    pairs = fanfold("run", str(file), "--dry-run", "--input-expression", "{text: tweet, text_pair: id}").stdout
    assert json.loads(pairs.splitlines()[0])["body"]["inputs"][0] == {"text": "so good", "text_pair": "1"}
    assert "the texts are in column 1, 'tweet'" in said.stderr
    assert len(list(road.client.jobs())) == before


def test_all_options_of_a_job_are_options_of_the_command_line_and_of_the_client(fanfold: Fanfold, road: Road) -> None:
    every = {field.name for field in fields(Options)}
    assert every <= {option.name for option in run.params}
    assert every <= signature(road.client.submit).parameters.keys()
    file = road.folder / "quoted.csv"
    file.write_bytes(b"text\n'so good, so fine'\n")
    limits = ("--max-attempts", "1", "--request-ttl-seconds", "60", "--deadline-hours", "1")
    given = (*limits, "--tolerated-failure-percentage", "7", "--quote", "'")
    said = fanfold("submit", str(file), *given)
    job = road.client.job(said.stdout.strip())
    assert job.wait(timeout=60).predicted == 1
    assert next(iter(job.results()))["text"] == "so good, so fine"
    chosen = road.client.stack.ledger.job(job.id).options
    assert (chosen.max_attempts, chosen.request_ttl_seconds, chosen.deadline_hours) == (1, 60, 1)
    assert chosen.tolerated_failure_percentage == 7


@pytest.mark.parametrize(
    ("content", "assumed", "hint"),
    [
        (b"id,text\n1,so good\n", "2 columns, with a header; the texts are in column 1, 'text'", ""),
        (
            b"review,stars\nso good,5\n",
            "2 columns, without a header; the texts are in column 0, 'column_1'",
            "the line is taken for a row",
        ),
        (
            b"id;text\n1;so good\n",
            "1 column, without a header; the texts are in column 0, 'column_1'",
            "if it stands between cells: --delimiter ';'\n",
        ),
        (
            b"id\ttext\n1\tso good\n",
            "1 column, without a header; the texts are in column 0, 'column_1'",
            "if it stands between cells: --delimiter tab\n",
        ),
        (
            b"\nso good\n",
            "1 column, without a header; the texts are in column 0, 'column_1'",
            "the line is taken for a row",
        ),
    ],
)
def test_what_a_file_is_taken_to_be_is_said_with_a_hint_where_that_may_be_wrong(
    fanfold: Fanfold, tmp_path: Path, content: bytes, assumed: str, hint: str
) -> None:
    file = tmp_path / "assumed.csv"
    file.write_bytes(content)
    for command in (("submit",), ("run", "--dry-run")):
        first, second, *_ = fanfold(*command, str(file)).stderr.splitlines(keepends=True)
        assert first == f"{file}: {assumed}.\n"
        assert hint in second


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("plain.csv", b'\xef\xbb\xbfid,text\r\n1,"so\r\ngood"\r\n\r\n2,bad\r\n3,well\r\n', ()),
        ("utf-16.csv", "id,text\n1,so góod\n2,bad\n3,well\n".encode("utf-16"), ("--encoding", "utf-16")),
        ("bare.csv", b"so good\nbad\nwell", ()),
    ],
)
def test_a_limit_tries_the_first_rows_only(
    fanfold: Fanfold, tmp_path: Path, name: str, content: bytes, options: tuple[str, ...]
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    tried = fanfold("run", str(file), "--limit", "2", "--out", str(tmp_path / "two"), *options)
    whole = fanfold("run", str(file), "--limit", "99", "--out", str(tmp_path / "all"), *options)
    assert (tried.json["rows"], whole.json["rows"]) == (2, 3)
    two, everything = ((tmp_path / out / "results.csv").read_bytes() for out in ("two", "all"))
    assert everything.startswith(two)


def test_an_interrupted_run_on_a_stack_says_that_the_job_goes_on(road: Road) -> None:
    file = road.folder / "interrupted.csv"
    file.write_bytes(b"text\n" + b"slowly\n" * 600)
    run = road.begin("run", str(file), "--rows-per-request", "1")
    assert run.stderr is not None
    assert run.stderr.readline().endswith(
        "interrupted.csv: 1 column, with a header; the texts are in column 0, 'text'.\n"
    )
    job = run.stderr.readline().removeprefix("job ").strip()
    deadline = time.monotonic() + 30
    while job not in road.client.stack.job_ids() and time.monotonic() < deadline:
        time.sleep(0.1)
    run.send_signal(signal.SIGINT)
    _, stderr = run.communicate(timeout=30)
    assert run.returncode == INTERRUPTED
    assert stderr == (
        f"interrupted: job {job} goes on. `fanfold status {job} --watch --stack fanfold` follows it again, `fanfold "
        f"cancel {job} --stack fanfold` ends it with the rows that it has\n"
    )
    assert not road.client.job(job).status().has_ended
    road.client.job(job).cancel()


def test_completion_in_bash_completes_a_command(fanfold: Fanfold) -> None:
    command = Path(sys.executable).with_name("fanfold")
    asked = f'COMP_WORDS=(fanfold stat); COMP_CWORD=1; _fanfold_completion {command}; echo "${{COMPREPLY[@]}}"'
    script = f"{fanfold('completion', 'bash').stdout}\n{asked}"
    done = subprocess.run(["/bin/bash", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["status"]


@pytest.mark.parametrize("command", [command.name for section in SECTIONS.values() for command in section])
def test_every_command_has_an_invocation_that_one_can_copy(fanfold: Fanfold, command: str) -> None:
    words = [command, "up"] if command == "local" else [command]
    said = fanfold(*words, "--help").stdout
    assert f"\n  fanfold {' '.join(words)}" in said
