"""What is said to a person: on standard error, moving only on a terminal, which is sent nothing but text."""

from __future__ import annotations

import re
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import TextIOWrapper
from threading import Timer
from typing import IO, TYPE_CHECKING, Any

from rich.console import Console
from rich.file_proxy import FileProxy
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
from fanfold_core.input.errors import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fanfold.status import JobStatus

# What a terminal acts upon instead of showing it: the controls C0 (a tab and the end of a line are shown as such), DEL
# and C1; what turns the direction of text; and bytes of a name that are no text.
_ACTED_UPON = re.compile(
    r"\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_SECONDS_BETWEEN_LINES = 30
_SECONDS_UNSAID = 5.0


def visible(text: str) -> str:
    r"""The text with what a terminal would act upon spelt as JSON and Python spell it.

    >>> print(visible("\x1b[31mred"))
    \u001b[31mred
    """
    return _ACTED_UPON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class _Console(Console):
    """Prints text as it is, but for a terminal such as is `visible`."""

    def __init__(self, **how: Any) -> None:
        # Text has names of files and jobs in it, which are no markup and hold no emoji's names.
        super().__init__(highlight=False, markup=False, emoji=False, **how)

    def render_str(self, text: str, **how: Any) -> Text:
        """As rich asks for it, before it measures and wraps."""
        return super().render_str(visible(text) if self.file.isatty() else text, **how)


# Of a program that imports Fanfold, standard error is its own.
stdout, stderr = _Console(), _Console(stderr=True, quiet=True)


def show_progress() -> None:
    """From now on, say on standard error how far jobs, uploads and downloads are, as the command line does."""
    stderr.quiet = False


class _Terminal(FileProxy):
    """Standard output or error, where it is a terminal: whatever is written to it goes through a console.

    Rich itself writes past it, and lets it be where it would redirect what is written while a bar moves.
    """

    # Whoever looks for it would write past the console.
    buffer = None

    def __init__(self, console: _Console, stream: IO[str]) -> None:
        super().__init__(console, stream)
        self._console = console

    def write(self, text: str) -> int:
        """As whoever prints asks for it; click tells from the error that this takes text."""
        if not isinstance(text, str):
            raise TypeError(f"a terminal takes text, not {type(text).__name__}")
        self._console.print(text, end="", soft_wrap=True)
        return len(text)

    def flush(self) -> None:
        """As `write`."""
        self.rich_proxied_file.flush()


def guard_terminals() -> None:
    """From now on, whatever this process writes to a terminal is visible text: data, log lines, stack traces."""
    show_progress()
    for name, console in (("stdout", stdout), ("stderr", stderr)):
        stream: IO[str] | None = getattr(sys, name)
        # Python has none if it was closed when it began.
        if stream is not None and stream.isatty() and not isinstance(stream, FileProxy):
            if isinstance(stream, TextIOWrapper):
                # Shown, too, is what the terminal's encoding lacks.
                stream.reconfigure(errors="backslashreplace")
            setattr(sys, name, _Terminal(console, stream))


@contextmanager
def spinner(what: str) -> Iterator[Callable[[str], None]]:
    """Show that something is being done which takes its time; what it yields may be told what comes next.

    Where nothing can move, as in a log, that is a line once it has taken some seconds, and then now and then.
    """
    if stderr.is_terminal:
        with stderr.status(what) as status:
            yield status.update
        return
    said = Timer(_SECONDS_UNSAID, stderr.print, [f"{what} …"], {"soft_wrap": True})
    said.daemon = True
    said.start()
    try:
        yield _Lines()
    finally:
        said.cancel()


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
        yield _Lines().of_job
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
    """Says how far something is, if it takes long, a line at a time."""

    said: float = field(default_factory=time.monotonic)

    def __call__(self, line: str) -> None:
        """Say it, unless something was said a moment ago."""
        if time.monotonic() - self.said >= _SECONDS_BETWEEN_LINES:
            self.said = time.monotonic()
            stderr.print(line)

    def of_job(self, status: JobStatus) -> None:
        """How far a job is, unless it has ended."""
        if status.has_ended:
            return
        done, rows = status.done, status.rows
        answered = counted(done, "row") if rows is None else f"{done:,} of {counted(rows, 'row')}"
        failed = f", {status.failed:,} failed" if status.failed else ""
        self(f"{_phase(status)}: {answered}{failed}")


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
