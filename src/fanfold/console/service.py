"""What the console does with a stack, from as many windows at once as there are."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from threading import Lock
from typing import IO, TYPE_CHECKING, TypeVar

from rich.progress import Progress

from fanfold.console.preview import Forecast, Preview, forecast, preview_file
from fanfold.console.rows import Page, Wanted, read_answered, read_page
from fanfold.costs.hours import TOO_EARLY, may_be_counted
from fanfold.costs.outlook import speed_of
from fanfold.errors import DownloadError
from fanfold.input.uploads import upload_stream
from fanfold.jobs import Job
from fanfold.results import Errors, Results, results_file
from fanfold.results.objects import find_object, read_object, table_sizes
from fanfold_core.domain.keys import file_name, name_of, result_key, table_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fanfold.client import Fanfold
    from fanfold.stacks import ListedJob, Stack
    from fanfold.status import JobStatus

V = TypeVar("V")
# Jobs that are remembered: what has ended is not asked for again.
_MOST_KNOWN = 1_000
_MOST_LOOKED_UP = 3


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a job came to, as its summary says it: what older versions did not say is None.

    It has cost `dollars` at least; None on a local cloud, too. `instance_hours` are in these where CloudWatch has
    counted them; `is_early` if it may yet do so. The files of its table, if it has one, are `tables`, with their sizes.
    """

    dollars: float | None = None
    instance_hours: float | None = None
    is_early: bool = False
    not_answered: int | None = None
    labels: dict[str, int] | None = None
    details: str | None = None
    departure: dict[str, str] | None = None
    warnings: list[str] | None = None
    results_file: str = "results.csv"
    tables: dict[str, int] | None = None


_UNKNOWN = Conclusion()


