"""Results: the columns of results.csv and errors.csv, and what stands in them for each row."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from fanfold_core.domain.answers import MOST_FIELDS, NOT_FLAT
from fanfold_core.input.json.text import CELLS, cell_of
from fanfold_core.input.records import Records, format_records
from fanfold_core.input.regularity import find_irregular

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from fanfold_core.domain.job import Chunk
    from fanfold_core.domain.outcomes import Timing
    from fanfold_core.domain.spans import Span
    from fanfold_core.input.records import Dialect
    from fanfold_core.input.regularity import Irregular

_FIRST = ("label", "score")


@dataclass(frozen=True, slots=True)
class SpanOutcome:
    """What is known of a span: its results as one JSON list, or the reason why it has none, or neither yet.

    `requests` were sent for it, and the model has refused one of them with the words `refusal`; results too large for
    the ledger are at `location`. `timing` is that of the prediction, where it is known. `mismatch`: an answer had a
    wrong length.
    """

    span: Span
    results: str | None
    reason: str | None
    requests: int
    location: str | None = None
    refusal: str | None = None
    timing: Timing | None = None
    mismatch: bool = False

    @property
    def is_prediction(self) -> bool:
        """Whether it has results, here or elsewhere."""
        return self.results is not None or self.location is not None


def effective(outcomes: Iterable[SpanOutcome], chunk: Chunk) -> Iterator[SpanOutcome]:
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
        before, after = ([unused(name, self.original) for name in names] for names in (ERRORS_BEFORE, ERRORS_AFTER))
        return [*before, *self.original, *after]


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
    names: list[str] = []
    for name in shown:
        # A field that has to be called otherwise must not take the name of another one.
        others = [other for other in shown if other != name]
        names.append(unused(name, (*original, *names, *others)))
    return Columns(original, ordered, tuple(names), unused("error", (*original, *names)))


def unused(name: str, taken: Container[str]) -> str:
    """The name, with a prefix if it is taken."""
    while name in taken:
        name = f"fanfold_{name}"
    return name


class RowAnswer(NamedTuple):
    """A row's final answer: its result, or the reason why it has none."""

    result: Any
    error: str


@dataclass(frozen=True, slots=True)
class RowAnswers:
    """The final answers of rows that follow one another: side by side, for there is one for each row of a file.

    >>> list(RowAnswers([{"label": "GOOD"}, None], ["", "input is empty"]))
    [RowAnswer(result={'label': 'GOOD'}, error=''), RowAnswer(result=None, error='input is empty')]
    """

    results: Sequence[Any]
    errors: Sequence[str]

    @classmethod
    def of(cls, answers: Iterable[RowAnswer]) -> RowAnswers:
        """These answers."""
        found = list(answers)
        return cls([answer.result for answer in found], [answer.error for answer in found])

    def __iter__(self) -> Iterator[RowAnswer]:
        return map(RowAnswer, self.results, self.errors)

    def __getitem__(self, row: int) -> RowAnswer:
        return RowAnswer(self.results[row], self.errors[row])

    def relabelled(self, names: Mapping[str, str]) -> RowAnswers:
        """The same answers with other names for labels.

        >>> RowAnswers([{"label": "LABEL_0", "score": 0.9}], [""]).relabelled({"LABEL_0": "negative"}).results
        [{'label': 'negative', 'score': 0.9}]
        """
        return RowAnswers([_relabelled(result, names) for result in self.results], self.errors) if names else self

    def at(self, places: Sequence[int]) -> RowAnswers:
        """The answers at these places, one after the other."""
        return RowAnswers([self.results[place] for place in places], [self.errors[place] for place in places])

    @property
    def failed(self) -> list[int]:
        """Which rows have an error; mostly none has."""
        return [number for number, error in enumerate(self.errors) if error] if any(self.errors) else []


def _relabelled(result: Any, names: Mapping[str, str]) -> Any:
    """A result, or a list of them such as that of all labels, with another name for its label."""
    if isinstance(result, list):
        return [_relabelled(one, names) for one in result]
    if isinstance(result, dict) and type(label := result.get("label")) is str and label in names:
        return {**result, "label": names[label]}
    return result


class SpanAnswer(NamedTuple):
    """The final answer of a span: a result for each of its places, or the reason why there are none, or neither yet."""

    span: Span
    results: Sequence[Any] | None
    reason: str | None


