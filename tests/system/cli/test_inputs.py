"""Files by other ways than one path: several at once, standard input, objects in S3, rows in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.conftest import Pipeline

from tests.system.cli.conftest import OK, SOME_ROWS_FAILED, Fanfold


def test_several_files_are_run_at_once_and_are_the_lines_of_a_table(fanfold: Fanfold, tmp_path: Path) -> None:
    good, mixed = tmp_path / "good.tsv", tmp_path / "mixed.csv"
    good.write_bytes(b"id\ttext\n1\tso good\n")
    mixed.write_bytes(b"text\nso bad\n\n")
    said = fanfold("run", str(good), str(mixed), "--out", str(tmp_path / "out"))
    assert said.code == SOME_ROWS_FAILED
    header, *lines = said.table
    assert header == ["file", "job", "state", "rows", "predicted", "failed", "not answered", "folder"]
    assert [[line[0], *line[2:]] for line in lines] == [
        [str(good), "SUCCEEDED", "1", "1", "0", "", str(tmp_path / "out" / "good")],
        [str(mixed), "COMPLETED_WITH_ERRORS", "2", "1", "1", "", str(tmp_path / "out" / "mixed")],
    ]
    for name, line in zip(("good", "mixed"), lines, strict=True):
        assert json.loads((tmp_path / "out" / name / "summary.json").read_text(encoding="utf-8"))["job"] == line[1]


def test_an_object_in_s3_is_copied_with_its_options_and_without_what_it_had(
    fanfold: Fanfold, pipeline: Pipeline, tmp_path: Path
) -> None:
    stack = pipeline.client.stack
    s3, key = stack.session.client("s3"), "elsewhere/some tweets.csv"
    had = {"rows-per-request": "999999"}
    s3.put_object(Bucket=stack.output_bucket, Key=key, Body=b"a,b\nso good,1\nso bad,2\n", Metadata=had)
    url = f"s3://{stack.output_bucket}/{key}"
    said = fanfold("run", url, "--input-column", "a", "--limit", "1", "--out", str(tmp_path / "one"))
    assert (said.code, said.json["rows"]) == (OK, 1)
    said = fanfold("run", url, "--input-column", "a", "--out", str(tmp_path / "all"))
    assert (said.code, said.json["rows"]) == (OK, 2)
    assert said.json["input"].startswith(f"s3://{stack.input_bucket}/")
    missing = fanfold("submit", f"{url}.gz")
    assert f"cannot read {url}.gz: " in missing.stderr


def test_objects_below_a_prefix_are_one_job_with_one_header(
    fanfold: Fanfold, pipeline: Pipeline, tmp_path: Path
) -> None:
    stack = pipeline.client.stack
    s3, prefix = stack.session.client("s3"), "exported/some reviews/"
    texts = {"part-0.csv": b"text,n\nso good,0", "part-1.csv": b"text,n\r\nso bad,1\r\n", "_SUCCESS": b""}
    for name, content in texts.items():
        s3.put_object(Bucket=stack.output_bucket, Key=prefix + name, Body=content)
    url = f"s3://{stack.output_bucket}/{prefix}"
    said = fanfold("run", url, "--out", str(tmp_path / "all"))
    assert (said.code, said.json["rows"]) == (OK, 2)
    assert said.json["input"].endswith("/some reviews.csv")
    lines = (tmp_path / "all" / "results.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[:3] for line in lines[1:]] == [["so good", "0", "LABEL_2"], ["so bad", "1", "LABEL_0"]]


def test_rows_in_memory_become_a_job_without_a_file(pipeline: Pipeline) -> None:
    frame = pd.DataFrame({"id": [1, 2], "text": ["so good", "so, so bad"]})
    job = pipeline.client.submit(frame, name="frame")
    assert job.id.startswith("frame-")
    assert job.wait(timeout=60).predicted == 2
    assert [row["text"] for row in job.results()] == ["so good", "so, so bad"]
