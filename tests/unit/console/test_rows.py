"""Rows of results.csv for the page: the right ones, and no more of the file read than a page may cost."""

import csv
import io
import json
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from tests.fakes.values import LAYOUT, make_job
from tests.unit.app.conftest import System, sent

from fanfold.console.rows import PAGE_ROWS, Page, Place, Wanted, read_answered, read_page
from fanfold_core.domain.job import JobRecord
from fanfold_core.domain.options import Options
from fanfold_core.domain.spans import Span

JOB = make_job(layout=LAYOUT, fields=frozenset({"label", "score"}))
FIRST = Place()
ALL = Wanted(FIRST)


class Bucket:
    """An output bucket with one results.csv, which counts the bytes that are read of it."""

    def __init__(self, content: bytes | None) -> None:
        self.content, self.read = content, 0
        self.client = lambda _name: self
        self.output_bucket = "output"
        self.store = SimpleNamespace(location=lambda key: f"s3://output/{key}")

    def list_objects_v2(self, **asked: Any) -> dict[str, Any]:
        found = {"Key": asked["Prefix"], "Size": len(self.content or b""), "ETag": "x"}
        return {"Contents": [found]} if self.content is not None else {}

    def get_object(self, **asked: Any) -> dict[str, Any]:
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", asked["Range"])
        assert match
        assert self.content
        piece = self.content[int(match[1]) : int(match[2]) + 1]
        self.read += len(piece)
        sent = f"bytes {match[1]}-{match[2]}/{len(self.content)}"
        return {"Body": io.BytesIO(piece), "ContentRange": sent, "ContentLength": len(piece)}


def page(stack: Bucket, wanted: Wanted = ALL, job: JobRecord = JOB) -> Page:
    found = read_page(stack, job, wanted)  # type: ignore[arg-type] # it has what is asked of it
    assert found
    return found


def pages(stack: Bucket, **wanted: Any) -> list[Page]:
    """All pages, one after the other."""
    found = [page(stack, Wanted(FIRST, **wanted))]
    while found[-1].next:
        found.append(page(stack, Wanted(Place.parse(found[-1].next), **wanted)))
    return found


def file_of(rows: list[list[str]]) -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([["id", "text", "label", "score", "error"], *rows])
    return stream.getvalue().encode()


ROWS = [
    [str(row), f'"é", row\r\n{row}', "GOOD" if row % 3 else "BAD", f"0.{row % 7}", "" if row % 5 else "input is empty"]
    for row in range(180)
]
BUCKET = Bucket(file_of(ROWS))


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_pages_follow_one_another_to_the_end_with_every_row_once(mark: bytes) -> None:
    found = pages(Bucket(mark + file_of(ROWS)))
    assert [(number, cells) for one in found for number, cells in one.rows] == list(enumerate(ROWS))
    assert [(one.first, one.end, len(one.rows)) for one in found][-1] == (150, 180, 30)
    assert (found[0].columns, found[0].input, found[0].label, found[0].score) == (
        ["id", "text", "label", "score", "error"], 1, 2, 3,
    )  # fmt: skip


def test_a_label_a_text_and_errors_are_found_on_all_pages() -> None:
    good = [number for one in pages(BUCKET, label="GOOD") for number, _ in one.rows]
    assert good == [row for row in range(180) if row % 3]
    assert [number for one in pages(BUCKET, text='"É", ROW\r\n17') for number, _ in one.rows] == [17, *range(170, 180)]
    failed = [number for one in pages(BUCKET, failed=True, label="BAD") for number, _ in one.rows]
    assert failed == [row for row in range(180) if row % 15 == 0]


def test_the_lowest_scores_come_first_over_all_pages() -> None:
    scores = [float(cells[3]) for one in pages(BUCKET, by_score=True) for _, cells in one.rows]
    assert len(scores) == 180
    assert scores == sorted(scores)


