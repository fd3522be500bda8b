"""Rows of the results for the page: a few at a time, from wherever in the file they begin.

A file may have any size, so no request reads more of it than `MOST_READ` bytes, and holds no more than a page of rows.
What filters, searches or sorts does so with the rows that it has read; the page goes on from where that ended.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from heapq import nsmallest
from io import BufferedReader
from typing import TYPE_CHECKING

from fanfold.partial import Partial
from fanfold.results import format_of
from fanfold.results.objects import find_object, read_object
from fanfold_core.app.rows import results_writer
from fanfold_core.aws.store import Blocks
from fanfold_core.domain.counting import short_label
from fanfold_core.domain.keys import result_key
from fanfold_core.domain.results.json_lines import numbered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fanfold.results.formats import ResultsFormat
    from fanfold.stacks import Stack
    from fanfold_core.domain.job import JobRecord
    from fanfold_core.domain.results import Columns

Row = tuple[int, list[str]]

MOST_READ = 8 * 1024 * 1024
PAGE_ROWS = 50
# A page by itself reads one block; with this many characters it has fewer rows. A cell is cut.
_BLOCK_BYTES = 256 * 1024
_MOST_CHARACTERS, _MOST_OF_CELL = 1_000_000, 2_000
# Of the rows of lowest scores that are held at a time, to find the next page of them.
_MOST_SORTED = 1_000
# Of a job at work; each may have 4 MiB.
_MOST_CHUNKS = 2
_PLACE = re.compile(r"(\d{1,15})-(\d{1,15})-(\d{1,4})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row begins in the file: its byte and its number from 0; the first row is taken to begin at byte 0.

    Of the rows of lowest scores from there on, so many were on the pages before (`skip`). Spelt `byte-row-skip`.
    """

    byte: int = 0
    row: int = 0
    skip: int = 0

    @classmethod
    def parse(cls, text: str) -> Place:
        """The place that is spelt so, the first one for nonsense.

        >>> Place.parse("1024-7-0"), Place.parse("")
        (Place(byte=1024, row=7, skip=0), Place(byte=0, row=0, skip=0))
        """
        found = _PLACE.fullmatch(text)
        return cls(*map(int, found.groups())) if found else cls()

    def __str__(self) -> str:
        return f"{self.byte}-{self.row}-{self.skip}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows: from a place on, with this label, this text in a cell, or an error; or those of the lowest scores."""

    start: Place
    label: str = ""
    text: str = ""
    failed: bool = False
    by_score: bool = False

    @property
    def is_all(self) -> bool:
        """Whether the rows are simply those that follow."""
        return not (self.label or self.text or self.failed or self.by_score)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, each with its number before its cells; `own` columns are the file's, then come the model's and the error.

    Rows `first` to `end - 1` were looked at. Others begin at `next`, which is empty at the end of the file, and while
    the job is at work.
    """

    columns: list[str]
    own: int
    input: int | None
    label: int | None
    score: int | None
    rows: list[Row]
    first: int
    end: int
    next: str


class _Rows:
    """The rows of a file from a place on, with their numbers: as many as begin within so many bytes.

    `place` is where the next one begins.
    """

    def __init__(
        self, blocks: Iterator[bytes], start: Place, most_bytes: int, written: ResultsFormat, columns: Sequence[str]
    ) -> None:
        self._stream = BufferedReader(Blocks(blocks))
        self._start, self._most = start, most_bytes
        self._read = self._rows = 0
        self._records = written.cells(self._lines(), columns)
        if written.has_header and not start.byte:
            next(self._records, None)  # the header

    @property
    def place(self) -> Place:
        return Place(self._start.byte + self._read, self._start.row + self._rows)

    def __iter__(self) -> Iterator[Row]:
        while self._read < self._most and (cells := next(self._records, None)) is not None:
            self._rows += 1
            yield self._start.row + self._rows - 1, cells

    def _lines(self) -> Iterator[str]:
        for line in self._stream:
            encoding = "utf-8" if self._start.byte or self._read else "utf-8-sig"
            self._read += len(line)
            yield line.decode(encoding)


def read_page(stack: Stack, job: JobRecord, wanted: Wanted) -> Page | None:
    """A page of the results of a job that has ended; None if they are gone."""
    key, start = result_key(job.id, job.results_file), wanted.start
    found = find_object(stack, key)
    if found is None:
        return None
    shown = results_writer(job, job.fields).shown
    header = numbered(shown.results_header)
    written = format_of(job.results_file, len(shown.original), job.dialect.written)
    label, score = _place_of("label", shown), _place_of("score", shown)
    size = _BLOCK_BYTES if wanted.is_all else MOST_READ
    rows = _Rows(read_object(stack, key, found, start.byte, size), start, MOST_READ, written, header)
    matching = (row for row in rows if wanted.is_all or _matches(row[1], wanted, label))
    if wanted.by_score:
        chosen, more = _lowest(matching, score, start.skip)
    else:
        chosen, more = _fitting(matching), False
    following = Place(start.byte, start.row, start.skip + PAGE_ROWS) if more else rows.place
    is_last = following.byte >= found["Size"]
    return _page(job, shown, chosen, start.row, rows.place.row, "" if is_last else str(following))


def read_answered(stack: Stack, job: JobRecord) -> Page:
    """The first rows of a job at work that have an answer, as far as they are in its first chunks."""
    partial = Partial.of(stack, job)
    chosen = _fitting(partial.cells(_MOST_CHUNKS))
    return _page(job, partial.shown, chosen, 0, chosen[-1][0] + 1 if chosen else 0, "")


def _page(  # noqa: PLR0913, PLR0917 - what a page says
    job: JobRecord, shown: Columns, chosen: Sequence[Row], first: int, end: int, following: str
) -> Page:
    return Page(
        columns=numbered(shown.results_header),
        own=len(shown.original),
        input=job.layout.input_index if job.layout and not job.options.input else None,
        label=_place_of("label", shown),
        score=_place_of("score", shown),
        rows=[(number, [cell[:_MOST_OF_CELL] for cell in cells]) for number, cells in chosen],
        first=first,
        end=end,
        next=following,
    )


def _place_of(field: str, shown: Columns) -> int | None:
    return len(shown.original) + shown.fields.index(field) if field in shown.fields else None


def _matches(cells: list[str], wanted: Wanted, label: int | None) -> bool:
    if wanted.failed and not cells[-1]:
        return False
    if wanted.label and (label is None or short_label(cells[label]) != wanted.label):
        return False
    text = wanted.text.casefold()
    return not text or any(text in cell.casefold() for cell in cells)


def _fitting(rows: Iterable[Row]) -> list[Row]:
    """A page of rows; of long ones, fewer."""
    page: list[Row] = []
    characters = 0
    for number, cells in rows:
        page.append((number, cells))
        characters += sum(min(len(cell), _MOST_OF_CELL) for cell in cells)
        if len(page) == PAGE_ROWS or characters > _MOST_CHARACTERS:
            break
    return page


def _lowest(rows: Iterable[Row], score: int | None, skip: int) -> tuple[list[Row], bool]:
    """The next page of the rows with the lowest scores, and whether there is another one to be had of these rows."""
    if score is None:
        return [], False
    scored = ((value, row) for row in rows if not math.isnan(value := _number(row[1][score])))
    lowest = nsmallest(min(skip + PAGE_ROWS, _MOST_SORTED) + 1, scored)
    page = _fitting(row for _, row in lowest[skip : skip + PAGE_ROWS])
    return page, skip + PAGE_ROWS < min(len(lowest), _MOST_SORTED)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan
