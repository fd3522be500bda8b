"""What is said to a person: on standard error, and moving only on a terminal."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from fanfold.status import JobState
from fanfold_core.domain.counting import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fanfold.status import JobStatus

# What is said has names of files and jobs in it, which are no markup and hold no emoji's names.
stderr = Console(stderr=True, highlight=False, markup=False, emoji=False)
_SECONDS_BETWEEN_LINES = 30


def counted(number: int, what: str) -> str:
    """A number of things in words.

    >>> counted(1, "row"), counted(2_000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


@contextmanager
def spinner(what: str) -> Iterator[None]:
    """Show that something is being done which takes its time."""
    if not stderr.is_terminal:
        yield
        return
    with stderr.status(what):
        yield


@contextmanager
def job_bar() -> Iterator[Callable[[JobStatus], None]]:
    """Show how far a job is; what it yields is to be told of each status. Total and time left appear when known.

    Where nothing can move, as in a log, it is a line now and then. Each kind of trouble is said once: nothing else
    tells why a job stands still.
    """
    said = {""}
    with _job_progress() as show:

        def tell(status: JobStatus) -> None:
            show(status)
            if (kind := kind_of(status.trouble)) not in said:
                said.add(kind)
                words = f"last error, retried until the job's deadline: {status.trouble}"
                stderr.print(words, style="yellow", soft_wrap=True)

        yield tell


@contextmanager
def _job_progress() -> Iterator[Callable[[JobStatus], None]]:
    if not stderr.is_terminal:
        yield _Lines()
        return
    with _bar(MofNCompleteColumn(), TextColumn("rows{task.fields[failed]}"), _RateColumn()) as bar:
        task = bar.add_task("waiting", total=None, failed="")

        def show(status: JobStatus) -> None:
            failed = f", {status.failed:,} failed" if status.failed else ""
            bar.update(task, description=_phase(status), completed=status.done, total=status.rows, failed=failed)

        yield show


@contextmanager
def bytes_bar(what: str, size: int | None) -> Iterator[Callable[[int], None]]:
    """Show how `size` bytes (None: nobody knows how many) go by; what it yields is to be told of bytes as they go."""
    if not stderr.is_terminal:
        yield lambda _count: None
        return
    with _bar(DownloadColumn(), TransferSpeedColumn()) as bar:
        task = bar.add_task(what, total=size)
        yield lambda count: bar.advance(task, count)


@dataclass(slots=True)
class _Lines:
    """Says how far a job is, if it takes long, a line at a time."""

    said: float = field(default_factory=time.monotonic)

    def __call__(self, status: JobStatus) -> None:
        """Say it, unless it was said a moment ago, or the job has ended."""
        if status.has_ended or time.monotonic() - self.said < _SECONDS_BETWEEN_LINES:
            return
        self.said = time.monotonic()
        rows = f" of {status.rows:,}" if status.rows is not None else ""
        failed = f", {status.failed:,} failed" if status.failed else ""
        stderr.print(f"{_phase(status)}: {status.done:,}{rows} rows{failed}")


class _RateColumn(ProgressColumn):
    """Rows a second."""

    def render(self, task: Task) -> Text:
        """As rich asks for it."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="progress.data.speed")


def _bar(*columns: ProgressColumn) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *columns,
        TimeRemainingColumn(),
        console=stderr,
        transient=True,
    )


def _phase(status: JobStatus) -> str:
    if status.state is JobState.UPLOADED:
        return "uploaded"
    return "predicting" if status.state is JobState.RUNNING else "assembling"
