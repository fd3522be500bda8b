"""Rows that have their final answer already, read from the ledger and the file itself while their job is at work.

A row counts as answered when its chunk says that it is covered: what is stored beyond that may change yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import StringIO
from itertools import chain
from typing import TYPE_CHECKING, Any

from fanfold.errors import RowNotFoundError
from fanfold.results import format_of
from fanfold_core.app.rounds import final_answers, final_runs
from fanfold_core.app.rows import read_texts, results_writer, written, written_header
from fanfold_core.domain.results import RowAnswers, effective, error_line
from fanfold_core.domain.results.json_lines import numbered
from fanfold_core.domain.spans import gaps, places_in
from fanfold_core.input.errors import counted
from fanfold_core.input.regularity import find_irregular

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from fanfold.results.formats import ResultsFormat
    from fanfold.stacks import Stack
    from fanfold_core.app.rows import ResultsWriter
    from fanfold_core.domain.job import Chunk, JobRecord
    from fanfold_core.domain.results import Columns
    from fanfold_core.input.records import Records


@dataclass(frozen=True, slots=True)
class AnsweredRows:
    """Rows by their numbers from 0, as they would stand in a CSV, and their final answers."""

    numbers: Sequence[int]
    records: Records
    final: RowAnswers

    def only(self, numbers: Container[int]) -> AnsweredRows:
        """Those of them that have these numbers."""
        kept = [index for index, number in enumerate(self.numbers) if number in numbers]
        return AnsweredRows(
            [self.numbers[index] for index in kept],
            self.records.only(kept),
            RowAnswers.of(self.final[index] for index in kept),
        )


@dataclass(frozen=True, slots=True)
class Partial:
    """A job's rows as they were known at one moment.

    `undone` are the chunks that were not done, by number; `writer` has the columns of what was known.
    """

    stack: Stack
    job: JobRecord
    undone: Mapping[int, Chunk]
    writer: ResultsWriter

    @classmethod
    def of(cls, stack: Stack, job: JobRecord) -> Partial:
        """The rows of a job as it is now."""
        numbers = () if job.state.is_terminal else set(range(job.low, job.released)) - job.covered
        undone = {chunk.number: chunk for chunk in stack.ledger.chunks(job.id, numbers)}
        fields = job.fields.union(*(chunk.fields for chunk in undone.values()))
        return cls(stack, job, undone, results_writer(job, fields))

    @property
    def shown(self) -> Columns:
        """The columns of what was known."""
        return self.writer.shown

    @property
    def format(self) -> ResultsFormat:
        """How the results are read."""
        return format_of(self.job.results_file, len(self.shown.original), self.job.dialect.written)

    def results(self) -> Iterator[bytes]:
        """The results without the rows that have no answer yet, chunk by chunk."""
        yield self.writer.header
        for number in range(self.job.released):
            yield from self._lines(self._rows(self._chunk(number)))

    def cells(self, most_chunks: int) -> Iterator[tuple[int, list[str]]]:
        """The numbers of rows that have an answer, and their cells in the results, of the first chunks."""
        columns = numbered(self.shown.results_header)
        for number in range(min(most_chunks, self.job.released)):
            rows = self._rows(self._chunk(number))
            lines = StringIO(b"".join(self._lines(rows)).decode(), newline="")
            yield from zip(rows.numbers, self.format.cells(lines, columns), strict=True)

    def errors(self) -> Iterator[bytes]:
        """errors.csv of the rows that have an answer, chunk by chunk."""
        yield written_header(self.job, self.shown.errors_header)
        for number in range(self.job.released):
            rows = self._rows(self._chunk(number))
            lines = (
                error_line(rows.numbers[index], rows.records[index], rows.final[index], self.shown)
                for index in rows.final.failed
            )
            yield written(self.job, lines)

    def row(self, number: int) -> dict[str, Any]:
        """One row as the results have it; `RowNotFoundError` if there is none of this number, or no answer yet."""
        found = self._rows(self._chunk_of(number)).only({number})
        for row in self.format.rows(chain([self.writer.header], self._lines(found))):
            return row
        raise RowNotFoundError(f"row {number} of job {self.job.id} has no answer yet: try again later")

    def _lines(self, rows: AnsweredRows) -> Iterator[bytes]:
        for numbers, answered in final_runs(self.job, rows.final):
            records = rows.records[numbers]
            yield self.writer.lines(records, answered, find_irregular(records, len(self.shown.original)))

    def _chunk_of(self, number: int) -> Chunk:
        first, end = 0, self.job.stored
        while first < end:
            middle = (first + end) // 2
            chunk = self._chunk(middle)
            if number < chunk.first_row:
                end = middle
            elif number >= chunk.first_row + chunk.rows:
                first = middle + 1
            else:
                return chunk
        rows = self.job.rows
        known = "its file is still being read" if rows is None else f"it has {counted(rows, 'row')}, counted from 0"
        raise RowNotFoundError(f"job {self.job.id} has no row {number}: {known}")

    def _chunk(self, number: int) -> Chunk:
        return self.undone.get(number) or self.stack.ledger.chunk(self.job.id, number)

    def _rows(self, chunk: Chunk) -> AnsweredRows:
        """The rows of a chunk that are covered; of a job that has ended, all of them."""
        ledger, store = self.stack.ledger, self.stack.store
        records = read_texts(store, self.job, chunk)
        counted = effective(ledger.outcomes(self.job.id, chunk.number), chunk)
        final = final_answers(ledger, store, self.job, chunk, counted)
        missing = places_in(() if self.job.state.is_terminal else gaps(chunk.length, chunk.covered))
        rows = AnsweredRows(range(chunk.first_row, chunk.first_row + chunk.rows), records, final)
        places = enumerate(chunk.sent_as.places, start=chunk.first_row)
        return rows.only({row for row, place in places if place not in missing})
