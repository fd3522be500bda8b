"""Statistics: what the report shows of a job, counted part by part.

Parts are counted by anyone, and added up in any order. So `a + b == b + a` and `(a + b) + c == a + (b + c)`, and
whatever could grow with the file has a bound that keeps this true: of too many labels, the first ones in the alphabet
are counted one by one, and each of those is counted fully; ranks by frequency would depend on the order.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from fanfold_core.domain.statistics.evidence import Evidence
from fanfold_core.domain.statistics.kinds import Kinds
from fanfold_core.domain.statistics.labels import Agreement, Labels, first

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SCORE_BINS = 20
# Bounds of what an item of the ledger has to hold.
MOST_SAMPLES = 3
_MOST_GROUPS, _MOST_STEPS = 12, 48
# Neighbouring bins of waits are 5% apart, so a percentile read from them is right to 2.5%.
_WAIT_FACTOR = math.log(1.05)


class Sample(NamedTuple):
    """A row that ended in an error: its number from 0, the error, and the beginning of its input."""

    row: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Group:
    """Rows whose errors are the same but for numbers in their words; the samples are the first of them."""

    rows: int
    samples: tuple[Sample, ...]

    def __add__(self, more: Group) -> Group:
        return Group(self.rows + more.rows, tuple(sorted({*self.samples, *more.samples})[:MOST_SAMPLES]))


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors by what they say; `other` rows have errors beyond the bound."""

    groups: Mapping[str, Group] = field(default_factory=dict)
    other: int = 0

    def __add__(self, more: Errors) -> Errors:
        together = dict(self.groups)
        for kind, group in more.groups.items():
            together[kind] = together[kind] + group if kind in together else group
        kept = first(together, _MOST_GROUPS)
        dropped = sum(group.rows for kind, group in together.items() if kind not in kept)
        return Errors(kept, self.other + more.other + dropped)


@dataclass(frozen=True, slots=True)
class Noted:
    """Rows of which something is to be said, and the numbers of the first of them."""

    rows: int = 0
    first: tuple[int, ...] = ()

    @classmethod
    def of(cls, numbers: Sequence[int]) -> Self:
        """The rows of these numbers, in their order."""
        return cls(len(numbers), tuple(numbers[:MOST_SAMPLES]))

    def __add__(self, more: Noted) -> Noted:
        return Noted(self.rows + more.rows, tuple(sorted({*self.first, *more.first})[:MOST_SAMPLES]))

    def __str__(self) -> str:
        numbers = ", ".join(f"{number:,}" for number in self.first)
        if self.rows == 1:
            return f"There is 1 row, {numbers} (from 0),"
        which = ", of which the first are" if self.rows > len(self.first) else ","
        return f"There are {self.rows:,} rows{which} {numbers} (from 0),"


