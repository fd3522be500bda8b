"""A job, its file and its chunks, for tests that need any."""

from datetime import UTC, datetime, timedelta
from typing import Any

from fanfold_core.domain.answers import Predictions
from fanfold_core.domain.job import Chunk, JobRecord, Model, Source
from fanfold_core.domain.keys import RequestId, job_id
from fanfold_core.domain.options import Options
from fanfold_core.domain.spans import Span
from fanfold_core.input.layout import Layout

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
INPUT, OUTPUT, KEY = "input", "output", "2026/space plus+file.csv"
LAYOUT = Layout(("id", "text"), has_header=True, input_index=1, first_byte=9, blank_is_row=False)


class Clock:
    """The time that a test says it is."""

    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> datetime:
        return self.time

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.time += timedelta(seconds=seconds)


def make_job(version: str = "version-1", **known: Any) -> JobRecord:
    """A job as a splitter creates it, of this version of the file."""
    made = {
        "id": job_id(INPUT, KEY, version),
        "source": Source(INPUT, KEY, version, '"etag"', 1_000),
        "options": Options(),
        "model": Model("endpoint", "configuration", "model"),
        "created": NOW,
        "expires": int((NOW + timedelta(days=30)).timestamp()),
        "part_bytes": 100,
    }
    return JobRecord(**{**made, **known})


def make_chunk(number: int = 0, rows: int = 10, **known: Any) -> Chunk:
    """A chunk as a splitter stores it; all those of a job have as many rows."""
    return Chunk(**{"number": number, "start": 9, "end": 99, "first_row": number * rows, "rows": rows, **known})


def request(job: JobRecord, span: Span, attempt: int = 1, chunk: int = 0) -> RequestId:
    """A request for a span."""
    return RequestId(job.id, chunk, span, attempt)


def predictions(rows: int, label: str = "GOOD") -> Predictions:
    """The same label for every row."""
    one = f'{{"label":"{label}"}}'
    return Predictions(f"[{','.join([one] * rows)}]", frozenset({"label"}))
