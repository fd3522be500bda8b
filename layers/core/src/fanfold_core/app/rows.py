"""The rows of a chunk, read from the file itself, which stays the only copy of the input; and how rows are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fanfold_core.domain.errors import ChunkMismatchError
from fanfold_core.domain.keys import chunk_key
from fanfold_core.input.layout import is_byte_cuttable
from fanfold_core.input.records import Records, format_records, guarded, read_records

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fanfold_core.app.ports import Store
    from fanfold_core.domain.job import Chunk, JobRecord


def is_copied(job: JobRecord) -> bool:
    """Whether chunks are objects of their own: a compressed or transcoded file has no byte ranges."""
    return job.source.key.lower().endswith(".gz") or not is_byte_cuttable(job.options.encoding)


def chunk_encoding(job: JobRecord) -> str:
    """Encoding of a chunk's bytes; a file that cannot be cut as bytes is copied as UTF-8."""
    return job.options.encoding if is_byte_cuttable(job.options.encoding) else "utf-8"


def read_rows(store: Store, job: JobRecord, chunk: Chunk) -> list[list[str]]:
    """The chunk's rows as lists of cells, an empty line in a one-column file as `[]`.

    `ObjectGoneError` if the file is gone; `ChunkMismatchError` if there aren't as many rows as the splitter counted.
    """
    rows = rows_in(_content(store, job, chunk), job)
    _check_counted(rows, chunk)
    return rows


def read_texts(store: Store, job: JobRecord, chunk: Chunk) -> Records:
    """The chunk's rows as they stand in the file; a tenth of the work of reading their cells. Errors as above."""
    text = _content(store, job, chunk).decode(chunk_encoding(job))
    records = Records.of(text, chunk.rows, job.options.dialect, blank_is_row=job.known_layout.blank_is_row)
    _check_counted(records, chunk)
    return records


def rows_in(content: bytes, job: JobRecord) -> list[list[str]]:
    """The rows in the bytes of a chunk."""
    records = read_records(content.decode(chunk_encoding(job)), job.options.dialect)
    return [cells for cells in records if cells or job.known_layout.blank_is_row]


def written(job: JobRecord, records: Iterable[list[str]]) -> bytes:
    """Records as they stand in the files that a job writes."""
    return format_records(guarded(records) if job.options.guard_formulas else records, job.options.dialect).encode()


def _content(store: Store, job: JobRecord, chunk: Chunk) -> bytes:
    if is_copied(job):
        return store.read(chunk_key(job.first_round, chunk.number))
    with store.open(job.source, chunk.start, chunk.end) as stream:
        return stream.read()


def _check_counted(rows: Sequence[list[str]], chunk: Chunk) -> None:
    if len(rows) != chunk.rows:
        raise ChunkMismatchError(chunk.number, counted=chunk.rows, read=len(rows))
