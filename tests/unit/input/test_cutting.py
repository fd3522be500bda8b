"""Cuts hold whole records, the very ones that csv.reader finds, wherever blocks and runs begin."""

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO, StringIO, TextIOWrapper
from itertools import accumulate, pairwise
from typing import NamedTuple

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from fanfold_core.input import cutting, scanning
from fanfold_core.input.cutting import Cut, Limits, cut
from fanfold_core.input.errors import EmptyLinesError, FanfoldError, OpenQuoteError, RecordTooLargeError
from fanfold_core.input.records import Dialect
from fanfold_core.input.scanning import Run, Scanner


class Record(NamedTuple):
    """What csv.reader finds: bytes `start` to `end - 1` of a file, perhaps with a quote that is left open."""

    cells: list[str]
    start: int
    end: int
    is_open: bool


def records(data: bytes, dialect: Dialect) -> list[Record]:
    lines = list(TextIOWrapper(BytesIO(data), encoding="latin-1", newline=""))
    ends = [0, *accumulate(map(len, lines))]
    has_ended = False

    def reading() -> Iterator[str]:
        nonlocal has_ended
        yield from lines
        has_ended = True  # if a record was still being read: its quote is open

    spaces, escape = dialect.skip_initial_space, dialect.escape or None
    reader = csv.reader(
        reading(), delimiter=dialect.delimiter, quotechar=dialect.quote, escapechar=escape, skipinitialspace=spaces
    )
    found, start = [], 0
    for cells in reader:
        found.append(Record(cells, start, ends[reader.line_num], has_ended))
        start = ends[reader.line_num]
    return found


def expected(data: bytes, dialect: Dialect, limits: Limits, *, blank_is_row: bool) -> tuple[list[Cut], str | None]:
    """What `cut` is to answer, found record by record: the cuts, and the error that follows them."""
    cuts: list[Cut] = []
    rows = (record for record in records(data, dialect) if record.cells or blank_is_row)
    for number, (_, start, end, is_open) in enumerate(rows):
        if start - _end(cuts) > limits.record_bytes:
            return cuts, str(EmptyLinesError(number, limits.record_bytes))
        if end - start > limits.record_bytes:
            return cuts, str(RecordTooLargeError(number, limits.record_bytes))
        if is_open:
            return cuts, str(OpenQuoteError(number))
        last = cuts[-1] if cuts else None
        if last and last.rows < limits.rows and end - last.start <= limits.bytes:
            cuts[-1] = Cut(last.start, end, last.first_row, last.rows + 1, data[last.start : end])
        else:
            cuts.append(Cut(start, end, number, 1, data[start:end]))
    if len(data) - _end(cuts) > limits.record_bytes:
        return cuts, str(EmptyLinesError(sum(cut.rows for cut in cuts), limits.record_bytes))
    return cuts, None


def _end(cuts: list[Cut]) -> int:
    return cuts[-1].end if cuts else 0


def collected(cuts: Iterator[Cut]) -> tuple[list[Cut], str | None]:
    found = []
    try:
        for piece in cuts:
            found.append(piece)  # noqa: PERF402 (those before an error are wanted, too)
    except FanfoldError as error:
        return found, str(error)
    return found, None


def split_at(data: bytes, places: list[int]) -> list[bytes]:
    """The data in blocks, some of them empty."""
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(bounds)]


def cut_all(data: bytes, limits: Limits, *, blank_is_row: bool = False, dialect: Dialect | None = None) -> list[Cut]:
    dialect = dialect or Dialect()
    return list(cut([data], start=0, first_row=0, scanner=Scanner(dialect, blank_is_row=blank_is_row), limits=limits))


def regular(rows: list[list[str]], quoting: int, line_end: str) -> bytes:
    stream = StringIO(newline="")
    csv.writer(stream, quoting=quoting, lineterminator=line_end).writerows(rows)  # type: ignore[arg-type]
    return stream.getvalue().encode()


