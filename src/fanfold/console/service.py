"""What the console does with a stack, from as many windows at once as there are."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from itertools import islice
from threading import Lock
from typing import IO, TYPE_CHECKING, TypeVar

from rich.progress import Progress

from fanfold.console.preview import Preview, preview_file
from fanfold.errors import UserError
from fanfold.input.uploads import upload_stream
from fanfold.jobs import Job
from fanfold.results import find_object, read_object
from fanfold_core.domain.keys import result_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fanfold.client import Fanfold
    from fanfold.stacks import Stack
    from fanfold.status import JobStatus

V = TypeVar("V")
# Jobs in the list, and jobs that are remembered: what has ended is not asked for again.
_MOST_LISTED = 30
_MOST_KNOWN = 200


class FileGoneError(UserError):
    """A job has no such file: it is older than such files, or they have expired. Do not retry."""


class ConsoleService:
    """A stack as the console uses it.

    What boto3 makes clients with is not for several threads, so short questions wait for each other, and each upload
    and download has a client of its own.
    """

    def __init__(self, open_client: Callable[[], Fanfold]) -> None:
        """Take what opens clients; the first is opened now, and tells whether the stack can be read."""
        self._open = open_client
        self._client = open_client()
        self._lock = Lock()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._ended: OrderedDict[str, JobStatus] = OrderedDict()
        # Of jobs that have not ended.
        self._paces: defaultdict[str, RateEstimate] = defaultdict(RateEstimate)
        self.stack: Stack = self._client.stack

    def jobs(self) -> list[JobStatus]:
        """The latest jobs, the latest first."""
        with self._lock:
            listed = list(islice(self.stack.job_ids(), _MOST_LISTED))
            begun = [job_id for job_id in self._jobs if job_id not in listed and job_id not in self._ended]
            found = [self._status(job_id) for job_id in (*begun, *listed)]
        return sorted(found, key=lambda status: status.created, reverse=True)[:_MOST_LISTED]

    def status(self, job_id: str) -> JobStatus:
        """Where a job stands; `JobNotFoundError` if there is none."""
        with self._lock:
            return self._status(job_id)

    def pace(self, status: JobStatus) -> dict[str, float | None]:
        """How fast a job of this status goes, and how long it will take; nothing of one that has ended."""
        with self._lock:
            return {} if status.has_ended else self._paces[status.id].as_dict()

    def cancel(self, job_id: str) -> JobStatus:
        """End a job with the rows that it has."""
        with self._lock:
            return self._job(job_id).cancel()

    def retry(self, job_id: str) -> JobStatus:
        """Try a job's failed rows again; the status of the job that does."""
        with self._lock:
            following = self._job(job_id).retry()
            self._jobs[following.id] = following
            return following.status()

    def preview(self, name: str, head: bytes, options: Mapping[str, str], *, complete: bool) -> Preview:
        """What the job of a file that begins so will take it for."""
        return preview_file(name, head, complete=complete, parameters=self.stack.parameters, options=options)

    def submit(self, name: str, content: IO[bytes], options: Mapping[str, str]) -> JobStatus:
        """Upload a file as it comes in, which begins its job."""
        uploaded = upload_stream(self._open().stack, name, content, options)
        with self._lock:
            self._jobs[uploaded.id] = Job(self.stack, uploaded.id, uploaded)
        return uploaded

    def read(self, job_id: str, name: str, *, for_spreadsheets: bool) -> tuple[int | None, Iterator[bytes]]:
        """The size of a file of a job that has ended, if it is known, and its bytes; `FileGoneError` if it isn't there.

        `for_spreadsheets` has results.csv or errors.csv written so that no spreadsheet runs anything in it.
        """
        client = self._open()
        stack, key = client.stack, result_key(job_id, name)
        found = find_object(stack, key)
        if found is None:
            raise FileGoneError(f"job {job_id} has no {name}, or it has expired")
        if for_spreadsheets:
            job = client.job(job_id)
            return None, (job.results() if name == "results.csv" else job.errors()).for_spreadsheets()
        return found["Size"], read_object(stack, key, found)

    def _status(self, job_id: str) -> JobStatus:
        if job_id not in self._ended:
            status = self._job(job_id).status()
            if not status.has_ended:
                self._paces[status.id].look(status)
                return status
            self._paces.pop(status.id, None)
            _keep(self._ended, job_id, status)
        return self._ended[job_id]

    def _job(self, job_id: str) -> Job:
        if job_id not in self._jobs:
            _keep(self._jobs, job_id, self._client.job(job_id))
        return self._jobs[job_id]


def _keep(known: OrderedDict[str, V], job_id: str, value: V) -> None:
    known[job_id] = value
    if len(known) > _MOST_KNOWN:
        known.popitem(last=False)


class RateEstimate:
    """What the terminal's bar would say of a job, by the looks that were taken at it: the same estimate, not drawn."""

    def __init__(self) -> None:
        self._bar = Progress(disable=True)
        self._bar.add_task("", total=None)
        (self._task,) = self._bar.tasks

    def look(self, status: JobStatus) -> None:
        """Take a look; the second one that finds more rows done gives the first estimate."""
        self._bar.update(self._task.id, completed=status.done, total=status.rows)

    def as_dict(self) -> dict[str, float | None]:
        """Ready for JSON; what is not known yet is None."""
        return {"rows_per_second": self._task.speed, "seconds_left": self._task.time_remaining}
