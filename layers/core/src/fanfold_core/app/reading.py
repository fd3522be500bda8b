"""Reading an uploaded file: how it is laid out, and where it is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fanfold_core.app.blocks import open_blocks
from fanfold_core.app.rows import chunk_encoding
from fanfold_core.domain.job import REQUESTS_PER_CHUNK
from fanfold_core.input.cutting import Cut, cut
from fanfold_core.input.layout import Layout, check_decodes, detect_layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fanfold_core.app.ports import Store
    from fanfold_core.domain.job import JobRecord
    from fanfold_core.input.cutting import Limits


def read_layout(store: Store, job: JobRecord, out_of_time: Callable[[], bool]) -> Layout:
    """How the file is laid out, by its first bytes; `InputError` if it is none that the job's options describe."""
    with open_blocks(store, job, 0, out_of_time) as blocks:
        head, following = next(blocks, b""), next(blocks, b"")
    return detect_layout(
        head,
        complete=not following,
        encoding=chunk_encoding(job),
        dialect=job.options.dialect,
        header=job.options.header,
        input_column=job.options.input_column or None,
        names=job.options.input.names if job.options.input else None,
    )


def read_pieces(  # noqa: PLR0913 - what is read, from where on, and how it is cut
    store: Store, job: JobRecord, *, start: int, first_row: int, limits: Limits, out_of_time: Callable[[], bool]
) -> Iterator[Cut]:
    """The file in pieces for a chunk each, from byte `start` on, where row `first_row` begins.

    `InputError` where it cannot be read on. A chunk holds no more rows than a thousand requests take.
    """
    with open_blocks(store, job, start, out_of_time) as blocks:
        for piece in cut(
            blocks,
            start=start,
            first_row=first_row,
            dialect=job.options.dialect,
            blank_is_row=job.known_layout.blank_is_row,
            limits=limits.at_most(rows=REQUESTS_PER_CHUNK * job.options.rows_per_request),
        ):
            check_decodes(piece, chunk_encoding(job), job.options.dialect)
            yield piece
