"""Labels: how many rows got which, and how they agree with the true ones, where a file has them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, astuple, dataclass, field
from heapq import nsmallest
from math import sqrt
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

# Bounds of what an item of the ledger has to hold.
_MOST_LABELS, _MOST_IN_MATRIX, _MOST_MISTAKES = 300, 20, 10
# All labels beyond the matrix. No label is called so: they are counted as they read on one line.
_OTHER = "\n"
_DIGITS = 6
# With fewer rows no share of them means much, and a smaller change of one is not worth a word.
LEAST_ROWS, _LEAST_CHANGE = 50, 0.1
# Three standard errors of a difference of two shares, which is largest where both are a half.
_ERRORS = 1.5

V = TypeVar("V")
Matrix = Counter[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Labels:
    """How many rows got which label; `other` are those of labels beyond the bound."""

    rows: Counter[str] = field(default_factory=Counter)
    other: int = 0

    def __add__(self, more: Labels) -> Labels:
        together = self.rows + more.rows
        kept = Counter(first(together, _MOST_LABELS))
        return Labels(kept, self.other + more.other + together.total() - kept.total())


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows of a label, of those that have a true and a predicted one: how many have it as which, or as both."""

    true: int = 0
    predicted: int = 0
    correct: int = 0

    def __add__(self, more: Tally) -> Tally:
        return Tally(self.true + more.true, self.predicted + more.predicted, self.correct + more.correct)

    def as_summary(self) -> dict[str, Any]:
        """What summary.json says of the label. As scikit-learn has it, F1 is 0 where precision or recall is none."""
        return {
            **asdict(self),
            "precision": _share(self.correct, self.predicted),
            "recall": _share(self.correct, self.true),
            "f1": _share(2 * self.correct, self.true + self.predicted),
        }


class Mistake(NamedTuple):
    """A row with a wrong label: its score if it has one, its number from 0, both labels, and its input's beginning."""

    score: float | None
    row: int
    true: str
    predicted: str
    text: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """How predicted labels agree with the true ones, which stand in a column of the file.

    Rows with both labels are counted in the `tallies` of the two; those of labels beyond the bound are in `other`. The
    `matrix` has the rows of each pair of labels; those beyond its own bound are one. `mistakes` are the wrong rows with
    the highest scores, the highest first. Rows are left out if they have no true label (`unlabelled`), or a true one
    and no predicted one (`unpredicted`).

    >>> agreement = Agreement.of(Counter({("good", "good"): 8, ("bad", "good"): 2}))
    >>> agreement.as_summary("stars")["accuracy"]
    0.8
    """

    tallies: Mapping[str, Tally] = field(default_factory=dict)
    other: Tally = Tally()
    matrix: Matrix = field(default_factory=Counter)
    mistakes: tuple[Mistake, ...] = ()
    unlabelled: int = 0
    unpredicted: int = 0

    @classmethod
    def of(cls, pairs: Matrix, mistakes: Sequence[Mistake] = (), unlabelled: int = 0, unpredicted: int = 0) -> Self:
        """That of rows with such pairs of a true and a predicted label."""
        tallies: defaultdict[str, Tally] = defaultdict(Tally)
        for (true, predicted), rows in pairs.items():
            tallies[true] += Tally(true=rows, correct=rows if true == predicted else 0)
            tallies[predicted] += Tally(predicted=rows)
        return cls() + cls(dict(tallies), Tally(), pairs, tuple(mistakes), unlabelled, unpredicted)

    def __add__(self, more: Self) -> Self:
        together = dict(self.tallies)
        for name, tally in more.tallies.items():
            together[name] = together.get(name, Tally()) + tally
        kept = first(together, _MOST_LABELS)
        dropped = (tally for name, tally in together.items() if name not in kept)
        return type(self)(
            kept,
            sum(dropped, self.other + more.other),
            _bounded(self.matrix + more.matrix),
            _worst({*self.mistakes, *more.mistakes}),
            self.unlabelled + more.unlabelled,
            self.unpredicted + more.unpredicted,
        )

    @property
    def whole(self) -> Tally:
        """That of all labels: its `true` rows are all that have both labels, and so are its `predicted` ones."""
        return sum(self.tallies.values(), self.other)

    def warnings(self) -> Iterator[str]:
        """That labels are called otherwise in the file, as a sentence."""
        if self.tallies and self.other == Tally() and not any(t.true and t.predicted for t in self.tallies.values()):
            yield (
                "No row's true label is among the labels that were predicted: if they are only called otherwise, name "
                "the model's with the option `labels`."
            )

    def as_summary(self, column: str) -> dict[str, Any]:
        """What summary.json says of it, ready for JSON; the true labels are in this column.

        There is no macro F1 if labels are beyond the bound.
        """
        labels = {name: self.tallies[name].as_summary() for name in sorted(self.tallies)}
        is_known = labels and self.other == Tally()
        matrix, whole = _labels(self.matrix), self.whole
        return {
            "column": column,
            "rows": whole.true,
            "correct": whole.correct,
            "accuracy": _share(whole.correct, whole.true),
            "macro_f1": _share(sum(label["f1"] for label in labels.values()), len(labels)) if is_known else None,
            "without_true_label": self.unlabelled,
            "without_predicted_label": self.unpredicted,
            "labels": labels,
            "matrix": {
                "labels": [None if name == _OTHER else name for name in matrix],
                "rows": [[self.matrix[true, predicted] for predicted in matrix] for true in matrix],
            },
            "mistakes": [mistake._asdict() for mistake in self.mistakes],
        }

    def as_json(self) -> list[Any]:
        """Ready for JSON, as the ledger keeps it."""
        names = _labels(self.matrix)
        place = {name: number for number, name in enumerate(names)}
        return [
            {name: astuple(tally) for name, tally in self.tallies.items()},
            astuple(self.other),
            names,
            [[place[true], place[predicted], rows] for (true, predicted), rows in self.matrix.items()],
            self.mistakes,
            self.unlabelled,
            self.unpredicted,
        ]

    @classmethod
    def read(cls, content: Sequence[Any]) -> Self:
        """What `as_json` has given."""
        tallies, other, names, matrix, mistakes, unlabelled, unpredicted = content
        return cls(
            {name: Tally(*numbers) for name, numbers in tallies.items()},
            Tally(*other),
            Counter({(names[true], names[predicted]): rows for true, predicted, rows in matrix}),
            tuple(Mistake(*mistake) for mistake in mistakes),
            unlabelled,
            unpredicted,
        )


