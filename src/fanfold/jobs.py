"""A job from the outside: how far it is, what came of it, and what can be done with it."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import EndpointConnectionError

from fanfold.costs.cost import Cost
from fanfold.costs.hours import count_hours
from fanfold.errors import JobNotFoundError, JobStillOpenError, StackError
from fanfold.folder import HeldFolder, Owner, held
from fanfold.partial import Partial
from fanfold.results import Errors, Results, format_of, read_file
from fanfold.results.athena import AthenaTable, write_table
from fanfold.results.objects import read_object
from fanfold.status import Pace, StatusReader
from fanfold.terminal import job_bar
from fanfold_core.app.follow_up import FollowUp, Windows
from fanfold_core.app.rounds import start_retry
from fanfold_core.domain.errors import NotEndedError, UnknownJobError
from fanfold_core.domain.job import JobRecord as LedgerJob
from fanfold_core.domain.job import State
from fanfold_core.domain.keys import result_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fanfold.stacks import Stack
    from fanfold.status import JobStatus

T = TypeVar("T")
_SUMMARY = "summary.json"

# What else can be done with a job that has not ended.
_PARTIAL = ", or ask for the rows that are done (--partial, or partial=True in Python)"


class Job:
    """A job of a stack, by its id. It knows nothing by itself: each call asks the stack.

    Example:
        >>> job = fanfold.submit("tweets.csv")
        >>> job.wait().failed
        0
        >>> next(iter(job.results()))
        {'text': 'so good', 'label': 'LABEL_2', 'score': '0.9', 'error': ''}
    """

    def __init__(self, stack: Stack, job_id: str, uploaded: JobStatus | None = None, origin: str = "") -> None:
        """Take the stack and the id; of a file just uploaded, the status until the stack has begun, and its origin."""
        self.id = job_id
        self._stack = stack
        self._reader = StatusReader(stack.ledger, job_id, uploaded)
        self._summary = b""
        self._origin = origin
        self._folder: Path | None = None  # where its files were written last

    def __repr__(self) -> str:
        return f"Job({self.id!r})"

    def status(self) -> JobStatus:
        """Where the job stands now; `JobNotFoundError` if the stack knows it no more.

        Whatever is asked of a job of a local cloud that has ended is a `StackError`, but for what is in its folder.
        """
        with self._known():
            return self._reader.read()

    def follow(self, timeout: float | None = None) -> Iterator[JobStatus]:
        """Where the job stands, again and again, until it has ended.

        `JobStillOpenError` after `timeout` seconds, while the job itself goes on.
        """
        pace = Pace(self.id, timeout)
        while True:
            status = self.status()
            yield status
            if status.has_ended:
                return
            time.sleep(pace.pause())

    def wait(self, timeout: float | None = None) -> JobStatus:
        """Wait until the job has ended, with a progress bar on a terminal and a line now and then elsewhere.

        Answers with its final status; `JobStillOpenError` after `timeout` seconds, while the job itself goes on.
        """
        with job_bar() as show:
            for status in self.follow(timeout):
                show(status)
        return status

    def results(self, *, partial: bool = False) -> Results:
        """The rows with their predictions; with `partial`, those that have their final answer already.

        `JobStillOpenError` if the job has not ended, unless `partial`.
        """
        return self._or_of_folder(lambda: self._results(partial=partial), Results.of_folder)

    def _results(self, *, partial: bool) -> Results:
        job = self._ledger_job()
        if not job.state.is_terminal:
            if not partial:
                raise JobStillOpenError(self.id, or_else=_PARTIAL)
            rows = Partial.of(self._stack, job)
            return Results(self._asked(rows.results), rows.format, job.dialect.written)
        own = len(job.layout.columns) if job.layout else 0
        found = format_of(job.results_file, own, job.dialect.written)
        return Results(lambda: self._file(job.results_file), found, job.dialect.written)

    def row(self, number: int) -> dict[str, Any]:
        """One row as `results` gives it, by its number from 0, also while the job is at work.

        `RowNotFoundError` if there is none, or it has no answer yet.
        """
        job = self._ledger_job()
        with self._known():
            return Partial.of(self._stack, job).row(number)

    def errors(self, *, partial: bool = False) -> Errors:
        """The rows without a prediction; with `partial`, those that are known already.

        `JobStillOpenError` if the job has not ended, unless `partial`.
        """
        return self._or_of_folder(lambda: self._errors(partial=partial), Errors.of_folder)

    def _errors(self, *, partial: bool) -> Errors:
        job = self._ledger_job()
        if job.state.is_terminal:
            return Errors(lambda: self._file("errors.csv"), job.dialect.written)
        if not partial:
            raise JobStillOpenError(self.id, or_else=_PARTIAL)
        return Errors(self._asked(Partial.of(self._stack, job).errors), job.dialect.written)

    def summary(self) -> dict[str, Any]:
        """What summary.json says of a job that has ended; `JobStillOpenError` if it has not."""
        if not self._summary:
            # It is the same from then on: cost and details are read from it, too.
            self._summary = self._or_of_folder(self._read_summary, lambda folder: (folder / _SUMMARY).read_bytes())
        found: dict[str, Any] = json.loads(self._summary)
        return found

    def _read_summary(self) -> bytes:
        self._ended()
        return b"".join(self._file(_SUMMARY))

    def cost(self) -> Cost | None:
        """What a job that has ended cost, estimated; None if a version ended it that did not say.

        `JobStillOpenError` if it has not ended.
        """
        summary = self.summary()
        cost = Cost.of(summary, self._stack.parameters, is_local=self._stack.is_local)
        if cost is None or cost.instance is None:
            return cost
        began, ended = (datetime.fromisoformat(summary[name]) for name in ("created", "ended"))
        hours, unknown = count_hours(self._stack, began, ended, datetime.now(UTC))
        return replace(cost, instance_hours=hours, hours_unknown=unknown)

    def download(self, folder: Path | str, *, replace: bool = False) -> list[Path]:
        """Write the files of a job that has ended to a folder, which is made if need be.

        They replace those that a job of the same file (by its path or content) has left there, unless it had more rows;
        those, and what else stands in their place, only with `replace`.

        `JobStillOpenError` if the job has not ended; `DownloadError` if something else is there, there are no files, or
        they cannot be written.
        """
        job = self._ended()
        # A job that failed may have had more rows, or none.
        owner = Owner.of_job(job, self._origin, self.summary()["rows"] if job.rows is None else None)
        with held(Path(folder), owner, replace=replace) as target:
            return self.write_files(target)

    def write_files(self, target: HeldFolder) -> list[Path]:
        """Write the files of a job that has ended to a folder that is held already; errors are those of `download`."""
        job = self._ended()
        with self._known():
            written = target.receive(self._stack, job)
        self._folder = target.path
        return written

    def to_athena(self, location: str) -> AthenaTable:
        """Write the results to a folder in S3 (`s3://bucket/folder/`) which is a table in Athena, a file for each job.

        Answers with the file, and the statement that creates the table; a retry replaces the file of its job.

        `JobStillOpenError` if the job has not ended; `DownloadError` if the folder can be no table, or the results fit
        none; `PackageMissingError` without pyarrow.
        """
        return write_table(self.results(), self._stack, self.id, location)

    def cancel(self) -> JobStatus:
        """End the job with the rows that it has, unless it has ended: the others say "cancelled"."""
        with self._known():
            windows = Windows(self._stack.ledger, 1, lambda: datetime.now(UTC))
            FollowUp(self._stack.ledger, self._stack.queues, windows).close(self.id, State.CANCELLED, "cancelled")
        return self.status()

    def retry(self) -> Job:
        """Try the failed rows again, in a job that has all rows.

        `JobStillOpenError` if this one has not ended, `NothingToRetryError` if that cannot help.
        """
        self.status().check_retry()
        with self._known():
            try:
                following = start_retry(self.id, self._stack.ledger, self._stack.queues, datetime.now(UTC))
            except NotEndedError as error:
                stop = f", or stop it (`fanfold cancel {self.id}`, or cancel() in Python)"
                raise JobStillOpenError(self.id, or_else=stop) from error
        return Job(self._stack, following.id, origin=self._origin)

    def _file(self, name: str) -> Iterator[bytes]:
        sent = 0
        try:
            for block in self._asked(lambda: read_object(self._stack, result_key(self.id, name)))():
                sent += len(block)
                yield block
        except StackError:
            if (folder := self._kept_in) is None:
                raise
            yield from read_file(folder / name, sent)  # the same bytes

    def _or_of_folder(self, ask: Callable[[], T], read: Callable[[Path], T]) -> T:
        """What the stack has, or, if it was a local cloud that has ended, the folder to which it was written."""
        try:
            return ask()
        except StackError:
            if (folder := self._kept_in) is None:
                raise
            return read(folder)

    @property
    def _kept_in(self) -> Path | None:
        """The folder to which the job's files were written, unless they are another job's by now."""
        return self._folder if self._folder and Owner.of(self._folder).job == self.id else None

    def _asked(self, blocks: Callable[[], Iterator[bytes]]) -> Callable[[], Iterator[bytes]]:
        """The same bytes, with the errors of `_known` as they are read."""

        def asked() -> Iterator[bytes]:
            with self._known():
                yield from blocks()

        return asked

    def _ended(self) -> LedgerJob:
        if not (job := self._ledger_job()).state.is_terminal:
            raise JobStillOpenError(self.id)
        return job

    def _ledger_job(self) -> LedgerJob:
        with self._known():
            return self._stack.ledger.job(self.id)

    @contextmanager
    def _known(self) -> Iterator[None]:
        try:
            yield
        except UnknownJobError as error:
            raise JobNotFoundError(f"this stack has no job {self.id}: `fanfold jobs` lists all jobs") from error
        except EndpointConnectionError as error:
            if not self._stack.is_local:
                raise
            raise StackError(f"the local cloud of job {self.id} has ended: {self._what_is_left}") from error

    @property
    def _what_is_left(self) -> str:
        """Of a job whose cloud has ended."""
        if folder := self._kept_in:
            return f"its files are in {folder}, read them with Results.of_folder({str(folder)!r})"
        return (
            "its files are gone, unless you have written them to a folder (`job.download(FOLDER)`, or `fanfold run`), "
            "which Results.of_folder(FOLDER) reads"
        )
