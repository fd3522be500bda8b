"""A file that holds more than its stack takes, or than any may hold, is refused as soon as that is known."""

from __future__ import annotations

import gzip
from io import BytesIO
from itertools import chain, repeat
from typing import IO, TYPE_CHECKING

import pytest

from fanfold_core.domain.options import Options
from fanfold_core.input.cutting import Budget, Limits, cut
from fanfold_core.input.errors import EmptyLinesError, FileTooLargeError, RecordTooLargeError, TooManyRowsError
from fanfold_core.input.records import Dialect
from fanfold_core.input.scanning import Scanner
from fanfold_core.input.source import BLOCK_BYTES, InputFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fanfold_core.input.cutting import Cut

TEN_ROWS = b"id,text\n" + b"1,so good\n" * 10


def file_of(content: bytes, name: str = "a.csv", *, encoding: str = "utf-8", **budget: int) -> InputFile:
    options = Options(encoding=encoding)
    return InputFile(
        name, len(content), options, lambda start, end=None: BytesIO(content[start:end]), budget=Budget(**budget)
    )


def pieces(file: InputFile, rows: int = 4) -> list[Cut]:
    return list(file.pieces(file.layout(), Limits(rows=rows)))


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_file_of_just_the_budget_is_read_whole(name: str) -> None:
    content = gzip.compress(TEN_ROWS) if name.endswith(".gz") else TEN_ROWS
    found = pieces(file_of(content, name, max_rows=10, max_bytes=len(TEN_ROWS)))
    assert [piece.rows for piece in found] == [4, 4, 2]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_plain_file_that_is_too_large_is_not_even_opened(encoding: str) -> None:
    def never(start: int, _end: int | None = None, /) -> IO[bytes]:
        raise AssertionError(start)

    file = InputFile("a.csv", 1_000_001, Options(encoding=encoding), never, budget=Budget(max_bytes=1_000_000))
    with pytest.raises(FileTooLargeError, match=r"more than 1,000,000 bytes .* \(MaxBytes\): upload it"):
        file.layout()


def test_a_bomb_is_read_up_to_the_budget_and_no_further() -> None:
    whole = gzip.compress(b"text\n" + b"0\n" * 8_000_000)
    assert len(whole) < 20_000
    # Whoever reads to the end finds it missing.
    file = file_of(whole[:-100], "a.csv.gz", max_bytes=3 * BLOCK_BYTES)
    with pytest.raises(FileTooLargeError):
        pieces(file, rows=10_000)
    with pytest.raises(FileTooLargeError):
        list(file.pieces(file.layout(), Limits(), start=2 * BLOCK_BYTES + 5, first_row=BLOCK_BYTES))


def test_rows_before_the_one_too_many_are_cut_also_when_going_on_after_some_of_them() -> None:
    file = file_of(TEN_ROWS, max_rows=9)
    layout = file.layout()
    found = file.pieces(layout, Limits(rows=4))
    first, second = next(found), next(found)
    assert (first.rows, second.rows) == (4, 4)
    for following in (found, file.pieces(layout, Limits(rows=4), start=second.end, first_row=8)):
        with pytest.raises(TooManyRowsError, match=r"more than 9 rows, which is the most .*\(MaxRows\)"):
            next(following)


def test_bytes_are_those_of_the_decompressed_file_whatever_its_encoding() -> None:
    text = TEN_ROWS.decode().encode("utf-16")
    content = gzip.compress(text)
    assert len(pieces(file_of(content, "a.csv.gz", encoding="utf-16", max_bytes=len(text)))) == 3
    with pytest.raises(FileTooLargeError):
        pieces(file_of(content, "a.csv.gz", encoding="utf-16", max_bytes=len(text) - 1))


def test_more_blank_lines_than_a_record_may_take_are_refused_after_the_cuts_before_them() -> None:
    limits, blank = Limits(bytes=500, record_bytes=1000), b"\r\n" * 500
    whole = cut(
        [b"a\n" + blank + b"b\n"], start=0, first_row=16, scanner=Scanner(Dialect(), blank_is_row=False), limits=limits
    )
    assert [piece.rows for piece in whole] == [1, 1]
    endless = chain([b"a\n"], repeat(blank))
    cuts = cut(endless, start=0, first_row=16, scanner=Scanner(Dialect(), blank_is_row=False), limits=limits)
    assert next(cuts).rows == 1
    with pytest.raises(EmptyLinesError, match="row 17: more than 1,000 bytes of empty lines"):
        next(cuts)


def test_a_record_that_never_ends_is_refused_before_it_fills_the_memory() -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        yield b'a\n"'
        while True:
            read += 1000
            yield b"x," * 500

    limits = Limits(bytes=10_000, record_bytes=200_000)
    cuts = cut(endless(), start=0, first_row=0, scanner=Scanner(Dialect(), blank_is_row=False), limits=limits)
    assert next(cuts).rows == 1
    with pytest.raises(RecordTooLargeError, match="row 1 is larger than the limit of 200,000 bytes"):
        next(cuts)
    assert read <= limits.record_bytes + 2000
