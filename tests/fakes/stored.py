"""What the ledger in memory keeps of the values that it is handed, and how much of it."""

from collections.abc import Iterable
from typing import Any

from tests.fakes.errors import RefusedError

from fanfold_core.domain.job import Chunk, JobRecord, State
from fanfold_core.domain.outcomes import Prediction
from fanfold_core.domain.results import SpanOutcome

# What an item takes.
_ITEM_BYTES = 400 * 1024


def job_as_stored(job: JobRecord) -> JobRecord:
    """A job as it is created."""
    return JobRecord(
        id=job.id,
        source=job.source,
        options=job.options,
        model=job.model,
        created=job.created,
        expires=job.expires,
        part_bytes=job.part_bytes,
        state=job.state,
        reason=job.reason,
        layout=job.layout,
        fields=job.fields,
        parent=job.parent,
        touched=int(job.created.timestamp()),
        nonce=job.nonce,
        mismatches=job.mismatches,
        submitted_by=job.submitted_by,
    )


def as_stored(chunk: Chunk) -> Chunk:
    """Covered is only what an earlier round has predicted."""
    return Chunk(
        **{name: getattr(chunk, name) for name in ("number", "start", "end", "first_row", "rows", "sent")},
        **{name: getattr(chunk, name) for name in ("part", "part_first", "part_weight", "inherited", "order")},
        predicted=chunk.inherited,
    )


def predicted(prediction: Prediction) -> SpanOutcome:
    """A span that has its results, or the place where they are."""
    results, request = prediction.predictions.results, prediction.id
    return SpanOutcome(
        request.span,
        results if prediction.location is None else None,
        None,
        request.attempt if prediction.predictions.is_whole else 0,
        location=prediction.location,
        timing=prediction.timing,
    )


def check_size(*growing: Iterable[Any]) -> None:
    """Of an item, only its texts and sets grow."""
    if sum(len(str(member).encode()) for members in growing for member in members) > _ITEM_BYTES:
        raise RefusedError("Item size to update has exceeded the maximum allowed size")


def is_running(job: JobRecord) -> bool:
    """Whether the job takes new chunks, and may still be closed."""
    return job.state is State.RUNNING


def is_open(chunk: Chunk) -> bool:
    """Whether the chunk takes further answers."""
    return not chunk.frozen