def test_of_a_large_file_no_request_reads_more_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fanfold.console.rows.MOST_READ", 800_000)
    monkeypatch.setattr("fanfold.console.rows._BLOCK_BYTES", 50_000)
    rows = [[str(row), "x" * 400, "GOOD", "0.9", ""] for row in range(5_000)]
    rows[4_000][1] = "needle"
    large = Bucket(file_of(rows))
    assert len(large.content or b"") > 2 * 800_000
    assert len(page(large).rows) == PAGE_ROWS
    assert large.read == 50_000
    found, first = [], FIRST
    for _ in range(3):
        large.read = 0
        one = page(large, Wanted(first, text="NEEDLE"))
        assert large.read <= 2 * 800_000, "the last row may reach into the next block"
        assert (one.first, one.rows) == (first.row, [(4_000, rows[4_000])] * (one.first <= 4_000 < one.end))
        found += one.rows
        first = Place.parse(one.next)
    assert len(found) == 1
    assert not one.next


def test_long_cells_are_cut_and_make_pages_shorter() -> None:
    wide = Bucket(file_of([[str(row), "x" * 100_000, "GOOD", "1", ""] for row in range(60)]))
    assert len(page(wide).rows[0][1][1]) == 2_000
    many = make_job(layout=LAYOUT, fields=frozenset(f"f{number}" for number in range(60)))
    cells = [["1", "x", *["y" * 3_000] * 60, ""]] * 40
    assert 1 < len(page(Bucket(file_of(cells)), job=many).rows) < 15


def test_pages_of_json_lines_have_the_same_cells() -> None:
    job = replace(JOB, options=Options(results_format="jsonl"))
    objects = [dict(zip(("id", "text", "label", "score", "error"), row, strict=True)) for row in ROWS]
    lines = [json.dumps({**one, "id": int(one["id"]), "error": one["error"] or None}) for one in objects]
    bucket = Bucket("".join(f"{line}\n" for line in lines).encode())
    first = page(bucket, job=job)
    following = page(bucket, Wanted(Place.parse(first.next)), job=job)
    assert first.columns == ["id", "text", "label", "score", "error"]
    assert [*first.rows, *following.rows] == list(enumerate(ROWS))[: 2 * PAGE_ROWS]


def test_results_that_are_not_flat_or_gone_or_empty_are_no_trouble() -> None:
    job = make_job(layout=LAYOUT, fields=frozenset())
    assert page(Bucket(b"id,text,error\r\n1,so,\r\n"), Wanted(FIRST, by_score=True), job).rows == []
    assert page(Bucket(b"id,text,error\r\n"), job=job).rows == []
    assert read_page(Bucket(None), JOB, Wanted(FIRST)) is None  # type: ignore[arg-type] # likewise


@pytest.mark.parametrize("nonsense", ["", "-1-0-0", "x", "1-1", "9" * 30, "1-1-1-1", "٣-0-0"])
def test_a_place_that_is_none_is_the_first_one(nonsense: str) -> None:
    assert Place.parse(nonsense) == FIRST


def test_of_a_job_at_work_the_first_rows_that_have_an_answer_are_shown() -> None:
    system = System()
    stack: Any = SimpleNamespace(ledger=system.ledger, store=system.store)
    job = system.split()
    assert read_answered(stack, job).rows == []
    system.answer(job, 0, Span(0, 1), Span(2, 2))
    system.answer(job, 1, Span(1, 1))
    found = read_answered(stack, system.ledger.job(job.id))
    assert found.columns == ["id", "text", "label", "error"]
    assert found.rows == [(row, [str(row), f"text {row}", "GOOD", ""]) for row in (0, 2, 3, 5)]
    assert (found.own, found.input, found.label, found.score, found.next) == (2, 1, 2, None, "")


def test_of_a_long_job_at_work_no_more_than_its_first_chunks_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fanfold.console.rows._MOST_CHUNKS", 1)
    system = System()
    stack: Any = SimpleNamespace(ledger=system.ledger, store=system.store)
    job = system.split()
    for chunk in (0, 1):
        system.answer(job, chunk, *sent(4))
    assert [number for number, _ in read_answered(stack, system.ledger.job(job.id)).rows] == [0, 1, 2, 3]
