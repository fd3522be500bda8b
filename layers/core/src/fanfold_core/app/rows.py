"""The rows of a chunk, read from the file itself, which stays the only copy of the input; and how rows are written."""

from __future__ import annotations

from codecs import BOM_UTF8
from functools import partial
from typing import TYPE_CHECKING

from fanfold_core.domain.errors import ChunkMismatchError
from fanfold_core.domain.keys import chunk_key
from fanfold_core.input.records import Records, format_records
from fanfold_core.input.source import InputFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fanfold_core.app.ports import Store
    from fanfold_core.domain.job import Chunk, JobRecord


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


def _content(store: Store, job: JobRecord, file: InputFile, chunk: Chunk) -> bytes:
    if file.is_copied:
        return store.read(chunk_key(job.first_round, chunk.number))
    with store.open(job.source, chunk.start, chunk.end) as stream:
        return stream.read()


def _check_counted(rows: Sequence[list[str]], chunk: Chunk) -> None:
    if len(rows) != chunk.rows:
        raise ChunkMismatchError(chunk.number, counted=chunk.rows, read=len(rows))