SPACED = Dialect(skip_initial_space=True)
ESCAPED = [Dialect(escape="\\"), Dialect(";", "'", escape="a"), Dialect(skip_initial_space=True, escape="\\")]
DIALECTS = st.sampled_from([Dialect(), Dialect(";", "'"), Dialect(" "), Dialect("a", "b"), SPACED, *ESCAPED])
CELLS = st.text(st.sampled_from('ab",\n é;'), max_size=5)
ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=3), max_size=8)
REGULAR = st.builds(
    regular, ROWS, st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), st.sampled_from(["\n", "\r\n", "\r"])
)
NASTY = st.text(st.sampled_from("ab\",\r\n\0é;' \\"), max_size=40).map(str.encode)
BLANK = st.integers(0, 80).map(lambda lines: b"\n" * lines)


@dataclass(frozen=True)
class Case:
    """A file, how it arrives, and how it is to be cut."""

    data: bytes
    blocks_end: list[int]
    dialect: Dialect = field(default_factory=Dialect)
    limits: Limits = field(default_factory=lambda: Limits(rows=3, bytes=20, record_bytes=60))
    blank_is_row: bool = True
    window: int = 64 * 1024
    worth_masks: int = 1
    has_numpy: bool = True

    def cut(self, start: int = 0, first_row: int = 0) -> tuple[list[Cut], str | None]:
        """The cuts from byte `start` on, and the words of the error after them."""
        blocks = split_at(self.data[start:], self.blocks_end)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cutting, "_WINDOW", self.window)
            patch.setattr(scanning, "_WORTH_MASKS", self.worth_masks)
            if not self.has_numpy:
                patch.setitem(sys.modules, "numpy", None)
                patch.delitem(sys.modules, "fanfold_core.input.masks", raising=False)
            return collected(
                cut(
                    blocks,
                    start=start,
                    first_row=first_row,
                    scanner=Scanner(self.dialect, self.blank_is_row),
                    limits=self.limits,
                )
            )

    def expected(self) -> tuple[list[Cut], str | None]:
        """The same, found record by record."""
        return expected(self.data, self.dialect, self.limits, blank_is_row=self.blank_is_row)


CASES = st.builds(
    Case,
    data=NASTY | REGULAR | st.builds(lambda a, b, c: a + b + c, REGULAR, NASTY | BLANK, REGULAR),
    blocks_end=st.lists(st.integers(0, 400), max_size=12),
    dialect=DIALECTS,
    limits=st.builds(Limits, st.integers(1, 5), st.integers(1, 20), st.integers(20, 60)),
    blank_is_row=st.booleans(),
    window=st.sampled_from([2, 3, 7, 16, 64, 100, 64 * 1024]),
    worth_masks=st.sampled_from([1, 30]),
    has_numpy=st.booleans(),
)


@given(CASES)
@example(Case(b'"a"b"c,"d\n"\n', []))
@example(Case(b'a ,  "b\n"\n', []))
@example(Case(b'a"b,"c\nd"\n', []))
@example(Case(b'"a\\"\nb",c\\\n\nd\n', [], Dialect(escape="\\")))
@example(Case(b'"a\\"\n', [], Dialect(escape="\\")))
def test_cuts_are_made_of_the_records_of_csv_reader(case: Case) -> None:
    assert case.cut() == case.expected()


@given(CASES, st.integers(0))
def test_a_run_that_goes_on_after_any_cut_makes_the_same_cuts(case: Case, which: int) -> None:
    cuts, words = case.expected()
    assume(cuts)
    which %= len(cuts)
    last = cuts[which]
    assert case.cut(last.end, last.first_row + last.rows) == (cuts[which + 1 :], words)


def test_a_line_end_of_two_bytes_is_never_split() -> None:
    data = b"a\r\nb\r\n"
    blocks = [data[i : i + 1] for i in range(len(data))]
    cuts = cut(blocks, start=0, first_row=0, scanner=Scanner(Dialect(), blank_is_row=True), limits=Limits(1, 2, 9))
    assert [piece.data for piece in cuts] == [b"a\r\n", b"b\r\n"]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_blank_lines_are_rows_only_in_a_file_of_one_column(line_end: bytes) -> None:
    data = line_end.join([b"", b"a", b"", b"", b"b", b"", b""])
    limits = Limits(rows=2)
    assert [piece.rows for piece in cut_all(data, limits, blank_is_row=True)] == [2, 2, 2]
    (piece,) = cut_all(data, limits)
    assert (piece.rows, piece.data) == (2, data.strip(b"\r\n") + line_end)


def test_blank_lines_alone_make_no_cut() -> None:
    assert cut_all(b"\n\r\n\r" * 100_000, Limits()) == []


