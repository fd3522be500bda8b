"""Rows that have their final answer already, read from the ledger and the file itself while their job is at work.

A row counts as answered when its chunk says that it is covered: what is stored beyond that may change yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fanfold.errors import RowNotFoundError
from fanfold.results import numbered
from fanfold_core.app.rounds import final_answers
from fanfold_core.app.rows import read_texts, written, written_header
from fanfold_core.domain.results import Columns, RowAnswer, RowAnswers, columns, effective, error_line, result_lines
from fanfold_core.domain.spans import gaps
from fanfold_core.input.records import Records, read_records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fanfold.stacks import Stack
    from fanfold_core.domain.job import Chunk, JobRecord


@dataclass(frozen=True, slots=True)
class AnsweredRow:
    """A row's number from 0, how it stands in the file, and its final answer."""

    number: int
    text: str
    answer: RowAnswer


@dataclass(frozen=True, slots=True)
class Partial:
    """A job's rows as they were known at one moment.

    `undone` are the chunks that were not done, by number; `shown` are the columns of what was known.
    """

    stack: Stack
    job: JobRecord
    undone: Mapping[int, Chunk]
    shown: Columns

    @classmethod
    def of(cls, stack: Stack, job: JobRecord) -> Partial:
        """The rows of a job as it is now."""
        numbers = () if job.state.is_terminal else set(range(job.low, job.released)) - job.covered
        undone = {chunk.number: chunk for chunk in stack.ledger.chunks(job.id, numbers)}
        fields = job.fields.union(*(chunk.fields for chunk in undone.values()))
        return cls(stack, job, undone, columns(job.layout.columns if job.layout else (), fields))

    def results(self) -> Iterator[bytes]:
        """results.csv without the rows that have no answer yet, chunk by chunk."""
        yield written_header(self.job, self.shown.results_header)
        for number in range(self.job.released):
            yield self._lines(list(self._rows(self._chunk(number)))).encode()

    def errors(self) -> Iterator[bytes]:
        """errors.csv of the rows that have an answer, chunk by chunk."""
        yield written_header(self.job, self.shown.errors_header)
        for number in range(self.job.released):
            failed = [row for row in self._rows(self._chunk(number)) if row.answer.error]
            records = self._records(failed)
            lines = (
                error_line(row.number, cells, row.answer, self.shown)
                for row, cells in zip(failed, records, strict=True)
            )
            yield written(self.job, lines)

    def row(self, number: int) -> dict[str, str]:
        """One row as results.csv has it; `RowNotFoundError` if there is none of this number, or no answer yet."""
        for row in self._rows(self._chunk_of(number)):
            if row.number == number:
                (stands,) = read_records(self._lines([row]), self.job.dialect.written)
                return dict(zip(numbered(self.shown.results_header), stands, strict=True))
        raise RowNotFoundError(f"row {number} of job {self.job.id} has no answer yet: try again later")

    def _lines(self, rows: Sequence[AnsweredRow]) -> str:
        final = RowAnswers.of(row.answer for row in rows)
        return result_lines(self._records(rows), final, self.shown, guards=self.job.options.guard_formulas)

    def _records(self, rows: Iterable[AnsweredRow]) -> Records:
        return Records([row.text for row in rows], self.job.dialect)

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
        known = "its file is still being read" if rows is None else f"it has {rows:,} rows, counted from 0"
        raise RowNotFoundError(f"job {self.job.id} has no row {number}: {known}")

    def _chunk(self, number: int) -> Chunk:
        return self.undone.get(number) or self.stack.ledger.chunk(self.job.id, number)

    def _rows(self, chunk: Chunk) -> Iterator[AnsweredRow]:
        """The rows of a chunk that are covered; of a job that has ended, all of them."""
        ledger, store = self.stack.ledger, self.stack.store
        records = read_texts(store, self.job, chunk)
        counted = effective(ledger.outcomes(self.job.id, chunk.number), chunk)
        final = final_answers(ledger, store, self.job, chunk, counted)
        missing = () if self.job.state.is_terminal else gaps(chunk.rows, chunk.covered)
        unanswered = {row for gap in missing for row in range(gap.start, gap.end)}
        for row, (text, answer) in enumerate(zip(records.texts, final, strict=True)):
            if row not in unanswered:
                yield AnsweredRow(chunk.first_row + row, text, answer)
