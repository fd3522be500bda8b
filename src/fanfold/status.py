"""Where a job stands: `JobStatus`, how it is read from the ledger without reading what was read before, and when."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import reduce
from math import inf
from operator import add
from threading import Lock
from typing import TYPE_CHECKING, Any

from fanfold.errors import JobNotFoundError, JobStillOpenError, NothingToRetryError
from fanfold_core.app.rounds import Ending
from fanfold_core.domain.errors import UnknownJobError
from fanfold_core.domain.job import Chunk, JobRecord, State
from fanfold_core.domain.keys import name_of
from fanfold_core.domain.parts import Totals

if TYPE_CHECKING:
    from fanfold_core.aws.ledger import DynamoLedger

# Chunks that are done and that one status reads at most, to count their failed rows.
_MOST_CHUNKS_READ = 200


# Seconds between two looks at the ledger: more often while a job is young, since most are short.
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_SHARE_OF_ELAPSED = 0.05


class JobState(StrEnum):
    """Where a job stands. UPLOADED: its file is there, and the stack has not begun with it."""

    UPLOADED = "UPLOADED"
    RUNNING = "RUNNING"
    CLOSING = "CLOSING"
    SUCCEEDED = "SUCCEEDED"
    COMPLETED_WITH_ERRORS = "COMPLETED_WITH_ERRORS"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended, and its files are final."""
        return self is not JobState.UPLOADED and State(self).is_terminal


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job at one moment.

    `rows` are all rows of the file, None while it is still being read; `done` of them have their final answer, which is
    a prediction for `predicted` and an error for `failed` of them. Those two are None where counting them would take
    long: in a job of several million rows that is at work, and whose count was not followed from the start. `requests`
    were sent; known when the job has ended. From then on, rows that were `not_answered` count as failed, but not as
    done, and `invalid` are failed rows that cannot be sent as they stand in the file. `reason` says why it failed or
    was cancelled. `input` is the file's `s3://` address, `retry_of` the job whose failed rows this one tries again. The
    file was `submitted_by` this principal of AWS, None if nobody knows it or the cloud is local; `submitter` is what
    people call it. Times are in UTC.

    `assumed` says in sentences what was taken for granted of the file, since nobody said it, `warnings` what
    may be wrong with that.

    `trouble` is what last went wrong with a request or a message of the job, at `trouble_at`; both are tried again.
    Empty and None if nothing did, or the job has ended.
    """

    id: str
    state: JobState
    reason: str
    rows: int | None
    done: int
    predicted: int | None
    failed: int | None
    requests: int | None
    created: datetime
    ended: datetime | None
    input: str
    retry_of: str | None
    model: str
    revision: str
    endpoint: str
    assumed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    trouble: str = ""
    trouble_at: datetime | None = None
    not_answered: int | None = None
    invalid: int | None = None
    submitted_by: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing of this will change any more."""
        return self.state.is_terminal

    @property
    def is_retryable(self) -> bool:
        """Whether a retry of a job that has ended may come to something else."""
        return self.has_ended and self._ending.is_retryable

    @property
    def advice(self) -> str:
        """What helps a job that has ended without a prediction for each row, in sentences."""
        return self._ending.advice if self.has_ended else ""

    def check_retry(self) -> None:
        """See that a retry may come to something else than the job did, or raise `NothingToRetryError`."""
        if self.has_ended and not self.is_retryable:
            why = self.advice or self.reason or "every row has a prediction"
            raise NothingToRetryError(f"job {self.id} has nothing to retry: {why}")

    @property
    def _ending(self) -> Ending:
        return Ending(self.state, self.key, self.failed or 0, self.invalid or 0, self.not_answered or 0)

    @property
    def key(self) -> str:
        """The key of the file in the input bucket."""
        return self.input.split("/", 3)[3]

    @property
    def submitter(self) -> str | None:
        """Who has submitted the file, as people know them: by the name of their session, where they have one."""
        return name_of(self.submitted_by)

    def as_dict(self) -> dict[str, Any]:
        """The same, ready for JSON: times as ISO 8601."""
        found = asdict(self)
        times = {name: value.isoformat() for name, value in found.items() if isinstance(value, datetime)}
        return found | {"state": self.state.value} | times


