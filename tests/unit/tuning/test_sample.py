"""Samples of files, and the requests of them that make up a turn."""

from __future__ import annotations

import gzip
from itertools import product
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING

import pytest

from fanfold.input.files import LocalFile
from fanfold.input.sources import Source
from fanfold.tuning import ROWS
from fanfold.tuning.sample import Sample, middle_first, take_sample, turn_spans

if TYPE_CHECKING:
    from pathlib import Path


def sample_of(path: Path, lines: list[str], **options: str) -> Sample:
    content = "".join(f"{line}\n" for line in ["text", *lines]).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    read: list[int] = []
    found = LocalFile.read(Source.of_file(path), {}, options)
    sample = take_sample(found, read.append)
    assert sum(read) == len(content)
    return sample


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize(
    ("rows", "sampled"), [(3, 3), (100, 64), (300, 256), (9_000, 256), (20_000, 384), (99_999, 512)]
)
def test_a_sample_is_few_rows_from_all_over_the_file(tmp_path: Path, name: str, rows: int, sampled: int) -> None:
    sample = sample_of(tmp_path / name, [str(number) for number in range(rows)])
    assert (sample.rows, sample.of_rows) == (sampled, rows)
    numbers = [[int(text) for text in block] for block in sample.blocks]
    assert all(block == list(range(block[0], block[0] + len(block))) for block in numbers)
    # No row is there twice, and no large part of the file is left out.
    flat = [number for block in numbers for number in block]
    assert flat == sorted(set(flat))
    gaps = [later - earlier for earlier, later in zip([0, *flat], [*flat, rows], strict=True)]
    assert max(gaps) <= max(rows * 0.6, 40)


def test_a_sample_has_texts_of_all_lengths_as_a_job_sends_them(tmp_path: Path) -> None:
    random = Random(1)
    lines = [f"x{number} {'x ' * (10 + int(random.expovariate(1 / 50)))}" for number in range(20_000)]
    sample = sample_of(tmp_path / "a.csv", lines)
    words = [[len(text.split()) for text in block] for block in sample.blocks]
    assert fmean(map(fmean, words)) == pytest.approx(fmean(len(line.split()) for line in lines), rel=0.15)
    # A batch of texts as they are sent needs little padding.
    assert all(max(block) - min(block) <= 20 for block in words)


def test_a_sample_has_the_same_text_once(tmp_path: Path) -> None:
    lines = [f"text {number % 3}" for number in range(300)]
    assert sample_of(tmp_path / "a.csv", lines).rows == 3
    assert sample_of(tmp_path / "b.csv", lines, duplicates="each").rows == 256


def test_a_sample_is_the_same_each_time_and_has_no_rows_that_cannot_be_sent(tmp_path: Path) -> None:
    lines = [("" if number % 7 == 0 else f"text {number}") for number in range(2_000)]
    first = sample_of(tmp_path / "a.csv", lines)
    assert first == sample_of(tmp_path / "a.csv", lines)
    assert first.rows == 256
    assert all(text for block in first.blocks for text in block)


def test_a_sample_has_what_a_job_would_send(tmp_path: Path) -> None:
    sample = sample_of(tmp_path / "a.csv", ["good"], **{"input-expression": "{review: text}"})
    assert sample.blocks == [[{"review": "good"}]]


@pytest.mark.parametrize("rows", [512, 390, 256])
@pytest.mark.parametrize("each", ROWS)
@pytest.mark.parametrize("workers", [1, 2, 3, 4, 8])
def test_workers_end_a_turn_together_however_large_its_requests_are(rows: int, each: int, workers: int) -> None:
    # The longest of these texts take ten times as long as the shortest ones.
    seconds = [1 + 9 * row**2 / rows**2 for row in range(rows)]
    ends = [0.0] * workers
    for span in turn_spans(rows, each, workers):
        ends[ends.index(min(ends))] += sum(seconds[row] for row in span)
    assert max(ends) <= 1.05 * fmean(ends)


def test_a_turn_has_all_rows_of_the_sample_and_none_more_often_than_there_are_workers() -> None:
    for rows, each, workers in product([512, 320], [8, 64, 320, 512], [1, 2, 8]):
        spans = turn_spans(rows, each, workers)
        sent = [row for span in spans for row in span]
        assert {len(span) for span in spans} == {each}
        assert set(sent) == set(range(rows))
        assert len(spans) <= workers * -(-rows // each)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8])
def test_the_first_parts_that_are_used_are_from_all_over(count: int) -> None:
    found = list(middle_first(count))
    assert sorted(found) == list(range(count))
    for used in range(1, count + 1):
        assert fmean(found[:used]) == pytest.approx(fmean(range(count)), abs=0.25 * count)