def describe_departure(now: Mapping[str, int], before: Mapping[str, int]) -> str:
    """The label whose share of the rows has changed most, in words; empty if chance may have done it.

    >>> describe_departure({"GOOD": 900, "BAD": 100}, {"GOOD": 500, "BAD": 500})
    'BAD: 50% → 10%'
    """
    rows, rows_before = sum(now.values()), sum(before.values())
    if min(rows, rows_before) < LEAST_ROWS:
        return ""
    shares = {label: (before.get(label, 0) / rows_before, now.get(label, 0) / rows) for label in {*now, *before}}
    label = min(shares, key=lambda label: (-round(abs(shares[label][1] - shares[label][0]), 9), label))
    was, is_now = shares[label]
    if abs(is_now - was) < max(_LEAST_CHANGE, _ERRORS * sqrt(1 / rows + 1 / rows_before)):
        return ""
    return f"{label}: {was:.0%} → {is_now:.0%}"


def first(counted: Mapping[str, V], most: int) -> dict[str, V]:
    """Those of the first names in the alphabet, so many at most."""
    return dict(counted) if len(counted) <= most else {name: counted[name] for name in sorted(counted)[:most]}


def _labels(matrix: Matrix) -> list[str]:
    """The labels of a matrix in their order; that of all others comes last."""
    return sorted({label for pair in matrix for label in pair}, key=lambda label: (label == _OTHER, label))


def _bounded(matrix: Matrix) -> Matrix:
    kept = set(_labels(matrix)[:_MOST_IN_MATRIX])
    found: Matrix = Counter()
    for (true, predicted), rows in matrix.items():
        found[true if true in kept else _OTHER, predicted if predicted in kept else _OTHER] += rows
    return found


def _worst(mistakes: Iterable[Mistake]) -> tuple[Mistake, ...]:
    """The mistakes that the model was surest of; those without a score come last."""
    surest = nsmallest(_MOST_MISTAKES, mistakes, key=lambda one: (one.score is None, -(one.score or 0), one.row, one))
    return tuple(surest)


def _share(part: float, whole: int) -> float | None:
    return round(part / whole, _DIGITS) if whole else None
