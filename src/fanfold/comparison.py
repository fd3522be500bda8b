"""What changed from one job to another: row by row, or whether labels are distributed differently than chance does."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import dropwhile, zip_longest
from math import sqrt
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from fanfold.errors import OtherInputError
from fanfold.status import JobState
from fanfold_core.domain.counting import short_label
from fanfold_core.domain.results import columns
from fanfold_core.domain.results.json_lines import numbered
from fanfold_core.input.records import Dialect, format_records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fanfold.results import Results
    from fanfold.stacks import ListedJob, Stack

# Pairs of labels that are counted one by one.
_MOST_PAIRS = 1_000
_WITH_RESULTS = {JobState.SUCCEEDED, JobState.COMPLETED_WITH_ERRORS}
# Less is not worth a word, and with fewer rows no share means much.
_LEAST_CHANGE, _LEAST_ROWS = 0.1, 50
# Three standard errors of a difference of two shares, which is largest where both are a half.
_ERRORS = 1.5

Row = dict[str, str]


class Answer(NamedTuple):
    """What a row was answered: its label, or all fields but the score where none is one. None without a prediction."""

    label: str | None
    score: str


class _Side:
    """The results of one of the two jobs: where its rows' own cells are, and their answers."""

    def __init__(self, results: Results) -> None:
        self.own = results.own_columns
        self.fields = results.columns[len(self.own) :]
        *self._fields, self._error = self.fields
        self._label, self._score = (columns(tuple(self.own), (name,)).names[0] for name in ("label", "score"))
        self._rows = iter(results)

    def __iter__(self) -> Iterator[Row]:
        return self._rows

    def answer(self, row: Row) -> Answer:
        if row[self._error]:
            return Answer(None, "")
        score = row.get(self._score, "")
        if self._label in row:
            return Answer(row[self._label], score)
        return Answer(", ".join(row[name] for name in self._fields if name != self._score), score)


@dataclass(slots=True)
class Comparison:
    """How many rows have changed, counted as they are read: those with another label, or with none any more or now.

    `pairs` are changed rows by their labels before and after, None for no prediction; `other` are those of more pairs
    than are counted one by one. Of rows with the same label, `rescored` have another score; that of row `furthest`
    differs by `distance`, the most. Where one of the two goes on, as all of a file does after its first rows, so many
    rows are `only_before` or `only_after`, and are not compared.

    >>> compared = Comparison(Results.of_folder("monday"), Results.of_folder("tuesday"))
    >>> for line in compared.changes():
    ...     print(line, end="")
    >>> compared.changed
    12
    """

    before: Results
    after: Results
    rows: int = 0
    changed: int = 0
    pairs: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)
    other: int = 0
    rescored: int = 0
    furthest: int | None = None
    distance: float = 0.0
    only_before: int = 0
    only_after: int = 0

    def changes(self) -> Iterator[str]:
        """The changed rows as lines of a CSV: number from 0, own cells, and what either job says of it.

        `OtherInputError` if the two are not of the same file; it says from which row on.
        """
        before, after = _Side(self.before), _Side(self.after)
        if before.own != after.own:
            raise OtherInputError(f"the results are of files with other columns: {before.own} and {after.own}")
        names = [f"{when}_{name}" for when, side in (("before", before), ("after", after)) for name in side.fields]
        yield _line(numbered(["row", *before.own, *names]))
        for number, (old, new) in enumerate(zip_longest(before, after)):
            if old is None or new is None:
                self.only_before += new is None
                self.only_after += old is None
                continue
            if any(old[name] != new[name] for name in before.own):
                raise OtherInputError(f"the results are of other texts from row {number:,} (from 0) on")
            self.rows += 1
            if self._is_change(number, before.answer(old), after.answer(new)):
                cells = (_cells(old, before.own), _cells(old, before.fields), _cells(new, after.fields))
                yield _line([str(number), *(cell for some in cells for cell in some)])

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON, the most frequent changes first."""
        return {
            "rows": self.rows,
            "changed": self.changed,
            "labels": [{"from": old, "to": new, "rows": rows} for (old, new), rows in self.pairs.most_common()],
            "other": self.other,
            "rescored": self.rescored,
            "furthest": self.furthest,
            "distance": round(self.distance, 6),
            "only_before": self.only_before,
            "only_after": self.only_after,
        }

    def _is_change(self, number: int, old: Answer, new: Answer) -> bool:
        if old.label != new.label:
            self.changed += 1
            pair = _short(old.label), _short(new.label)
            if pair in self.pairs or len(self.pairs) < _MOST_PAIRS:
                self.pairs[pair] += 1
            else:
                self.other += 1
            return True
        if old.score != new.score:
            self.rescored += 1
            distance = _distance(old.score, new.score)
            if distance > self.distance:
                self.furthest, self.distance = number, distance
        return False


def _short(label: str | None) -> str | None:
    return None if label is None else short_label(label)


def _distance(old: str, new: str) -> float:
    """How far two scores are apart; 0 where one is no number."""
    try:
        return abs(float(old) - float(new))
    except ValueError:
        return 0.0


def _cells(row: Mapping[str, str], names: Sequence[str]) -> list[str]:
    return [row[name] for name in names]


def _line(cells: Sequence[str]) -> str:
    return format_records([cells], Dialect())


def describe_departure(now: Mapping[str, int], before: Mapping[str, int]) -> str:
    """The label whose share has changed most, in words; empty if chance may have done it.

    >>> describe_departure({"GOOD": 900, "BAD": 100}, {"GOOD": 500, "BAD": 500})
    'BAD: 50% → 10%'
    """
    rows, rows_before = sum(now.values()), sum(before.values())
    if min(rows, rows_before) < _LEAST_ROWS:
        return ""
    shares = {label: (before.get(label, 0) / rows_before, now.get(label, 0) / rows) for label in {*now, *before}}
    label = min(shares, key=lambda label: (-round(abs(shares[label][1] - shares[label][0]), 9), label))
    was, is_now = shares[label]
    if abs(is_now - was) < max(_LEAST_CHANGE, _ERRORS * sqrt(1 / rows + 1 / rows_before)):
        return ""
    return f"{label}: {was:.0%} → {is_now:.0%}"


def last_of_name(stack: Stack, job_id: str, key: str) -> ListedJob | None:
    """The last job that ended with results before this one, of another upload whose file was called the same."""
    before = dropwhile(lambda job: job.id != job_id, stack.latest_jobs())
    same = (job for job in before if job.key != key and file_name(job.key) == file_name(key))
    return next((job for job in same if job.state in _WITH_RESULTS), None)


def file_name(key: str) -> str:
    """What an uploaded file is called.

    >>> file_name("5e0c/caf%C3%A9.csv")
    'café.csv'
    """
    return unquote(key.rpartition("/")[2])
