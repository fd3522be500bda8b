"""One job from the outside: upload a file, follow its job, fetch its results."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError

from fanfold.errors import JobNotFoundError, JobStillOpenError, UploadError
from fanfold_core.app.follow_up import FollowUp
from fanfold_core.app.retry import retry as begin_retry
from fanfold_core.domain.errors import NotEndedError, UnknownJobError
from fanfold_core.domain.job import Job, State
from fanfold_core.domain.keys import job_id, result_key
from fanfold_core.domain.spans import gaps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from fanfold.stacks import Stack
    from fanfold_core.aws.ledger import DynamoLedger

RESULT_FILES = ("results.csv", "errors.csv", "summary.json")
_CSV_NAMES = (".csv", ".csv.gz")


def submit(stack: Stack, file: Path, options: Mapping[str, str], sent: Callable[[int], None]) -> str:
    """Upload a file and answer with the id of its job. `sent` is told of bytes as they go; `UploadError` names trouble.

    The options travel as object metadata, which is ASCII: they are percent-encoded.
    """
    client = stack.session.client("s3")
    # A folder of its own, so that two people's tweets.csv don't meet.
    name = file.name if file.name.lower().endswith(_CSV_NAMES) else f"{file.name}.csv"
    key = f"{uuid4().hex[:12]}/{name}"
    metadata = {option: quote(value) for option, value in options.items()}
    try:
        client.upload_file(str(file), stack.input_bucket, key, ExtraArgs={"Metadata": metadata}, Callback=sent)
        version = client.head_object(Bucket=stack.input_bucket, Key=key).get("VersionId", "null")
    except (S3UploadFailedError, ClientError, BotoCoreError, OSError) as error:
        raise UploadError(f"{file} could not be uploaded to s3://{stack.input_bucket}/{key}: {error}") from error
    return job_id(stack.input_bucket, key, version)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: rows that have their final answer, and all rows, None while the file is still being read."""

    state: State | None
    rows_done: int
    rows: int | None


@dataclass(slots=True)
class Watch:
    """Reads a job's progress from the ledger; chunks that are done are read once."""

    ledger: DynamoLedger
    job: str
    _done: dict[int, int] = field(default_factory=dict)

    def progress(self) -> Progress:
        """How far the job is now."""
        try:
            job = self.ledger.job(self.job)
        except UnknownJobError:
            return Progress(None, 0, None)
        return Progress(job.state, self._rows_done(job), job.rows)

    def _rows_done(self, job: Job) -> int:
        rows = 0
        for chunk in self.ledger.chunks(job.id, set(range(job.released)) - self._done.keys()):
            missing = sum(gap.rows for gap in gaps(chunk.rows, chunk.covered))
            if missing:
                rows += chunk.rows - missing
            else:
                self._done[chunk.number] = chunk.rows
        return rows + sum(self._done.values())


def follow(stack: Stack, job: str, interval: float) -> Iterator[Progress]:
    """The job's progress every `interval` seconds, until it has ended."""
    watch = Watch(stack.ledger, job)
    while True:
        progress = watch.progress()
        yield progress
        if progress.state is not None and progress.state.is_terminal:
            return
        time.sleep(interval)


def cancel(stack: Stack, job: str) -> Job:
    """End a job with the rows that it has; `JobNotFoundError` if the stack knows none of this id."""
    with _known(job):
        return FollowUp(stack.ledger, stack.queues, window=0).close(job, State.CANCELLED, "cancelled")


def retry(stack: Stack, job: str) -> Job:
    """Begin the next round of an ended job, of its failed rows.

    `JobNotFoundError` if the stack knows none of this id, `JobStillOpenError` if it has not ended.
    """
    with _known(job):
        try:
            return begin_retry(job, stack.ledger, stack.queues, datetime.now(UTC))
        except NotEndedError as error:
            raise JobStillOpenError(str(error)) from error


@contextmanager
def _known(job: str) -> Iterator[None]:
    try:
        yield
    except UnknownJobError as error:
        raise JobNotFoundError(
            f"this stack knows no job {job}: `fanfold run` prints a job's id when it begins"
        ) from error


def fetch(stack: Stack, job: str, folder: Path) -> dict[str, Any]:
    """Write results.csv, errors.csv and summary.json of an ended job to the folder; answers with the summary."""
    folder.mkdir(parents=True, exist_ok=True)
    client = stack.session.client("s3")
    for name in RESULT_FILES:
        client.download_file(stack.output_bucket, result_key(job, name), str(folder / name))
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return summary
