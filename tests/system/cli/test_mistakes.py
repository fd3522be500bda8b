"""The likeliest mistakes: each is one line on standard error that says what to do, and never a stack trace."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.docs.known import check_line

from localaws.endpoint.models import ContainerModel, load_model
from localaws.errors import ModelUnavailableError

if TYPE_CHECKING:
    from tests.system.conftest import Pipeline

    from localaws.cloud import LocalCloud

ROOT = Path(__file__).parents[3]
FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130


def line_with(run: subprocess.CompletedProcess[str], words: str) -> str:
    """The only line that says so, which docs/errors.md has."""
    assert "Traceback" not in run.stderr
    (line,) = [line for line in run.stderr.splitlines() if words in line]
    check_line(line)
    return line


def outside(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as somebody who has set up nothing."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "FANFOLD_"))}
    nothing = {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    command = [sys.executable, "-m", "fanfold", *arguments]
    return subprocess.run(
        command, env=kept | nothing | environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )


def written(pipeline: Pipeline, name: str, content: bytes) -> str:
    (pipeline.folder / name).write_bytes(content)
    return name


def test_a_wrong_column_is_said_with_those_that_there_are(pipeline: Pipeline) -> None:
    file = written(pipeline, "column.csv", b"id,body\n1,good\n")
    run = pipeline.fanfold("run", file, "--input-column", "tweet")
    assert run.returncode == FAILED
    assert line_with(run, "no column is named 'tweet'").rstrip().endswith("; the first line is 'id', 'body'")
    tried = pipeline.fanfold("run", file, "--input-column", "tweet", "--dry-run")
    assert (tried.returncode, tried.stdout) == (FAILED, "")
    assert line_with(tried, "no column is named 'tweet'").startswith("fanfold: column.csv: ")


def test_missing_credentials_are_said_with_how_to_get_some(tmp_path: Path) -> None:
    run = outside(tmp_path, "jobs", AWS_DEFAULT_REGION="us-east-1")
    assert run.returncode == FAILED
    assert "run `aws configure`" in line_with(run, "Unable to locate credentials")


def test_a_missing_region_is_said_with_how_to_choose_one(tmp_path: Path) -> None:
    run = outside(tmp_path, "jobs", AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x")
    assert "set AWS_DEFAULT_REGION" in line_with(run, "You must specify a region")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    run = outside(tmp_path, "submit", "tweeets.csv")
    assert run.returncode == WRONG_USAGE
    assert line_with(run, "file tweeets.csv does not exist: see `ls .`")


def test_a_taken_port_is_named_for_the_endpoint_too(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = outside(tmp_path, "local", "up", "--port", "0", "--console-port", "0", "--endpoint-port", str(port))
    assert run.returncode == FAILED
    assert "Traceback" not in run.stderr
    assert "choose another port with --endpoint-port" in line_with(run, f"port {port} is already in use")


def test_without_docker_its_test_is_skipped_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    command = [sys.executable, str(ROOT / "scripts/sam_local.py")]
    environment = {**os.environ, "PATH": str(tmp_path / "bin")}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert (run.returncode, run.stdout) == (0, "sam-local: skipped: no Docker engine is running here\n")


def test_a_container_that_does_not_run_is_said_with_how_to_start_it() -> None:
    with pytest.raises(ModelUnavailableError, match=r"start the server first \(for example `docker run"):
        ContainerModel("http://127.0.0.1:1").wait_until_ready(listening_seconds=0)
    with pytest.raises(ModelUnavailableError, match="give 'vader', a folder with a transformers model, owner/name"):
        load_model("bert-large")


def test_a_wrong_stack_is_said_with_how_to_find_the_right_one(pipeline: Pipeline) -> None:
    run = pipeline.fanfold("jobs", "--stack", "fanfould")
    assert run.returncode == FAILED
    assert "aws cloudformation list-stacks" in line_with(run, "stack fanfould")


def test_an_interrupted_local_run_ends_with_the_rows_that_are_done_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "large.csv"
    file.write_text("text\n" + "so good, so good\n" * 200_000, encoding="utf-8")
    command = [sys.executable, "-m", "fanfold", "run", "large.csv", "--rows-per-request", "1"]
    run = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert run.stderr is not None
    job = next(line for line in run.stderr if line.startswith("job ")).split()[1]
    # By then some answers are on their way, which nobody must hear of.
    time.sleep(2)
    run.send_signal(signal.SIGINT)
    stdout, stderr = run.communicate(timeout=60)
    assert (run.returncode, stdout) == (INTERRUPTED, "")
    said = [line for line in stderr.splitlines() if "VADER" not in line]
    assert f"job {job} ended with its local cloud" in said[-1]
    assert [line for line in said[:-1] if not line.startswith("interrupted: saving ")] == []
    kept = [file.name for file in tmp_path.glob("out/*")]
    assert kept == ([] if len(said) == 1 else [f"{job}.partial.csv"])
    assert (tmp_path / "out").exists() == bool(kept)


def test_a_file_that_has_no_room_is_named_with_what_to_do_and_what_was_there_stays(pipeline: Pipeline) -> None:
    out = pipeline.folder / "no room"
    out.mkdir()
    (out / "summary.json").write_text('{"job": "full-1", "input": "s3://in/full.csv"}', encoding="utf-8")
    file = written(pipeline, "full.csv", b"text\n" + b"so good\n" * 2_000)
    # No file of more than 20 KB, as on a disk without room.
    run = pipeline.shell(f"ulimit -f 20; $fanfold run {file} --out '{out}' --replace")
    assert (run.returncode, run.stdout) == (FAILED, "")
    line = line_with(run, "File too large")
    assert f"cannot write {out}/results.csv" in line
    assert "free some space, or choose another folder" in line
    assert [left.name for left in out.iterdir()] == ["summary.json"]
    again = line.partition(": `")[2].partition("`")[0].removeprefix("fanfold ").replace("FOLDER", "room")
    assert pipeline.fanfold(*again.split()).returncode == 0
    assert len((pipeline.folder / "room" / "results.csv").read_bytes().splitlines()) == 2_001


def test_a_file_that_cannot_be_written_after_a_local_run_is_said_to_have_ended_with_the_cloud(tmp_path: Path) -> None:
    (tmp_path / "out" / "results.csv").mkdir(parents=True)
    (tmp_path / "full.csv").write_text("text\nso good\n", encoding="utf-8")
    # A profile is for AWS: a local run needs none.
    run = outside(tmp_path, "run", "full.csv", "--replace", AWS_PROFILE="missing")
    line = line_with(run, "Is a directory")
    assert line.endswith("; the remaining files are gone, because the local cloud has stopped")


def test_a_wrong_encoding_is_said_with_the_row_and_what_to_name(pipeline: Pipeline) -> None:
    file = written(pipeline, "umlauts.csv", "id,text\n1,gut\n2,größe\n".encode("cp1252"))
    run = pipeline.fanfold("run", file, "--encoding-errors", "strict", "--out", "umlauts")
    assert run.returncode == FAILED
    assert "row 1, byte 18: the file is not utf-8 here; set its encoding" in line_with(run, "the file is not utf-8")
    assert pipeline.fanfold("run", file, "--encoding", "cp1252", "--out", "umlauts").returncode == 0


def test_an_endpoint_that_is_gone_is_said_with_what_to_look_for(pipeline: Pipeline, cloud: LocalCloud) -> None:
    sagemaker = cloud.session().client("sagemaker")
    endpoint = sagemaker.describe_endpoint(EndpointName=pipeline.client.stack.endpoint)
    sagemaker.delete_endpoint(EndpointName=endpoint["EndpointName"])
    try:
        run = pipeline.fanfold("run", written(pipeline, "down.csv", b"text\nso good\n"), "--out", "down")
    finally:
        names = {name: endpoint[name] for name in ("EndpointName", "EndpointConfigName")}
        sagemaker.create_endpoint(**names)
    assert run.returncode == FAILED
    assert "check that it exists and is asynchronous" in line_with(run, "endpoint fanfold rejects requests")
    assert pipeline.fanfold("run", "down.csv", "--out", "down").returncode == 0


def test_a_local_cloud_that_has_ended_is_said_with_how_to_start_one(tmp_path: Path) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
    run = outside(tmp_path, "jobs", AWS_ENDPOINT_URL="http://127.0.0.1:1", **keys)
    assert "start one (`fanfold local up`)" in line_with(run, "no response from http://127.0.0.1:1")
