"""The folder of a job's files: nothing is written beside it, and what it holds of other jobs stays."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.conftest import Pipeline

    from fanfold import Job

from tests.system.cli.conftest import FAILED, OK, SOME_ROWS_FAILED, Fanfold

FILES = {"results.csv", "errors.csv", "summary.json", "report.html"}
ORIGIN = {".fanfold.json"}


@pytest.fixture(scope="module")
def job(pipeline: Pipeline) -> Job:
    """A job that has ended."""
    file = pipeline.folder / "held.csv"
    file.write_bytes(b"text\nso good\n\n")
    job = pipeline.client.submit(file)
    job.wait(timeout=60)
    return job


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_only_a_jobs_own_files_are_written_whatever_else_stands_beside_them_in_the_bucket(
    fanfold: Fanfold, job: Job, pipeline: Pipeline, tmp_path: Path
) -> None:
    stack, out = pipeline.client.stack, tmp_path / "a" / "out"
    for name in ("../../above", f"/{tmp_path}/absolute", "below/it", "other.csv"):
        key = f"results/{job.id}/{name}"
        stack.session.client("s3").put_object(Bucket=stack.output_bucket, Key=key, Body=b"not the job's")
    assert fanfold("report", job.id, "--out", str(out)).code == OK
    assert (names(out), names(tmp_path)) == (FILES | ORIGIN, {"a"})


def test_a_link_that_stands_in_the_way_of_a_file_is_not_followed(fanfold: Fanfold, job: Job, tmp_path: Path) -> None:
    mine, out = tmp_path / "mine.txt", tmp_path / "out"
    mine.write_text("mine", encoding="utf-8")
    out.mkdir()
    for name in (".results.csv.part", "results.csv", ".summary.json.part"):
        (out / name).symlink_to(mine)
    assert fanfold("report", job.id, "--out", str(out), "--replace").code == OK
    assert mine.read_text(encoding="utf-8") == "mine"
    assert names(out) == FILES | ORIGIN
    assert not any(file.is_symlink() for file in out.iterdir())


def test_a_link_in_place_of_the_lock_is_not_followed(fanfold: Fanfold, job: Job, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".fanfold.lock").symlink_to(tmp_path / "made")
    said = fanfold("report", job.id, "--out", str(tmp_path / "out"))
    assert (said.code, names(tmp_path)) == (FAILED, {"out"})
    assert f"cannot write {tmp_path / 'out'}" in said.stderr


def test_the_files_of_another_files_job_are_replaced_only_if_that_is_asked_for(
    fanfold: Fanfold, job: Job, pipeline: Pipeline, tmp_path: Path
) -> None:
    job.download(tmp_path)
    before, held = {file: file.read_bytes() for file in tmp_path.iterdir()}, pipeline.folder / "held.csv"
    file = pipeline.folder / "another.csv"
    file.write_bytes(b"text\nfine\n")
    said = fanfold("run", str(file), "--out", str(tmp_path))
    assert (said.code, said.stdout) == (FAILED, "")
    assert said.stderr.splitlines()[-1] == (
        f"fanfold: {tmp_path} has the files of job {job.id}, from {held}: choose another folder (--out) for those of "
        f"{file}, or replace what is there (--replace, or replace=True in Python)"
    )
    assert not any(known.startswith("another-") for known in pipeline.client.stack.job_ids())
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before
    replaced = fanfold("run", str(file), "--out", str(tmp_path), "--replace")
    assert (replaced.code, json.loads((tmp_path / "summary.json").read_text())["job"]) == (OK, replaced.json["job"])
    assert f"{tmp_path}: the files of job {job.id} will be replaced\n" in replaced.stderr
    again = fanfold("run", str(file), "--out", str(tmp_path))
    assert (again.code, json.loads((tmp_path / "summary.json").read_text())["job"]) == (OK, again.json["job"])
    assert f"{tmp_path}: the files of job {replaced.json['job']} will be replaced\n" in again.stderr
    later = pipeline.client.submit(file)
    later.wait(timeout=60)
    assert fanfold("download", later.id, "--out", str(tmp_path)).code == OK
    assert json.loads((tmp_path / "summary.json").read_text())["job"] == later.id


def test_a_batch_has_files_in_openais_format_which_go_with_it(
    fanfold: Fanfold, pipeline: Pipeline, tmp_path: Path
) -> None:
    body = {"model": "vader", "messages": [{"role": "user", "content": "so good"}]}
    rows = [
        {"custom_id": f"r{number}", "method": method, "url": "/v1/chat/completions", "body": body}
        for number, method in enumerate(["POST", "GET"])
    ]
    batch, other, out = pipeline.folder / "batch.jsonl", pipeline.folder / "no_batch.csv", tmp_path / "out"
    batch.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    other.write_bytes(b"text\nfine\n")
    # VADER is no language model.
    said = fanfold("run", str(batch), "--out", str(out))
    assert (said.code, said.json["failed"], said.json["invalid"]) == (SOME_ROWS_FAILED, 2, 1)
    assert f"{batch} is in OpenAI's batch format: " in said.stderr
    written = f"{out / 'batch_output.jsonl'} and {out / 'batch_errors.jsonl'}"
    assert f"In OpenAI's batch format: {written}\n" in said.stderr
    files = FILES - {"results.csv"} | {"results.jsonl", "batch_output.jsonl", "batch_errors.jsonl"}
    assert names(out) == files | ORIGIN
    assert (out / "batch_output.jsonl").read_bytes() == b""
    errors = [json.loads(line) for line in (out / "batch_errors.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(line["custom_id"], line["error"]["code"]) for line in errors] == [
        ("r0", "request_failed"),
        ("r1", "invalid_request"),
    ]
    assert fanfold("run", str(other), "--out", str(out), "--replace").code == OK
    assert names(out) == FILES | ORIGIN


def test_two_runs_at_once_do_not_share_a_folder(fanfold: Fanfold, pipeline: Pipeline, tmp_path: Path) -> None:
    slow, quick = pipeline.folder / "slow.csv", pipeline.folder / "quick.csv"
    slow.write_bytes(b"text\n" + b"".join(b"slowly %d\n" % row for row in range(600)))
    quick.write_bytes(b"text\nfine\n")
    out = tmp_path / "out"
    run = pipeline.begin("run", str(slow), "--rows-per-request", "1", "--out", str(out))
    assert run.stderr
    job = next(line for line in run.stderr if line.startswith("job ")).split()[1]
    said = fanfold("run", str(quick), "--out", str(out))
    assert (said.code, said.stdout) == (FAILED, "")
    assert f"another process holds {out}" in said.stderr
    # Whoever is killed holds nothing any more.
    run.kill()
    run.communicate(timeout=60)
    assert run.returncode == -signal.SIGKILL
    pipeline.client.job(job).cancel()
    assert fanfold("run", str(quick), "--out", str(out)).code == OK
    assert names(out) == FILES | ORIGIN