class ConsoleService:
    """A stack as the console uses it.

    What is remembered is not for several threads, so short questions wait for each other; uploads and downloads don't.
    """

    def __init__(self, client: Fanfold) -> None:
        """Take the client of a stack, which is looked up now: `StackError` if it can't be read."""
        self._client = client
        self._lock = Lock()
        # One page of rows is read at a time, however many are asked for.
        self._reading = Lock()
        # Of the endpoint in jobs that have ended, by when they began.
        self._speeds: dict[datetime, float] = {}
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._ended: OrderedDict[str, JobStatus] = OrderedDict()
        self._conclusions: OrderedDict[str, Conclusion] = OrderedDict()
        self._submitters: OrderedDict[str, str] = OrderedDict()
        # Of this console's own: the list may not have them yet.
        self._begun: OrderedDict[str, None] = OrderedDict()
        # Of jobs that have not ended.
        self._paces: defaultdict[str, RateEstimate] = defaultdict(RateEstimate)
        self.stack: Stack = client.stack

    def jobs(self, most: int, search: str) -> tuple[list[JobStatus], bool]:
        """The latest jobs called so, the latest first, and whether there are more.

        They are called by their file, id or state, and the latest thousand by who submitted them.
        """
        with self._lock:
            known = self._called(search.casefold()) if search else self.stack.latest_jobs()
            listed = [job.id for job in islice(known, most + 1)]
            for job_id in listed:
                if job_id not in self._jobs:  # it need not be looked for
                    _keep(self._jobs, job_id, Job(self.stack, job_id))
            begun = [job_id for job_id in self._begun if job_id not in listed] if not search else []
            found = [self._status(job_id) for job_id in (*begun, *listed[:most])]
        return sorted(found, key=lambda status: status.created, reverse=True)[:most], len(listed) > most

    def status(self, job_id: str) -> JobStatus:
        """Where a job stands; `JobNotFoundError` if there is none."""
        with self._lock:
            return self._status(job_id)

    def pace(self, status: JobStatus) -> dict[str, float | None]:
        """How fast a job of this status goes, and how long it will take; nothing of one that has ended."""
        with self._lock:
            return {} if status.has_ended else self._paces[status.id].as_dict()

    def conclusion(self, status: JobStatus) -> Conclusion:
        """What a job of this status came to; nothing of one that is at work, or whose summary has expired."""
        with self._lock:
            return self._conclusion(status) if status.has_ended else _UNKNOWN

    def conclusions(self, listed: Iterable[JobStatus]) -> dict[str, Conclusion]:
        """What jobs of the list came to, by their ids: those that have ended, as far as it is known by now.

        A few more are looked up each time, since the list is asked for again and again and waits for nothing: first
        those of which nothing is known.
        """
        ended = [status for status in listed if status.has_ended]
        unknown = [status for status in ended if not self._is_concluded(status)]
        unknown.sort(key=lambda status: status.id in self._conclusions)
        for status in unknown[:_MOST_LOOKED_UP]:
            self.conclusion(status)
        return {status.id: self._conclusions.get(status.id, _UNKNOWN) for status in ended}

    def rows(self, job_id: str, wanted: Wanted) -> Page:
        """A page of the results of a job; `DownloadError` if there are none any more.

        While the job is at work, it is the first rows that have an answer, whatever is wanted.
        """
        with self._reading:
            job = self.stack.ledger.job(job_id)
            page = read_page(self.stack, job, wanted) if job.state.is_terminal else read_answered(self.stack, job)
        if page is None:
            raise DownloadError(f"job {job_id} has no results, or they have expired")
        return page

    def cancel(self, job_id: str) -> JobStatus:
        """End a job with the rows that it has."""
        with self._lock:
            return self._job(job_id).cancel()

    def retry(self, job_id: str) -> JobStatus:
        """Try a job's failed rows again; the status of the job that does."""
        with self._lock:
            following = self._job(job_id).retry()
            self._begin(following)
            return following.status()

    def preview(self, name: str, head: bytes, size: int, options: Mapping[str, str]) -> tuple[Preview, Forecast | None]:
        """What the job of a file of this size that begins so will take it for, and what it will cost."""
        parameters = self.stack.parameters
        seen = preview_file(name, head, complete=size <= len(head), parameters=parameters, options=options)
        with self._lock:
            speed = self._speeds[max(self._speeds)] if self._speeds else None
        return seen, forecast(seen, size, self.stack, options, speed)

    def submit(self, name: str, content: IO[bytes], options: Mapping[str, str]) -> JobStatus:
        """Upload a file as it comes in, which begins its job."""
        uploaded = upload_stream(self.stack, name, content, options)
        with self._lock:
            self._begin(Job(self.stack, uploaded.id, uploaded))
        return uploaded

    def read(self, job_id: str, name: str, *, for_spreadsheets: bool) -> tuple[int | None, Iterator[bytes]]:
        """The size of a file of a job that has ended, if it is known, and its bytes; `DownloadError` if it isn't there.

        `for_spreadsheets` has the results or errors.csv as a CSV written so that no spreadsheet runs anything in it.
        """
        rows: Results | Errors | None = None
        if for_spreadsheets:
            job = self._client.job(job_id)
            rows = job.results() if name == "results.csv" else job.errors()
            name = rows.file_name
        key = result_key(job_id, name)
        found = find_object(self.stack, key)
        if found is None:
            raise DownloadError(f"job {job_id} has no {name}, or it has expired")
        return (None, rows.for_spreadsheets()) if rows else (found["Size"], read_object(self.stack, key, found))

    def _called(self, wanted: str) -> Iterator[ListedJob]:
        """Those of the latest jobs that are called so."""
        latest = list(self.stack.latest_jobs())
        # The list doesn't have it, and it never changes.
        unread = [job.id for job in latest[:_MOST_KNOWN] if job.id not in self._submitters]
        for job_id, principal in self.stack.ledger.submitters(unread).items():
            _keep(self._submitters, job_id, name_of(principal) or "")
        for job in latest:
            names = (file_name(job.key), job.id, job.state.replace("_", " "), self._submitters.get(job.id, ""))
            if any(wanted in name.casefold() for name in names):
                yield job

    def _begin(self, job: Job) -> None:
        _keep(self._jobs, job.id, job)
        _keep(self._begun, job.id, None)

    def _conclusion(self, status: JobStatus) -> Conclusion:
        if not self._is_concluded(status):
            _keep(self._conclusions, status.id, self._conclude(status))
        return self._conclusions[status.id]

    def _is_concluded(self, status: JobStatus) -> bool:
        if (known := self._conclusions.get(status.id)) is None:
            return False
        # Before CloudWatch may have counted, it would be told the same again.
        return not (known.is_early and status.ended and may_be_counted(status.ended, datetime.now(UTC)))

    def _conclude(self, status: JobStatus) -> Conclusion:
        try:
            job = self._job(status.id)
            summary, cost = job.summary(), job.cost()
            tables = self._tables(status.id) if summary.get("parquet") else None
        except DownloadError:
            return _UNKNOWN
        if speed := speed_of(summary):
            self._speeds[status.created] = speed
        dollars = None if cost is None or cost.is_local else cost.services + (cost.counted or cost.instance or 0)
        hours, is_early = (None, False) if cost is None else (cost.instance_hours, cost.hours_unknown == TOO_EARLY)
        told = {name: summary.get(name) for name in ("not_answered", "labels", "details", "departure", "warnings")}
        return Conclusion(dollars, hours, is_early, results_file=results_file(summary), tables=tables, **told)

    def _tables(self, job_id: str) -> dict[str, int]:
        sizes = table_sizes(self.stack, job_id, self.stack.ledger.job(job_id).tables)
        return {table_file(number): size for number, size in sizes.items()}

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
