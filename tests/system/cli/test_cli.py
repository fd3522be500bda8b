"""The command line: what it prints where, and what its exit codes say."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest
from tests.system.conftest import Pipeline, printed, records


def written(pipeline: Pipeline, name: str, content: bytes) -> str:
    (pipeline.folder / name).write_bytes(content)
    return name


def test_a_file_whose_rows_are_all_predicted_exits_0_and_prints_the_summary(pipeline: Pipeline) -> None:
    run = pipeline.fanfold("run", written(pipeline, "good.csv", b"text\nso good\nso bad\n"), "--out", "good")
    assert run.returncode == 0
    assert (printed(run)["rows"], printed(run)["predicted"], printed(run)["failed"]) == (2, 2, 0)
    assert {"requests", "seconds"} <= printed(run).keys()
    assert records(pipeline.folder / "good" / "results.csv")[0] == ["text", "label", "score", "error"]
    assert "2 of 2 rows predicted: good/results.csv" in run.stderr


def test_a_file_with_a_bad_row_exits_3_and_says_where_the_reason_stands(pipeline: Pipeline) -> None:
    run = pipeline.fanfold("run", written(pipeline, "partly.csv", b"text\nso good\n\n"), "--out", "partly")
    assert (run.returncode, printed(run)["failed"]) == (3, 1)
    assert "1 row failed: partly/errors.csv" in run.stderr
    assert records(pipeline.folder / "partly" / "errors.csv")[1] == ["1", "input is empty", "", ""]


def test_a_file_that_cannot_be_processed_exits_1_with_the_reason_in_words_and_starts_no_local_cloud(
    pipeline: Pipeline,
) -> None:
    content = b'text\nfine\n"never closed\n'
    run = pipeline.fanfold("run", written(pipeline, "open.csv", content), "--out", "open", "--stack", "")
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith("fanfold: open.csv: row 1: a quote opens in this row and is never closed")
    assert not (pipeline.folder / "open").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "missing.csv"], "file missing.csv does not exist"),
        (["run", "x.csv", "--rows-per-request", "0"], "0 is not in the range"),
        (["run", "x.csv", "--header", "maybe"], "'maybe' is not one of"),
        (["run"], "Missing argument 'FILE...'"),
        (["local", "up", "--parameter", "nonsense"], "expected KEY=VALUE, got 'nonsense'"),
    ],
)
def test_wrong_usage_exits_2_and_says_what_is_wrong(pipeline: Pipeline, arguments: list[str], words: str) -> None:
    written(pipeline, "x.csv", b"text\n")
    run = pipeline.fanfold(*arguments)
    assert run.returncode == 2
    assert words in run.stderr
    assert "Traceback" not in run.stderr


def test_a_stack_that_is_not_there_is_one_line(pipeline: Pipeline) -> None:
    run = pipeline.fanfold("run", written(pipeline, "y.csv", b"text\nfine\n"), "--stack", "nobody")
    assert run.returncode == 1
    assert run.stderr.startswith("fanfold: stack nobody: ")
    assert run.stderr.count("\n") == 1


def test_help_has_invocations_that_one_can_copy(pipeline: Pipeline) -> None:
    assert "fanfold run reviews.csv.gz --input-column review --out reviews" in pipeline.fanfold("run", "--help").stdout


def test_help_says_what_exit_codes_mean(pipeline: Pipeline) -> None:
    said = pipeline.fanfold("--help").stdout
    assert "\n  3           the job has ended, but some rows failed\n" in said


def test_a_job_that_takes_long_says_so_where_there_is_no_terminal(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("fanfold.terminal._SECONDS_BETWEEN_LINES", 0.5)
    monkeypatch.setattr("fanfold.terminal.stderr.quiet", False)
    pipeline.client.submit(
        pipeline.folder
        / written(pipeline, "long.csv", b"text\n" + b"".join(b"slowly %d\n" % row for row in range(200))),
        rows_per_request=1,
    ).wait()
    lines = [line for line in capsys.readouterr().err.splitlines() if line.endswith(" of 200 rows")]
    assert lines
    assert lines[0].startswith("predicting: ")


def test_a_taken_port_is_named_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "fanfold", "local", "up", "--port", str(port), "--console-port", "0"]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 1
    assert run.stderr == (
        f"fanfold: port {port} is already in use, perhaps by another local cloud: stop it, or choose another port "
        "with --port (0: any free port)\n"
    )
    assert "Traceback" not in run.stderr


def test_a_local_cloud_takes_files_from_other_tools_until_it_is_interrupted(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "fanfold",
        "local",
        "up",
        "--port",
        "0",
        "--endpoint-port",
        "0",
        "--console-port",
        "0",
    ]
    up = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert up.stdout is not None
    try:
        exports = dict(up.stdout.readline().removeprefix("export ").strip().split("=", 1) for _ in range(6))
        s3 = boto3.client(
            "s3",
            endpoint_url=exports["AWS_ENDPOINT_URL"],
            region_name=exports["AWS_REGION"],
            aws_access_key_id=exports["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=exports["AWS_SECRET_ACCESS_KEY"],
        )
        s3.put_object(Bucket="fanfold-input-123456789012-us-east-1", Key="tweets.csv", Body=b"so good")
        names: set[str] = set()
        deadline = time.monotonic() + 60
        while "report.html" not in names and time.monotonic() < deadline:
            time.sleep(0.2)
            found = s3.list_objects_v2(Bucket="fanfold-output-123456789012-us-east-1", Prefix="results/tweets-")
            names = {Path(entry["Key"]).name for entry in found.get("Contents", [])}
    finally:
        up.send_signal(signal.SIGINT)
        stderr = up.communicate(timeout=60)[1]
    assert names == {"results.csv", "errors.csv", "summary.json", "report.html"}
    assert "  aws s3 cp tweets.csv s3://fanfold-input-123456789012-us-east-1/\n" in stderr
    assert "  fanfold submit tweets.csv\n" in stderr
    assert stderr.count("In another terminal, after these exports:") == 1
    assert up.returncode == 0
