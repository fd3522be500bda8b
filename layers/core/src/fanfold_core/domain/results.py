"""Results: the columns of results.csv and errors.csv, and what stands in them for each row."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from fanfold_core.domain.answers import MOST_FIELDS, NOT_FLAT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from fanfold_core.domain.job import Chunk
    from fanfold_core.domain.outcomes import Timing
    from fanfold_core.domain.spans import Span

# Python's spelling of a number is JSON's, too, and found in a tenth of the time.
_SPELLINGS: dict[type, Callable[[Any], str]] = {str: str, float: repr, int: repr, type(None): lambda _: ""}
_FIRST = ("label", "score")


@dataclass(frozen=True, slots=True)
class SpanOutcome:
    """What is known of a span: its results as one JSON list, or the reason why it has none, or neither yet.

    `requests` were sent for it, and the model has refused one of them with the words `refusal`; results too large for
    the ledger are at `location`. `timing` is that of the prediction, where it is known.
    """

    span: Span
    results: str | None
    reason: str | None
    requests: int
    location: str | None = None
    refusal: str | None = None
    timing: Timing | None = None

    @property
    def is_prediction(self) -> bool:
        """Whether it has results, here or elsewhere."""
        return self.results is not None or self.location is not None


def settled(outcomes: Iterable[SpanOutcome], chunk: Chunk) -> Iterator[SpanOutcome]:
    """The outcomes that count: those that the chunk's coverage names. Others came too late, or only halfway."""
    for outcome in outcomes:
        if outcome.span in (chunk.predicted if outcome.is_prediction else chunk.failed):
            yield outcome


def requests(outcomes: Iterable[SpanOutcome]) -> dict[Span, int]:
    """How many requests were sent for each span: it is known from the span's mark, its results or its failure."""
    attempts: dict[Span, int] = {}
    for outcome in outcomes:
        attempts[outcome.span] = max(outcome.requests, attempts.get(outcome.span, 0))
    return attempts


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns the files have. `fields` are the result's own names, `names` what they are called here.

    No fields means that results aren't flat and stand as JSON in one column, or that there are none.
    """

    original: tuple[str, ...]
    fields: tuple[str, ...]
    names: tuple[str, ...]
    error: str

    @property
    def results_header(self) -> list[str]:
        """First line of results.csv."""
        return [*self.original, *self.names, self.error]

    @property
    def errors_header(self) -> list[str]:
        """First line of errors.csv: the row's number from 0, why, the row's own cells, and cells beyond them."""
        return [
            *(_unused(name, self.original) for name in ("row", "error")),
            *self.original,
            _unused("surplus", self.original),
        ]


def columns(original: tuple[str, ...], fields: Iterable[str]) -> Columns:
    """The file's own columns, then the result fields that occurred in a job: `label`, `score`, then alphabetical.

    A name that the file has already is prefixed `fanfold_`.

    >>> columns(("id", "label"), {"score", "label"}).results_header
    ['id', 'label', 'fanfold_label', 'score', 'error']
    """
    found = frozenset(fields)
    flat = NOT_FLAT not in found and len(found) <= MOST_FIELDS
    ordered = tuple(sorted(found, key=lambda name: (name not in _FIRST, name))) if flat else ()
    shown = ordered if flat else ("prediction",)
    taken = (*original, *(name for name in shown if name not in original))
    return Columns(original, ordered, tuple(_unused(name, original) for name in shown), _unused("error", taken))


def _unused(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name = f"fanfold_{name}"
    return name


class Answer(NamedTuple):
    """A row's final answer: its result, or the reason why it has none. There is one for each row of a file."""

    result: Any
    error: str


# Making an answer of a pair takes a third of the time that the class itself takes.
_answer: Callable[[tuple[Any, str]], Answer] = partial(tuple.__new__, Answer)


def answers(rows: int, outcomes: Iterable[SpanOutcome], uncovered: str) -> list[Answer]:
    """The final answer of each row of a chunk; `uncovered` is the reason of rows that nothing came back for.

    Where spans overlap, the larger one's prediction counts, so it doesn't matter in which order they arrived. A span
    beyond the chunk, such as only a forged notification has, says nothing about its rows.
    """
    final: list[Answer | None] = [None] * rows
    known = (
        outcome
        for outcome in outcomes
        if outcome.span.end <= rows and (outcome.results is not None or outcome.reason is not None)
    )
    for outcome in sorted(known, key=lambda outcome: (outcome.results is None, -outcome.span.rows, outcome.span.start)):
        span = outcome.span
        results = json.loads(outcome.results) if outcome.results is not None else [None] * span.rows
        new = map(_answer, zip(results, repeat(outcome.reason or "")))
        rows_of_span = slice(span.start, span.end)
        before = final[rows_of_span]
        # Spans overlap where a refused one came back after all, and nowhere else.
        final[rows_of_span] = [old or answer for old, answer in zip(before, new, strict=True)] if any(before) else new
    return [answer or Answer(None, uncovered) for answer in final]


def overlay(earlier: Sequence[Answer], later: Sequence[Answer]) -> list[Answer]:
    """The answers of a later round over those of an earlier one, of which predictions stay."""
    return [new if old.error else old for old, new in zip(earlier, later, strict=True)]


def result_lines(rows: Iterable[list[str]], final: Sequence[Answer], columns: Columns) -> Iterator[list[str]]:
    """The rows' lines of results.csv. A short row is padded; surplus cells stand in errors.csv only."""
    width = len(columns.original)
    values = zip(*_result_cells(final, columns), strict=True) if columns.names else repeat((), len(final))
    for cells, results, (_, error) in zip(rows, values, final, strict=True):
        own = cells if len(cells) == width else [*cells[:width], *[""] * (width - len(cells))]
        yield [*own, *results, error]


def _result_cells(final: Sequence[Answer], columns: Columns) -> Iterator[list[str]]:
    """What stands in each of the result's columns: column by column, for what a column holds is mostly of one type."""
    if not columns.fields:
        yield ["" if error else _text(result) for result, error in final]
    known = [{} if error else result for result, error in final]
    for field in columns.fields:
        column = [result.get(field) for result in known]
        types = set(map(type, column))
        yield list(map(_SPELLINGS.get(types.pop(), _text) if len(types) == 1 else _text, column))


def error_line(row: int, cells: Sequence[str], answer: Answer, columns: Columns) -> list[str]:
    """A failed row's line of errors.csv; surplus cells stand in the last column as a JSON list."""
    width = len(columns.original)
    surplus = json.dumps(list(cells[width:]), ensure_ascii=False) if len(cells) > width else ""
    return [str(row), answer.error, *cells[:width], *[""] * (width - len(cells)), surplus]


def _text(value: Any) -> str:
    """How a JSON value stands in a cell: text as it is, null as nothing, all else as JSON has it."""
    spell = _SPELLINGS.get(type(value))
    return spell(value) if spell else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
