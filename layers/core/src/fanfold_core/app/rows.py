"""The rows of a chunk, read from the file itself, which stays the only copy of the input; and how rows are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fanfold_core.domain.errors import ChunkMismatchError
from fanfold_core.domain.formulas import guarded
from fanfold_core.domain.keys import chunk_key
from fanfold_core.domain.layout import is_byte_cuttable
from fanfold_core.domain.records import format_records, read_records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fanfold_core.app.ports import Store
    from fanfold_core.domain.job import Chunk, Job


def is_copied(job: Job) -> bool:
    """Whether chunks are objects of their own: a compressed or transcoded file has no byte ranges."""
    return job.source.key.lower().endswith(".gz") or not is_byte_cuttable(job.options.encoding)


def chunk_encoding(job: Job) -> str:
    """Encoding of a chunk's bytes; a file that cannot be cut as bytes is copied as UTF-8."""
    return job.options.encoding if is_byte_cuttable(job.options.encoding) else "utf-8"


def read_rows(store: Store, job: Job, chunk: Chunk) -> list[list[str]]:
    """The chunk's rows as lists of cells, an empty line in a one-column file as `[]`.

    `ObjectGoneError` if the file is gone; `ChunkMismatchError` if there aren't as many rows as the splitter counted.
    """
    if is_copied(job):
        content = store.read(chunk_key(job.first_round, chunk.number))
    else:
        with store.open(job.source, chunk.start, chunk.end) as stream:
            content = stream.read()
    rows = rows_in(content, job)
    if len(rows) != chunk.rows:
        raise ChunkMismatchError(chunk.number, counted=chunk.rows, read=len(rows))
    return rows


def rows_in(content: bytes, job: Job) -> list[list[str]]:
    """The rows in the bytes of a chunk."""
    records = read_records(content.decode(chunk_encoding(job)), job.options.dialect)
    return [cells for cells in records if cells or job.known_layout.blank_is_row]


def written(job: Job, records: Iterable[list[str]]) -> bytes:
    """Records as they stand in the files that a job writes."""
    return format_records(guarded(records) if job.options.guards_formulas else records, job.options.dialect).encode()
