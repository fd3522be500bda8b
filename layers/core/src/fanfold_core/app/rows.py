"""The rows of a chunk, read from the file itself, which stays the only copy of the input; and how rows are written."""

from __future__ import annotations

from codecs import BOM_UTF8
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from fanfold_core.domain.errors import ChunkMismatchError
from fanfold_core.domain.keys import chunk_key, first_round
from fanfold_core.domain.results import columns, result_lines
from fanfold_core.domain.results.json_lines import json_lines
from fanfold_core.input.records import Records, format_records
from fanfold_core.input.source import InputFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fanfold_core.app.ports import Store
    from fanfold_core.domain.job import Chunk, JobRecord
    from fanfold_core.domain.results import Columns, RowAnswers
    from fanfold_core.input.regularity import Irregular


def input_file(store: Store, job: JobRecord) -> InputFile:
    """The job's file; opening it raises `ObjectGoneError` if it is gone."""
    return InputFile(job.source.key, job.source.size, job.options, partial(store.open, job.source))


def read_rows(store: Store, job: JobRecord, chunk: Chunk) -> list[list[str]]:
    """The chunk's rows as lists of cells, an empty line in a one-column file as `[]`.

    `ObjectGoneError` if the file is gone; `ChunkMismatchError` if there aren't as many rows as the splitter counted.
    """
    file = input_file(store, job)
    content = _content(store, job, file, chunk)
    rows = file.rows(content, job.known_layout, first_row=chunk.first_row, start=chunk.start)
    _check_counted(rows, chunk)
    return rows


def read_texts(store: Store, job: JobRecord, chunk: Chunk) -> Records:
    """The chunk's rows as they stand in the file; a tenth of the work of reading their cells. Errors as above."""
    file = input_file(store, job)
    records = file.records(_content(store, job, file, chunk), chunk.rows, job.known_layout)
    _check_counted(records, chunk)
    return records


def written(job: JobRecord, records: Iterable[list[str]]) -> bytes:
    """Records as they stand in the files that a job writes."""
    return format_records(records, job.dialect.written, guards=job.options.guard_formulas).encode()


def written_header(job: JobRecord, header: list[str]) -> bytes:
    """The first line of such a file, behind a byte-order mark if it is to have one."""
    marked = job.options.bom == "yes" or (job.options.bom == "auto" and job.layout is not None and job.layout.bom)
    return (BOM_UTF8 if marked else b"") + written(job, [header])


class ResultsWriter(Protocol):
    """How the results of a job are written in one format.

    A row has at least so many `row_bytes` in addition to what stands in its cells.
    """

    @property
    def shown(self) -> Columns:
        """The columns of the job's files."""

    @property
    def header(self) -> bytes:
        """What stands before all rows."""

    def lines(self, records: Records, final: RowAnswers, irregular: Irregular) -> bytes:
        """The lines of these rows."""

    @property
    def row_bytes(self) -> int: ...  # noqa: D102

    def noted(self, irregular: Irregular) -> Irregular:
        """What of irregular rows is worth a warning."""


@dataclass(frozen=True, slots=True)
class CsvResults:
    """results.csv."""

    job: JobRecord
    shown: Columns

    @property
    def header(self) -> bytes:  # noqa: D102
        return written_header(self.job, self.shown.results_header)

    def lines(self, records: Records, final: RowAnswers, irregular: Irregular) -> bytes:  # noqa: D102
        guards = self.job.options.guard_formulas
        return result_lines(records, final, self.shown, guards=guards, irregular=irregular).encode()

    @property
    def row_bytes(self) -> int:
        """A delimiter for each column, and a line end."""
        return len(self.shown.original) + 1

    def noted(self, irregular: Irregular) -> Irregular:  # noqa: D102
        return irregular


@dataclass(frozen=True, slots=True)
class JsonLinesResults:
    """results.jsonl, which has every key of a row."""

    job: JobRecord
    shown: Columns
    header = b""
    row_bytes = 1

    def lines(self, records: Records, final: RowAnswers, irregular: Irregular) -> bytes:  # noqa: ARG002, D102
        return json_lines(records, final, self.shown).encode()

    def noted(self, irregular: Irregular) -> Irregular:  # noqa: D102
        return irregular._replace(surplus=[])


# By the option `results-format`.
_WRITERS: Mapping[str, Callable[[JobRecord, Columns], ResultsWriter]] = {
    "csv": CsvResults,
    "jsonl": JsonLinesResults,
    "parquet": JsonLinesResults,
}


def results_writer(job: JobRecord, fields: Iterable[str] = ()) -> ResultsWriter:
    """What writes the job's results, in which these fields occur."""
    shown = columns(job.layout.columns if job.layout else (), fields)
    return _WRITERS[job.options.results_format](job, shown)


def _content(store: Store, job: JobRecord, file: InputFile, chunk: Chunk) -> bytes:
    if file.is_copied:
        return store.read(chunk_key(first_round(job.id), chunk.number))
    with store.open(job.source, chunk.start, chunk.end) as stream:
        return stream.read()


def _check_counted(rows: Sequence[list[str]], chunk: Chunk) -> None:
    if len(rows) != chunk.rows:
        raise ChunkMismatchError(chunk.number, cut=chunk.rows, read=len(rows))
