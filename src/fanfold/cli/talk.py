"""What is said to a person: on standard error, and moving only on a terminal."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from fanfold import jobs

talk = Console(stderr=True, highlight=False)


def show_progress(states: Iterable[jobs.Progress]) -> None:
    """Show how far a job is until it has ended. Total and time left appear when the file has been read to its end."""
    with _bar(MofNCompleteColumn(), TextColumn("rows")) as bar:
        task = bar.add_task("waiting", total=None)
        for state in states:
            bar.update(task, description=_phase(state), completed=state.rows_done, total=state.rows)


@contextmanager
def upload_bar(file: Path) -> Iterator[Callable[[int], None]]:
    """Show an upload; what it yields is to be told of bytes as they go."""
    with _bar(DownloadColumn(), TransferSpeedColumn()) as bar:
        task = bar.add_task("uploading", total=file.stat().st_size)
        yield lambda sent: bar.advance(task, sent)


def _bar(*columns: ProgressColumn) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *columns,
        TimeRemainingColumn(),
        console=talk,
        transient=True,
        disable=not talk.is_terminal,
    )


def _phase(progress: jobs.Progress) -> str:
    if progress.state is None:
        return "uploaded"
    return "predicting" if progress.state == "RUNNING" else "assembling"