def answers(rows: int, found: Iterable[SpanAnswer], uncovered: str) -> RowAnswers:
    """The final answer at each place of a chunk; `uncovered` is the reason where nothing came back.

    Where spans overlap, the larger one's prediction counts, so it doesn't matter in which order they arrived. A span
    beyond the chunk, such as only a forged notification has, says nothing about its rows.
    """
    results: list[Any] = [None] * rows
    errors = [uncovered] * rows
    known = (
        answer for answer in found if answer.span.end <= rows and not (answer.results is None and answer.reason is None)
    )
    # What counts most comes last.
    for answer in sorted(known, key=lambda known: (known.results is not None, known.span.rows, -known.span.start)):
        span = slice(answer.span.start, answer.span.end)
        results[span] = answer.results if answer.results is not None else [None] * answer.span.rows
        errors[span] = [answer.reason or ""] * answer.span.rows
    return RowAnswers(results, errors)


def overlay(earlier: RowAnswers, later: RowAnswers) -> RowAnswers:
    """The answers of a later round over those of an earlier one, of which predictions stay."""
    return RowAnswers.of(new if old.error else old for old, new in zip(earlier, later, strict=True))


def result_lines(
    records: Records, final: RowAnswers, columns: Columns, *, guards: bool, irregular: Irregular | None = None
) -> str:
    r"""The lines of results.csv for these records: what they hold as it stands in the file, and then the results.

    Records that are `irregular`, as is found out unless it is known, are written anew, so that all readers see the same
    cells: padded where they are too few, and without those beyond the columns, which stand in errors.csv if they aren't
    empty. With `guards`, all records are written anew, and guarded against spreadsheets (`format_records`).

    >>> from fanfold_core.input.records import Dialect
    >>> records = Records(['1,"so good"', '2'], Dialect())
    >>> shown = columns(("id", "text"), {"label"})
    >>> result_lines(records, RowAnswers([{"label": "GOOD"}, None], ["", "no text"]), shown, guards=False)
    '1,"so good",GOOD,\r\n2,,,no text\r\n'
    """
    own = list(records.texts)
    dialect = records.dialect.written
    irregular = irregular or find_irregular(records, len(columns.original))
    again = range(len(own)) if guards else sorted({*irregular.rewritten, *final.failed})
    cells = (padded(records[number], len(columns.original)) for number in again)
    for number, text in zip(again, _formatted(cells, len(again), dialect, guards=guards), strict=True):
        own[number] = text
    answered = zip(*_result_cells(final, columns), final.errors, strict=True)
    found = _formatted(answered, len(own), dialect, guards=guards)
    lines = map(dialect.delimiter.join, zip(own, found, strict=True))
    return "\r\n".join([*lines, ""])


def _formatted(cells: Iterable[Sequence[str]], rows: int, dialect: Dialect, *, guards: bool) -> Sequence[str]:
    text = format_records(cells, dialect, guards=guards)
    return Records.of(text, rows, dialect, blank_is_row=True).texts


def padded(cells: list[str], width: int) -> list[str]:
    """As many cells as there are columns: without those beyond them, and with empty ones for those that are missing."""
    return [*cells[:width], *[""] * (width - len(cells))]


def _result_cells(final: RowAnswers, columns: Columns) -> Iterator[Sequence[str]]:
    """What stands in each of the result's columns: column by column, for what a column holds is mostly of one type."""
    if columns.names and not columns.fields:
        yield ["" if error else cell_of(result) for result, error in final]
    known = [{} if error else result for result, error in final] if any(final.errors) else final.results
    for field in columns.fields:
        column = [result.get(field) for result in known]
        types = set(map(type, column))
        yield list(map(CELLS.get(types.pop(), cell_of) if len(types) == 1 else cell_of, column))


class Failed(NamedTuple):
    """What errors.csv tells of a row: its number from 0, its answer, and cells beyond the file's columns."""

    row: int
    answer: RowAnswer
    surplus: list[str]


# The columns of errors.csv before the file's own and after them, and what stands in them.
ERRORS_BEFORE: Mapping[str, Callable[[Failed], str]] = {
    "row": lambda failed: str(failed.row),
    "error": lambda failed: failed.answer.error,
}
ERRORS_AFTER: Mapping[str, Callable[[Failed], str]] = {
    "surplus": lambda failed: json.dumps(failed.surplus, ensure_ascii=False) if any(failed.surplus) else "",
}


def error_line(row: int, cells: list[str], answer: RowAnswer, columns: Columns) -> list[str]:
    """A failed row's line of errors.csv."""
    width = len(columns.original)
    failed = Failed(row, answer, list(cells[width:]))
    before, after = ([spell(failed) for spell in names.values()] for names in (ERRORS_BEFORE, ERRORS_AFTER))
    return [*before, *padded(cells, width), *after]