@dataclass(frozen=True, slots=True)
class Timeline:
    """How many rows were answered when: by steps of `2 ** exponent` seconds since the job began.

    The exponent is the smallest that needs no more than 48 steps, so a timeline depends on its rows alone.
    """

    rows: Counter[int] = field(default_factory=Counter)
    exponent: int = 0

    @property
    def seconds(self) -> int:
        """Length of a step."""
        return 1 << self.exponent

    @property
    def lasted(self) -> int:
        """Seconds from the first answer to the last, by and large: from the start of a step to the end of one."""
        return (max(self.rows) - min(self.rows) + 1) * self.seconds if self.rows else 0

    def __add__(self, more: Timeline) -> Timeline:
        exponent = max(self.exponent, more.exponent)
        ends = (max(t.rows, default=0) >> (exponent - t.exponent) for t in (self, more))
        exponent += max(0, (max(ends) // _MOST_STEPS).bit_length())
        return Timeline(self._coarse(exponent) + more._coarse(exponent), exponent)

    def _coarse(self, exponent: int) -> Counter[int]:
        rows: Counter[int] = Counter()
        for step, number in self.rows.items():
            rows[step >> (exponent - self.exponent)] += number
        return rows


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a part, or a whole job, looks like.

    `scores` are rows by twentieths of 0..1, with -1 and 20 for scores outside. `waits` are requests by how long their
    answer took (`wait_bin`), `answers` the rows that they brought; `again` counts the requests whose rows had been sent
    before, `mismatched` the spans that got an answer of a wrong length. `labels`, `scores` and `errors` are about all
    rows of results.csv, the others about requests of this round; what a request's notification didn't tell is not in
    them.

    Rows are `irregular` if a strict reader refuses their quotes, `short` if they were sent with cells missing, and have
    a `surplus` if they were sent with keys that are no columns. No request can carry `invalid` rows as they stand in
    the file; `unanswered` ones had no answer when the job ended; `duplicates` weren't sent, since another row has the
    same input, and `reused` ones, since the job has their results from an earlier one. `tokens` are those that a
    language model has counted in the results, by OpenAI's names. `kinds` are those of all values in results.jsonl, of
    which a table is to be made.
    """

    labels: Labels = field(default_factory=Labels)
    scores: Counter[int] = field(default_factory=Counter)
    errors: Errors = field(default_factory=Errors)
    answers: Timeline = field(default_factory=Timeline)
    waits: Counter[int] = field(default_factory=Counter)
    again: int = 0
    mismatched: int = 0
    irregular: Noted = field(default_factory=Noted)
    short: Noted = field(default_factory=Noted)
    surplus: Noted = field(default_factory=Noted)
    invalid: int = 0
    unanswered: int = 0
    evidence: Evidence = field(default_factory=Evidence)
    agreement: Agreement = field(default_factory=Agreement)
    duplicates: int = 0
    tokens: Counter[str] = field(default_factory=Counter)
    reused: int = 0
    kinds: Kinds = field(default_factory=Kinds)

    def __add__(self, more: Statistics) -> Statistics:
        return Statistics(
            self.labels + more.labels,
            self.scores + more.scores,
            self.errors + more.errors,
            self.answers + more.answers,
            self.waits + more.waits,
            self.again + more.again,
            self.mismatched + more.mismatched,
            self.irregular + more.irregular,
            self.short + more.short,
            self.surplus + more.surplus,
            self.invalid + more.invalid,
            self.unanswered + more.unanswered,
            self.evidence + more.evidence,
            self.agreement + more.agreement,
            self.duplicates + more.duplicates,
            self.tokens + more.tokens,
            self.reused + more.reused,
            self.kinds + more.kinds,
        )

    def warnings(self) -> Iterator[str]:
        """What is odd about how rows are written, and about true labels, a sentence each."""
        if self.irregular.rows:
            yield (
                f"{self.irregular} with quotes that a strict reader refuses, inside a cell that begins without one or "
                "before more text: they were read as Python's csv module does it, and are written with "
                "quotes that all readers take. See whether their cells are right; the options `escape` and "
                "`skip-initial-space` help."
            )
        if self.short.rows:
            yield (
                f"{self.short} with fewer cells than there are columns: those that are missing were taken for empty. "
                "See whether their texts are whole; a line break outside quotes ends a row."
            )
        yield from self.agreement.warnings()
        if self.surplus.rows:
            yield (
                f"{self.surplus} with keys that are no columns of results.csv, since the columns are the keys of the "
                "file's first rows. The model gets them all the same, and results in JSON Lines have them (option "
                "`results-format`)."
            )
        if not self.kinds.is_whole:
            yield (
                "The rows have more keys than a table takes: results.parquet has only some of them as columns, and "
                "results.jsonl all."
            )

    def to_json(self) -> str:
        """As the ledger keeps it."""
        groups = {kind: [group.rows, group.samples] for kind, group in self.errors.groups.items()}
        content = {
            "labels": [self.labels.rows, self.labels.other],
            "scores": self.scores,
            "errors": [groups, self.errors.other],
            "answers": [self.answers.rows, self.answers.exponent],
            "waits": self.waits,
            "again": self.again,
            "mismatched": self.mismatched,
            "irregular": [self.irregular.rows, self.irregular.first],
            "short": [self.short.rows, self.short.first],
            "surplus": [self.surplus.rows, self.surplus.first],
            "invalid": self.invalid,
            "unanswered": self.unanswered,
            "evidence": self.evidence.as_json(),
            "agreement": self.agreement.as_json(),
            "duplicates": self.duplicates,
            "tokens": self.tokens,
            "reused": self.reused,
            "kinds": self.kinds.as_json(),
        }
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` has written."""
        content = json.loads(text)
        labels, other_labels = content["labels"]
        groups, other_errors = content["errors"]
        steps, exponent = content["answers"]
        return cls(
            Labels(Counter(labels), other_labels),
            _bins(content["scores"]),
            Errors(
                {kind: Group(n, tuple(Sample(*s) for s in found)) for kind, (n, found) in groups.items()}, other_errors
            ),
            Timeline(_bins(steps), exponent),
            _bins(content["waits"]),
            content["again"],
            content.get("mismatched", 0),
            # Parts that older versions built lack them.
            _noted(content.get("irregular", (0, ()))),
            _noted(content.get("short", (0, ()))),
            _noted(content.get("surplus", (0, ()))),
            content.get("invalid", 0),
            content.get("unanswered", content.get("unsent", 0)),
            Evidence.read(content["evidence"]) if "evidence" in content else Evidence(),
            Agreement.read(content["agreement"]) if "agreement" in content else Agreement(),
            content.get("duplicates", 0),
            Counter(content.get("tokens", {})),
            content.get("reused", 0),
            Kinds.read(content["kinds"]) if "kinds" in content else Kinds(),
        )


def wait_bin(seconds: float) -> int:
    """The bin of a wait; bins are 5% apart and begin at a millisecond."""
    return round(math.log(max(seconds, 0.001) * 1000) / _WAIT_FACTOR)


def percentile(waits: Mapping[int, int], share: float) -> float:
    """The seconds within which this share of the requests had been answered.

    >>> round(percentile(Counter({wait_bin(2.0): 9, wait_bin(60.0): 1}), 0.5), 1)
    2.0
    """
    below, wanted = 0, share * sum(waits.values())
    for number in sorted(waits):
        below += waits[number]
        if below >= wanted:
            return math.exp(number * _WAIT_FACTOR) / 1000
    raise ValueError("percentile of no waits")


def _noted(content: Sequence[Any]) -> Noted:
    rows, first = content
    return Noted(rows, tuple(first))


def _bins(content: Mapping[str, int]) -> Counter[int]:
    return Counter({int(number): rows for number, rows in content.items()})
