"""What a run is about: a file, what the model makes of its rows, and how small the limits are."""

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any
from unittest.mock import patch

from localaws.endpoint.outcomes import ModelError, model_failed

HEADER = ["id", "text", "label"]
RAGGED = "row has 4 cells where the file has 3 columns"
EMPTY = "input is empty"
REFUSED = model_failed(ModelError(400, "")).reason


@dataclass(frozen=True)
class Scenario:
    """A file of `rows`, and the limits at which it is cut, sent and put together."""

    rows: tuple[tuple[str, ...], ...]
    rows_per_chunk: int = 3
    rows_per_request: int = 2
    max_attempts: int = 2
    requests_per_wave: int = 2
    compact_from: int = 2
    part_bytes: int = 60
    inline_bytes: int = 128_000
    result_bytes: int = 300_000
    is_compressed: bool = False
    deadline_hours: int = 336

    @classmethod
    def drawn(cls, random: Random) -> "Scenario":
        """Any scenario."""
        count = random.choice([0, 1, random.randint(2, 6), random.randint(4, 12)])
        poison, unsendable = random.choice([0, 0.2]), random.choice([0, 0.1, 1.0])
        return cls(
            rows=tuple(_row(number, random, poison, unsendable) for number in range(count)),
            rows_per_chunk=random.randint(1, 5),
            rows_per_request=random.randint(1, 4),
            max_attempts=random.randint(1, 3),
            requests_per_wave=random.randint(1, 3),
            compact_from=random.randint(1, 3),
            part_bytes=random.choice([1, 40, 200, 100_000]),
            inline_bytes=random.choice([60, 128_000]),
            result_bytes=random.choice([60, 300_000]),
            is_compressed=random.random() < 0.1,
            deadline_hours=random.choice([336] * 9 + [1]),
        )

    @property
    def key(self) -> str:
        return "2026/space plus+file.csv" + (".gz" if self.is_compressed else "")

    @property
    def content(self) -> bytes:
        text = io.StringIO(newline="")
        csv.writer(text).writerows([HEADER, *self.rows])
        content = text.getvalue().encode()
        return gzip.compress(content, mtime=0) if self.is_compressed else content

    @property
    def metadata(self) -> dict[str, str]:
        """The options that the file is uploaded with."""
        return {
            "rows-per-request": str(self.rows_per_request),
            "max-attempts": str(self.max_attempts),
            "deadline-hours": str(self.deadline_hours),
        }

    @contextmanager
    def at_scale(self) -> Iterator[None]:
        """Limits that only large files reach, made small; S3 and the splitter agree on the least part."""
        small = {
            "moto.s3.models.S3_UPLOAD_PART_MIN_SIZE": self.part_bytes,
            "tests.fakes.store.LEAST_PART": self.part_bytes,
            "fanfold_core.app.split._LEAST_PART": self.part_bytes,
            "fanfold_core.app.dispatch.WAVE": self.requests_per_wave,
            "fanfold_core.app.follow_up._COMPACT_FROM": self.compact_from,
            "fanfold_core.domain.requests.INLINE_BYTES": self.inline_bytes,
            "fanfold_core.aws.items._MOST_RESULTS": self.result_bytes,
            "tests.fakes.ledger.MOST_RESULTS": self.result_bytes,
        }
        with ExitStack() as patches:
            for name, value in small.items():
                patches.enter_context(patch(name, value))
            yield

    def obstacle(self, row: int) -> str | None:
        """The error in which this row has to end, None if it has to have a prediction."""
        cells = self.rows[row]
        if len(cells) > len(HEADER):
            return RAGGED
        if not cells[1]:
            return EMPTY
        return REFUSED if is_poison(cells[1]) else None


def is_poison(text: str) -> bool:
    """Whether the model refuses a request that holds this text."""
    return text.startswith("poison")


def predict(text: str) -> dict[str, Any]:
    """What the model says to a text: no two texts get the same. A few have a field more than others."""
    said: dict[str, Any] = {"label": f"of {text}", "score": len(text) / 7}
    return {**said, "rare": True} if text.endswith("5") else said


def _row(number: int, random: Random, poison: float, unsendable: float) -> tuple[str, ...]:
    note = random.choice(["", "own", 'two\nlines, "quoted"'])
    if random.random() < unsendable:
        return random.choice([(str(number), "", note), (str(number), f"text {number}", note, "surplus")])
    return str(number), f"{'poison' if random.random() < poison else 'text'} {number}", note