def test_an_empty_stream_makes_no_cut() -> None:
    assert list(cut([], start=9, first_row=9, scanner=Scanner(Dialect(), blank_is_row=True), limits=Limits())) == []


def test_a_record_larger_than_a_cut_is_a_cut_of_its_own() -> None:
    large = b'"' + b"x\n" * 100_000 + b'"\n'
    cuts = cut_all(b"a\n" + large + b"b\n", Limits(bytes=1000))
    assert [piece.data for piece in cuts] == [b"a\n", large, b"b\n"]


def test_an_open_quote_is_reported_with_its_row_after_the_cuts_before_it() -> None:
    cuts = cut(
        [b'a\nb,"c\nd\n'], start=0, first_row=16, scanner=Scanner(Dialect(), blank_is_row=False), limits=Limits()
    )
    assert next(cuts).data == b"a\n"
    with pytest.raises(OpenQuoteError, match="row 17: a quote opens in this row"):
        next(cuts)


def test_no_more_is_read_ahead_than_a_cut_and_a_block() -> None:
    read = 0

    def blocks() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 1000
            yield b'"abcdefg"\n' * 100

    limits = Limits(rows=50_000, bytes=100_000, record_bytes=100_000)
    for piece in cut(blocks(), start=0, first_row=0, scanner=Scanner(Dialect(), blank_is_row=False), limits=limits):
        assert piece.rows == 10_000
        assert read - piece.end <= 2000
        if piece.end >= 1_000_000:
            break


@given(
    data=st.lists(NASTY | REGULAR, max_size=8).map(b"".join),
    dialect=DIALECTS,
    blank_is_row=st.booleans(),
    most=st.integers(2, 40),
)
@example(data=b'a, "b\n", c\n "d\n"\n' * 20, dialect=SPACED, blank_is_row=False, most=9)
@example(data=b'a,  "b\n"\n' * 20, dialect=SPACED, blank_is_row=False, most=9)
@example(data=b'a, "b" "c\n' * 20, dialect=SPACED, blank_is_row=False, most=9)
@example(data=b" \n" * 70 + b'"a" , "b"\n', dialect=SPACED, blank_is_row=False, most=9)
@example(data=b'"' * 63 + b'",\n' + b'"a\n"\r\n' * 20, dialect=Dialect(), blank_is_row=False, most=9)
@example(data=b"\r" * 63 + b"\r\n" * 66, dialect=Dialect(), blank_is_row=False, most=9)
def test_masks_say_what_csv_reader_says(data: bytes, *, dialect: Dialect, blank_is_row: bool, most: int) -> None:
    window, scanner = data.removesuffix(b"\r"), Scanner(dialect, blank_is_row)

    def found(worth_masks: int) -> Run:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scanning, "_WORTH_MASKS", worth_masks)
            return scanner.whole_records(window, most, is_last=False)

    assert found(worth_masks=1) == found(worth_masks=len(window) + 1)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
def test_only_the_end_of_a_large_file_is_read_if_its_quoting_is_regular(
    quoting: int, line_end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    reading = Scanner._read  # noqa: SLF001 - what costs time

    def noted(scanner: Scanner, window: bytes, most: int, *, is_last: bool) -> Run:
        read.append(len(window))
        return reading(scanner, window, most, is_last=is_last)

    monkeypatch.setattr(Scanner, "_read", noted)
    monkeypatch.setattr(cutting, "_WINDOW", 64 * 1024)
    rows = [["7", f'say ""{number}",\n"now"', "", "tail, of the\r\nrow " * (number % 9)] for number in range(9000)]
    data = regular(rows, quoting, line_end)
    limits = Limits(rows=7000)
    assert (cut_all(data, limits), None) == expected(data, Dialect(), limits, blank_is_row=False)
    assert sum(read) < 0.2 * len(data)


@pytest.mark.parametrize("limits", [(0, 1, 1), (1, 0, 1), (1, 2, 1)])
def test_limits_let_every_record_through_that_fits_in_a_cut(limits: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="limits must be positive"):
        Limits(*limits)


def test_limits_can_only_be_lowered() -> None:
    assert [Limits(rows=10).at_most(rows=rows).rows for rows in (5, 20)] == [5, 10]
