"""The commands about files: what is said of a file before it is uploaded, and which part of it is."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fanfold import Job
from fanfold.cli import SECTIONS
from fanfold.cli.conclusion import Followed, follow_to_the_end
from fanfold.cli.run import run
from fanfold.folder import Owner, held
from fanfold.terminal import stderr
from fanfold_core.domain.options import Options

if TYPE_CHECKING:
    from tests.system.conftest import Pipeline


from tests.system.cli.conftest import FAILED, INTERRUPTED, MIXED, OK, Fanfold


def test_a_submitted_file_is_followed_by_its_id(fanfold: Fanfold, pipeline: Pipeline) -> None:
    file = pipeline.folder / "submitted.csv"
    file.write_bytes(b"text\nso good\n")
    submitted = fanfold("submit", str(file))
    assert submitted.stdout.startswith("submitted-")
    watched = fanfold("status", submitted.stdout.strip(), "--watch", "--json")
    assert (watched.code, watched.json["state"], watched.json["predicted"]) == (OK, "SUCCEEDED", 1)


def test_a_job_that_read_no_row_leaves_earlier_results_as_they_were(
    fanfold: Fanfold, pipeline: Pipeline, tmp_path: Path
) -> None:
    unread = pipeline.drop("unread.csv", MIXED, input_column="zzz").summary["job"]
    earlier = {
        "results.csv": "text,label\nso good,LABEL_2\n",
        "summary.json": f'{{"job": "{unread}", "input": "unread.csv"}}',
    }
    for name, content in earlier.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    said = fanfold("retry", unread, "--out", str(tmp_path))
    assert (said.code, said.json["state"]) == (FAILED, "FAILED")
    assert f"no rows were read; {tmp_path} was not changed" in said.stderr
    assert {file.name: file.read_text(encoding="utf-8") for file in tmp_path.iterdir()} == earlier


def test_a_folder_that_cannot_be_written_is_known_before_anything_is_uploaded(
    fanfold: Fanfold, pipeline: Pipeline
) -> None:
    file = pipeline.folder / "nowhere.csv"
    file.write_bytes(MIXED)
    said = fanfold("run", str(file), "--out", "/proc/x")
    assert (said.code, said.stdout) == (FAILED, "")
    assert said.stderr.endswith(
        "fanfold: cannot write /proc/x (No such file or directory): free some space, or choose another folder (--out)\n"
    )
    assert not any(job.startswith("nowhere-") for job in pipeline.client.stack.job_ids())


def test_a_dry_run_prints_requests_and_sends_nothing(fanfold: Fanfold, pipeline: Pipeline) -> None:
    before = len(list(pipeline.client.jobs()))
    file = pipeline.folder / "dry.csv"
    file.write_bytes(b"id,tweet\n1,so good\n2,\n3,so bad\n4,fine\n")
    said = fanfold("run", str(file), "--dry-run", "--input-column", "tweet", "--rows-per-request", "2")
    requests = [json.loads(line) for line in said.stdout.splitlines()]
    assert [request["rows"] for request in requests] == [[0], [1], [2, 3]]
    assert requests[2]["body"] == {
        "inputs": ["so bad", "fine"],
        "parameters": {"truncation": True, "max_length": 512, "batch_size": 16},
    }
    assert requests[1]["error"] == "input is empty"
    pairs = fanfold("run", str(file), "--dry-run", "--input-expression", "{text: tweet, text_pair: id}").stdout
    inputs = [pair for line in pairs.splitlines() for pair in json.loads(line)["body"]["inputs"]]
    assert {"text": "so good", "text_pair": "1"} in inputs
    assert "2 columns, with a header; the texts are in column 1, 'tweet'" in said.stderr
    assert len(list(pipeline.client.jobs())) == before


def test_all_options_of_a_job_are_options_of_the_command_line_and_of_the_client(
    fanfold: Fanfold, pipeline: Pipeline
) -> None:
    every = {field.name for field in fields(Options)}
    assert every <= {option.name for option in run.params}
    assert every <= signature(pipeline.client.submit).parameters.keys()
    file = pipeline.folder / "quoted.csv"
    file.write_bytes(b"text\n'so good, so fine'\n")
    limits = ("--max-attempts", "1", "--request-ttl-seconds", "60", "--deadline-hours", "1")
    given = (*limits, "--tolerated-failure-percentage", "7", "--quote", "'")
    said = fanfold("submit", str(file), *given)
    job = pipeline.client.job(said.stdout.strip())
    assert job.wait(timeout=60).predicted == 1
    assert next(iter(job.results()))["text"] == "so good, so fine"
    chosen = pipeline.client.stack.ledger.job(job.id).options
    assert (chosen.max_attempts, chosen.request_ttl_seconds, chosen.deadline_hours) == (1, 60, 1)
    assert chosen.tolerated_failure_percentage == 7


@pytest.mark.parametrize(
    ("content", "assumed", "hint"),
    [
        (
            b"id,text\n1,so good\n",
            "2 columns. The first line is the header, and the texts are in column 1, 'text', ",
            "",
        ),
        (
            b"review,stars\nso good,5\n",
            "2 columns. The first line is the header, and the texts are in column 0, 'review', because of",
            "",
        ),
        (
            b"id;words\n1;so good\n",
            "1 column, 'column_1'. The file has one column, and its first line is a row",
            "if cells end there, set the option `--delimiter` to ;.\n",
        ),
        (
            b"id\twords\n1\tso good\n",
            "1 column, 'column_1'. The file has one column, and its first line is a row",
            "if cells end there, set the option `--delimiter` to tab.\n",
        ),
        (
            b"\nso good\n",
            "1 column, 'column_1'. The file has one column, and its first line is a row",
            "",
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
        assert first.startswith(f"{file}: {assumed}")
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


def test_an_interrupted_run_on_a_stack_says_that_the_job_goes_on(pipeline: Pipeline) -> None:
    file = pipeline.folder / "interrupted.csv"
    file.write_bytes(b"text\n" + b"".join(b"slowly %d\n" % row for row in range(600)))
    run = pipeline.begin("run", str(file), "--rows-per-request", "1", "--out", "interrupted")
    assert run.stderr is not None
    assert (
        "interrupted.csv: 1 column, 'text'. The first line is the header: 'text' is a column's usual name.\n"
        in run.stderr.readline()
    )
    job = next(line for line in run.stderr if line.startswith("job ")).split()[1]
    deadline = time.monotonic() + 60
    while job not in pipeline.client.stack.job_ids() and time.monotonic() < deadline:
        time.sleep(0.1)
    run.send_signal(signal.SIGINT)
    _, stderr = run.communicate(timeout=60)
    assert run.returncode == INTERRUPTED
    assert stderr == (
        f"interrupted: job {job} continues. To follow it: `fanfold status {job} --watch --stack fanfold`. To stop it "
        f"and keep the rows that are done: `fanfold cancel {job} --stack fanfold`\n"
    )
    assert not pipeline.client.job(job).status().has_ended
    pipeline.client.job(job).cancel()


def test_an_interrupted_run_on_its_own_cloud_keeps_the_rows_that_are_done(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "half.csv"
    file.write_bytes(b"text\nso good\n" + b"".join(b"slowly %d\n" % row for row in range(600)))
    job = pipeline.client.submit(file, rows_per_request=1)
    assert next(status.done for status in job.follow() if status.done)

    def interrupted(_job: Job) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Job, "wait", interrupted)
    monkeypatch.setattr(stderr, "quiet", False)
    with held(tmp_path / "out", Owner(file.name), replace=False) as folder:
        assert follow_to_the_end([Followed(job, "half.csv", folder)], stack=None) == INTERRUPTED
    kept = tmp_path / "out" / f"{job.id}.partial.csv"
    texts = {line.split(",")[0] for line in kept.read_text(encoding="utf-8").splitlines()[1:]}
    saved = f"{len(texts)} row{'' if len(texts) == 1 else 's'}"
    assert re.search(rf"job {job.id} ended with its local cloud\. {saved}( of 601)? saved: ", capsys.readouterr().err)
    assert texts
    assert texts <= {"so good", *(f"slowly {row}" for row in range(600))}
    job.cancel()


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
