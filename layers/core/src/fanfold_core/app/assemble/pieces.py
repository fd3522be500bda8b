"""The lines of a part's rows, written and uploaded: as a whole, or piece by piece.

Results may be a thousand times as large as their texts: embeddings are. A function has minutes to write them, and S3
takes 5 GiB at once. So what has come to `_PIECE_BYTES` at the end of a chunk is uploaded, and a message asks for the
rest of the part.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import file_digest
from os import SEEK_END
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING

from fanfold_core.app.rounds import final_answers, final_runs
from fanfold_core.app.rows import read_texts, results_writer, written
from fanfold_core.domain.answers import NOT_FLAT
from fanfold_core.domain.chat import TOKENS
from fanfold_core.domain.counting import (
    of_irregular,
    of_requests,
    of_rows,
    of_tokens,
    of_true_labels,
    of_unpredicted,
)
from fanfold_core.domain.errors import JobError, PieceChangedError
from fanfold_core.domain.keys import RESULT_FILES, errors_key, rest_key, result_key
from fanfold_core.domain.parts import Built, Part, Totals
from fanfold_core.domain.results import effective, error_line, requests
from fanfold_core.domain.results.json_lines import kinds_of
from fanfold_core.input.records import Records
from fanfold_core.input.regularity import find_irregular

if TYPE_CHECKING:
    from typing import IO

    from fanfold_core.app.ports import Ledger, Store
    from fanfold_core.app.rows import ResultsWriter
    from fanfold_core.domain.job import Chunk, JobRecord

# What is larger than this waits on disk, not in memory, for its upload.
_IN_MEMORY = 16 * 1024 * 1024
_PIECE_BYTES = 256 * 1024 * 1024
# S3 takes so many parts of an upload.
_MOST_UPLOADED = 10_000


def most_pieces(parts: int) -> int:
    """In how many pieces each of so many parts may be uploaded."""
    return _MOST_UPLOADED // parts


@dataclass(frozen=True)
class PieceWriter:
    """Writes a part, or the next piece of what is left of it."""

    ledger: Ledger
    store: Store
    job: JobRecord
    part: Part

    def write(self) -> Part | None:
        """Write and upload it; answers with what is left of the part."""
        job, part = self.job, self.part
        with SpooledTemporaryFile(_IN_MEMORY) as results, SpooledTemporaryFile(_IN_MEMORY) as errors:
            totals, end = self._write_lines(results, errors)
            rest = part.after(end)
            results.seek(0)
            digest = file_digest(results, "sha256").hexdigest() if rest or part.pieces else ""
            # Before it is uploaded: of two who come to different ends, only one may have its piece there.
            if self.ledger.add_built(job, Built(part.piece, part.first, totals, digest)).digest != digest:
                raise PieceChangedError(part.number, part.pieces)
            if rest:
                self._cut_end(results, rest)
            results.seek(0)
            key, kind = result_key(job.id, job.results_file), RESULT_FILES[job.results_file]
            if job.upload_id:
                self.store.upload_part(key, job.upload_id, part.piece.upload_number(job.pieces), results)
            else:
                self.store.write(key, results, kind)
            if totals.failed:
                errors.seek(0)
                self.store.write(errors_key(job.id, part.piece), errors, RESULT_FILES["errors.csv"])
        return rest

    def _cut_end(self, results: IO[bytes], rest: Part) -> None:
        """Leave some bytes to the next piece: few may come after them, and S3 takes no small part but the last."""
        start = results.seek(-self.job.part_bytes, SEEK_END)
        self.store.write(rest_key(self.job.id, rest.piece), results.read(), "application/octet-stream")
        results.truncate(start)

    def _write_lines(self, results: IO[bytes], errors: IO[bytes]) -> tuple[Totals, int]:
        """Write the lines of as many chunks as a piece has; what they came to, and the chunk after them."""
        job, part = self.job, self.part
        if part.pieces:
            results.write(self.store.read(rest_key(job.id, part.piece)))
        elif not part.number:
            results.write(self._writer.header)
        # Both this piece and what is left for the next are as large as S3 wants them.
        enough = max(_PIECE_BYTES, job.part_bytes) + job.part_bytes
        totals, weighed = Totals(), self.ledger.chunk(job.id, part.first - 1).part_weight if part.pieces else 0
        for number in range(part.first, part.end):
            chunk = self.ledger.chunk(job.id, number)
            totals += self._write_chunk(chunk, chunk.part_weight - weighed, results, errors)
            weighed = chunk.part_weight
            if part.pieces + 1 < job.pieces and results.tell() >= enough:
                return totals, number + 1
        return totals, part.end

    def _write_chunk(self, chunk: Chunk, weight: int, results: IO[bytes], errors: IO[bytes]) -> Totals:
        job, shown = self.job, self._writer.shown
        # Of several columns that an expression asks for, none is the input.
        input_index = job.layout.input_index if job.layout and not job.options.input else None
        # Those of a whole response are in no field of their own. Most models count none.
        has_tokens = not job.fields.isdisjoint({NOT_FLAT, *TOKENS})
        outcomes = list(self.ledger.outcomes(job.id, chunk.number))
        rows = self._rows(chunk, weight)
        counted = list(effective(outcomes, chunk))
        final = final_answers(self.ledger, self.store, job, chunk, counted)
        statistics = of_requests(job.created, chunk, counted, outcomes) + of_unpredicted(chunk, counted, final)
        for numbers, answered in final_runs(job, final):
            run, first_row = rows[numbers], chunk.first_row + numbers.start
            irregular = find_irregular(run, len(shown.original))
            results.write(self._writer.lines(run, answered, irregular))
            failed = (
                error_line(first_row + number, run[number], answered[number], shown) for number in answered.failed
            )
            errors.write(written(job, failed))
            statistics += of_rows(first_row, run, input_index, answered)
            if has_tokens:
                statistics += of_tokens(chunk, numbers, answered)
            if job.layout and job.layout.label_index is not None:
                statistics += of_true_labels(first_row, run, input_index, job.layout.label_index, answered)
            if job.options.has_table:
                statistics += kinds_of(run, answered, shown)
            statistics += of_irregular(first_row, self._writer.noted(irregular), shown.original, answered)
        failures, sent = len(final.failed), sum(requests(outcomes).values())
        return Totals(len(rows), len(rows) - failures, failures, sent, statistics)

    @cached_property
    def _writer(self) -> ResultsWriter:
        return results_writer(self.job, self.job.fields)

    def _rows(self, chunk: Chunk, weight: int) -> Records:
        """The chunk's rows; empty ones, and the job a failure, if the file is gone: what is predicted is kept.

        Of several parts, each has to be as large for S3 as it was weighed: there, inputs are blanks.
        """
        job, is_all = self.job, not self.part.number and self.part.end == self.job.stored
        try:
            return read_texts(self.store, job, chunk)
        except JobError as error:
            self.ledger.fail_closing(job.id, str(error))
            dialect = job.dialect
            columns, index = job.known_layout.columns, job.known_layout.input_index
            blank = "" if is_all else " " * (weight // chunk.rows + 1)
            empty = dialect.delimiter * index + blank + dialect.delimiter * (len(columns) - 1 - index)
            return Records([empty] * chunk.rows, dialect, [{columns[index]: blank} if blank else {}] * chunk.rows)