class Pace:
    """When to look at a job again, and until when."""

    def __init__(self, job_id: str, timeout: float | None) -> None:
        self._job_id, self._timeout = job_id, timeout
        self._began = time.monotonic()

    def pause(self) -> float:
        """Seconds until the next look; `JobStillOpenError` if there is to be none, since the time is up."""
        elapsed = time.monotonic() - self._began
        left = inf if self._timeout is None else self._timeout - elapsed
        if left <= 0:
            raise JobStillOpenError(self._job_id, f" after {self._timeout:g} s")
        return min(max(_SHORTEST_PAUSE, elapsed * _SHARE_OF_ELAPSED), _LONGEST_PAUSE, left)


@dataclass(slots=True)
class StatusReader:
    """Reads where a job stands, for one thread at a time. `uploaded` is its status until the ledger knows it."""

    ledger: DynamoLedger
    job_id: str
    uploaded: JobStatus | None = None
    # Failed rows of chunks that are done, by number: read once.
    _failed: dict[int, int] = field(default_factory=dict)
    _reading: Lock = field(default_factory=Lock)

    def read(self) -> JobStatus:
        """The job as it is now; `JobNotFoundError` if there is none."""
        with self._reading:
            return self._read()

    def _read(self) -> JobStatus:
        try:
            job = self.ledger.job(self.job_id)
        except UnknownJobError as error:
            if self.uploaded is None:
                raise JobNotFoundError(f"this stack has no job {self.job_id}: `fanfold jobs` lists all jobs") from error
            return self.uploaded
        self.uploaded = None
        if job.state.is_terminal:
            return self._ended(job)
        first_open = _first_open(job)
        chunks = list(self.ledger.chunks(job.id, range(first_open, job.released)))
        done = self._rows_before(job, first_open) + sum(chunk.rows_in(chunk.covered) for chunk in chunks)
        status = _status(job, job.rows, done, self._count_failed(job, first_open, chunks), requests=None)
        return _with_trouble(status, job)

    def _ended(self, job: JobRecord) -> JobStatus:
        totals = reduce(add, (built.totals for built in self.ledger.built(job.id)), Totals())
        told = totals.statistics
        status = _status(job, totals.rows, totals.rows, totals.failed, totals.requests)
        return replace(
            status,
            done=totals.rows - told.unanswered,
            not_answered=told.unanswered,
            invalid=told.invalid,
            warnings=(*status.warnings, *told.warnings()),
        )

    def _rows_before(self, job: JobRecord, chunk: int) -> int:
        """Rows of the chunks before this one, all of which are done."""
        if not chunk:
            return 0
        last = self.ledger.chunk(job.id, chunk - 1)
        return last.first_row + last.rows

    def _count_failed(self, job: JobRecord, first_open: int, chunks: list[Chunk]) -> int | None:
        """Failed rows so far, None if that would take too long. From `first_open` on, these are the chunks."""
        unread = set(range(first_open)) - self._failed.keys()
        if len(unread) > _MOST_CHUNKS_READ:
            return None
        self._failed |= {chunk.number: _failed_rows(chunk) for chunk in self.ledger.chunks(job.id, unread)}
        self._failed |= {chunk.number: _failed_rows(chunk) for chunk in chunks if chunk.is_done}
        return sum(self._failed.values()) + sum(_failed_rows(chunk) for chunk in chunks if not chunk.is_done)


def _first_open(job: JobRecord) -> int:
    """The first chunk that isn't done."""
    number = job.low
    while number in job.covered:
        number += 1
    return number


def _failed_rows(chunk: Chunk) -> int:
    """How many rows have ended in an error, and have no prediction from another request."""
    return chunk.rows_in(chunk.covered) - chunk.rows_in(chunk.predicted)


def _with_trouble(status: JobStatus, job: JobRecord) -> JobStatus:
    trouble = job.trouble
    if not trouble.words or job.answered >= trouble.at:
        return status
    return replace(status, trouble=trouble.words, trouble_at=datetime.fromtimestamp(trouble.at, UTC))


def _status(job: JobRecord, rows: int | None, done: int, failed: int | None, requests: int | None) -> JobStatus:
    return JobStatus(
        id=job.id,
        state=JobState(job.state.value),
        reason=job.reason,
        rows=rows,
        done=done,
        predicted=None if failed is None else done - failed,
        failed=failed,
        requests=requests,
        created=job.created,
        ended=job.ended,
        input=job.source.address,
        retry_of=job.parent,
        model=job.model.model,
        revision=job.model.revision,
        endpoint=job.model.endpoint,
        assumed=job.layout.assumed if job.layout else (),
        warnings=job.layout.warnings if job.layout else (),
        submitted_by=job.submitted_by,
    )
