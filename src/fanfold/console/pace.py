"""How fast a job's rows are answered, and how long the others will take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import Progress

if TYPE_CHECKING:
    from fanfold.status import JobStatus


class Pace:
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
