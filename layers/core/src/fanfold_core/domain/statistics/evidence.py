"""Evidence: rows by which a reader can judge what a model found, chosen alike whoever chooses and in any order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# Bounds of what an item of the ledger has to hold.
MOST_LABELS_SHOWN, MOST_OF_LABEL, MOST_UNCERTAIN = 40, 3, 10
# Rows whose length is looked at: the first ones, and then one in so many.
_FIRST_SAMPLED, _SAMPLED_OF = 1_000, 50
# Scores are added up in whole numbers, so that no order of adding makes another sum.
SCORE_STEPS = 10_000


class Predicted(NamedTuple):
    """A row with a prediction: its score if it has one, its number from 0, its label, and its input's beginning."""

    score: float | None
    row: int
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """The first rows of each label, and the rows of the lowest scores, the lowest first.

    `lengths` are rows by the length of their input, as a power of two that it stays below, and `scores` the sums of
    their scores; rows from a sample that a row's number alone decides.
    """

    of_label: Mapping[str, tuple[Predicted, ...]] = field(default_factory=dict)
    uncertain: tuple[Predicted, ...] = ()
    lengths: Counter[int] = field(default_factory=Counter)
    scores: Counter[int] = field(default_factory=Counter)

    def __add__(self, more: Evidence) -> Evidence:
        labels = sorted({*self.of_label, *more.of_label})[:MOST_LABELS_SHOWN]
        known = {label: {*self.of_label.get(label, ()), *more.of_label.get(label, ())} for label in labels}
        return Evidence(
            {label: tuple(sorted(rows, key=_place)[:MOST_OF_LABEL]) for label, rows in known.items()},
            tuple(sorted({*self.uncertain, *more.uncertain})[:MOST_UNCERTAIN]),
            self.lengths + more.lengths,
            self.scores + more.scores,
        )

    def as_json(self) -> list[Any]:
        """Ready for JSON."""
        return [self.of_label, self.uncertain, self.lengths, self.scores]

    @classmethod
    def read(cls, content: Sequence[Any]) -> Self:
        """What `as_json` has given."""
        of_label, uncertain, lengths, scores = content
        return cls(
            {label: tuple(Predicted(*row) for row in rows) for label, rows in of_label.items()},
            tuple(Predicted(*row) for row in uncertain),
            Counter({int(length): rows for length, rows in lengths.items()}),
            Counter({int(length): score for length, score in scores.items()}),
        )


def sampled(first_row: int, rows: int) -> Iterator[int]:
    """Which of the rows that begin at this number have their length looked at, from 0.

    >>> list(sampled(999, 60))
    [0, 1, 51]
    """
    first = min(max(0, _FIRST_SAMPLED - first_row), rows)
    yield from range(first)
    yield from range(first + -(first_row + first) % _SAMPLED_OF, rows, _SAMPLED_OF)


def _place(predicted: Predicted) -> tuple[object, ...]:
    return predicted.row, predicted.label, predicted.text, predicted.score is None, predicted.score or 0
