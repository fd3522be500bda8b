"""A deployed stack, named by FANFOLD_STACK, does what it promises: `make test ARGS="-m e2e"`. It costs some cents.

A local cloud's exports make it one, too.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanfold import Fanfold
from fanfold.doctor.findings import Verdict
from fanfold.doctor.stack import examine
from fanfold.project import find_root

pytestmark = pytest.mark.e2e

SAMPLE = find_root() / "samples/texts.csv"


@pytest.fixture(scope="module")
def stack() -> Iterator[Fanfold]:
    with Fanfold() as client:
        yield client


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_stack_has_an_endpoint_that_fits_it(stack: Fanfold) -> None:
    assert [finding for finding in examine(stack.stack) if finding.verdict is Verdict.WRONG] == []


def test_every_row_has_one_line_in_its_place(stack: Fanfold, tmp_path: Path) -> None:
    job = stack.submit(SAMPLE)
    assert job.wait().state == "SUCCEEDED"
    job.download(tmp_path)
    results, sent = rows(tmp_path / "results.csv"), rows(SAMPLE)
    assert [{name: row[name] for name in sent[0]} for row in results] == sent
    assert {row["error"] for row in results} == {""}


def test_a_row_without_a_text_costs_only_itself(stack: Fanfold, tmp_path: Path) -> None:
    file = tmp_path / "one empty.csv"
    file.write_text('id,text\n1,so good\n2,""\n3,so bad\n', encoding="utf-8")
    job = stack.submit(file)
    assert job.wait().state == "COMPLETED_WITH_ERRORS"
    job.download(tmp_path / "out")
    assert [bool(row["error"]) for row in rows(tmp_path / "out/results.csv")] == [False, True, False]
    assert [row["id"] for row in rows(tmp_path / "out/errors.csv")] == ["2"]


def test_the_same_file_twice_is_two_jobs(stack: Fanfold) -> None:
    first, second = stack.submit(SAMPLE), stack.submit(SAMPLE)
    assert first.id != second.id
    assert [job.wait().state for job in (first, second)] == ["SUCCEEDED", "SUCCEEDED"]


def test_a_cancelled_job_ends_with_what_is_done(stack: Fanfold, tmp_path: Path) -> None:
    job = stack.submit(SAMPLE)
    next(status for status in job.follow() if status.state != "UPLOADED")
    job.cancel()
    assert job.wait().state in {"CANCELLED", "SUCCEEDED"}
    job.download(tmp_path)
    assert len(rows(tmp_path / "results.csv")) == len(rows(SAMPLE))
