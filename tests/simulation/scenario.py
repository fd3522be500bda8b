"""What a run is about: a file, what the model makes of its rows, and how small the limits are."""

import csv
import gzip
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

from localaws.endpoint.outcomes import ModelError, model_failed, timed_out

HEADER = ["id", "text", "label"]
LONG = "of more than six words, so that it waits for shorter ones: "
RAGGED = "row has 4 cells where the file has 3 columns"
EMPTY = "input is empty"
_SCHEMA = '{"properties": {"label": {"type": "string"}}}'
# The status with which a model refuses what it was sent.
_REFUSED = 400
# What the endpoint says of a request that holds a poisoned text, by the status of its container; 0: it doesn't answer.
REASONS = {status: model_failed(ModelError(status, "")).reason for status in (400, 424, 500)} | {0: timed_out().reason}


@dataclass(frozen=True)
class Scenario:
    """A file of `rows`, the limits at which it is cut, sent and put together, and what kind of model it meets.

    A container answers a poisoned text with `poison_status`, 0 for never. A `constant` model answers so many results
    whatever it is sent; one result is that of the first text. With `object_for_one` a list of one has an object as its
    answer, as in question answering. With `has_schema`, results must match one. The file may have a `sequel`, which is
    sent since the job of the file, and whose results have the other format: CSV, or a table with files of such a size.
    """

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
    poison_status: int = 400
    constant: int | None = None
    object_for_one: bool = False
    has_schema: bool = False
    sequel: tuple[tuple[str, ...], ...] | None = None
    results_format: str = "csv"
    table_bytes: int = 100_000
    piece_bytes: int = 100_000

    @classmethod
    def drawn(cls, random: Random) -> "Scenario":
        """Any scenario."""
        count = random.choice([0, 1, random.randint(2, 6), random.randint(4, 12)])
        poison, unsendable = random.choice([0, 0.2]), random.choice([0, 0.1, 1.0])
        rows = tuple(_row(number, random, poison, unsendable) for number in range(count))
        return cls(
            rows=rows,
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
            poison_status=random.choice([400, 400, 424, 500, 0]),
            constant=random.choice([None] * 12 + [0, 1, 2, 3]),
            object_for_one=random.random() < 0.1,
            has_schema=random.random() < 0.3,
            sequel=random.choice([None, None, None, _sequel(rows, random)]),
            results_format=random.choice(["csv", "csv", "parquet"]),
            table_bytes=random.choice([60, 300, 100_000]),
            piece_bytes=random.choice([1, 100, 100_000]),
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
            "response-schema": quote(_SCHEMA) if self.has_schema else "",
            "results-format": self.results_format,
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
            "fanfold_core.app.collect.MOST_RESULTS": self.result_bytes,
            "fanfold_core.app.since.MOST_RESULTS": self.result_bytes,
            "fanfold_core.app.table._TABLE_BYTES": self.table_bytes,
            "fanfold_core.app.assemble.pieces._PIECE_BYTES": self.piece_bytes,
        }
        with ExitStack() as patches:
            for name, value in small.items():
                patches.enter_context(patch(name, value))
            yield

    def following(self) -> "Scenario":
        """The same on another day."""
        other = "csv" if self.results_format == "parquet" else "parquet"
        return replace(self, rows=self.sequel or (), results_format=other)

    def obstacle(self, row: int) -> str | None:
        """The error in which this row has to end, None if it has to have a prediction."""
        cells = self.rows[row]
        if len(cells) > len(HEADER):
            return RAGGED
        if not cells[1]:
            return EMPTY
        return REASONS[self.poison_status] if is_poison(cells[1]) else None

    def may_predict(self, rows: Iterable[int]) -> bool:
        """Whether the model has a result for any of these rows."""
        return self.constant in {None, 1} and any(self.obstacle(row) is None for row in rows)

    @property
    def may_be_given_up(self) -> bool:
        """Whether the model may fail all that is sent at first, which only the sweeper sees."""
        breaks = self.poison_status != _REFUSED and any(is_poison(row[1]) for row in self.rows)
        return breaks or not self.may_predict(range(len(self.rows)))

    def answer(self, texts: Sequence[str]) -> Any:
        """What the model answers to texts that it takes."""
        if self.constant is not None and self.constant != 1:
            return [{"label": f"nobody's {number}"} for number in range(self.constant)]
        results = [predict(text) for text in (texts[:1] if self.constant else texts)]
        return results[0] if self.object_for_one and len(texts) == 1 else results

    def odd_answers(self, texts: Sequence[str]) -> list[Any]:
        """Answers like the model's, but for one result that doesn't match the schema."""
        results = self.answer(texts)
        if not self.has_schema or not isinstance(results, list):
            return []
        odd = {"label": 7}
        return [[*results[:place], odd, *results[place + 1 :]] for place in range(len(results))]


def is_poison(text: str) -> bool:
    """Whether the model refuses a request that holds this text."""
    return text.startswith("poison")


def predict(text: str) -> dict[str, Any]:
    """What the model says to a text: no two texts get the same. A few have a field more than others."""
    said: dict[str, Any] = {"label": f"of {text}", "score": len(text) / 7}
    return {**said, "rare": True} if text.endswith("5") else said


def _sequel(rows: Sequence[tuple[str, ...]], random: Random) -> tuple[tuple[str, ...], ...]:
    """The file on another day: with rows that have changed, moved, gone, or come."""
    kept = [row for row in rows if random.random() < 0.9]
    for number in range(random.choice([0, 0, 1, 3])):
        kept.insert(random.randint(0, len(kept)), _row(len(rows) + number, random, 0.1, 0.1))
    return tuple((str(number), *row[1:]) for number, row in enumerate(kept))


def _row(number: int, random: Random, poison: float, unsendable: float) -> tuple[str, ...]:
    note = random.choice(["", "own", 'two\nlines, "quoted"'])
    if random.random() < unsendable:
        return random.choice([(str(number), "", note), (str(number), f"text {number}", note, "surplus")])
    # Some texts are like earlier ones, and some so long that the others are sent before them.
    like = random.choice([number, number, random.randint(0, number)])
    return str(number), f"{'poison' if random.random() < poison else 'text'} {random.choice(['', LONG])}{like}", note
