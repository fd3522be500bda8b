"""Counting: the statistics of a run of rows, and of the requests that they went in."""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from contextlib import suppress
from heapq import nsmallest
from typing import TYPE_CHECKING, Any

from fanfold_core.domain.chat import TOKENS
from fanfold_core.domain.results import requests
from fanfold_core.domain.spans import Span, gaps, places_in
from fanfold_core.domain.statistics import (
    MOST_SAMPLES,
    SCORE_BINS,
    Errors,
    Group,
    Noted,
    Sample,
    Statistics,
    Timeline,
    wait_bin,
)
from fanfold_core.domain.statistics.evidence import (
    MOST_LABELS_SHOWN,
    MOST_OF_LABEL,
    MOST_UNCERTAIN,
    SCORE_STEPS,
    Evidence,
    Predicted,
    sampled,
)
from fanfold_core.domain.statistics.labels import Agreement, Labels, Mistake

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from fanfold_core.domain.job import Chunk
    from fanfold_core.domain.results import RowAnswers, SpanOutcome
    from fanfold_core.input.regularity import Irregular

# Longer ones are cut: an item of the ledger has to hold many.
_LABEL_LENGTH, _REASON_LENGTH, _INPUT_LENGTH = 60, 300, 160
_NUMBERS = {int, float}
_DIGITS = re.compile(r"[0-9]+(?:,[0-9]{3})*")


def of_rows(first_row: int, rows: Sequence[Sequence[str]], input_index: int | None, final: RowAnswers) -> Statistics:
    """Statistics of rows that follow one another, from their cells and their final answers.

    Samples show the input's cell, or all of them where `input_index` is None.

    >>> from fanfold_core.domain.results import RowAnswers
    >>> final = RowAnswers([{"label": "GOOD", "score": 0.97}, None], ["", "input is empty"])
    >>> found = of_rows(0, [["1", "so good"], ["2", ""]], 1, final)
    >>> found.labels.rows, found.scores, found.errors.groups["input is empty"].samples[0].row
    (Counter({'GOOD': 1}), Counter({19: 1}), 1)
    """
    results = [result for result in final.results if type(result) is dict]
    labels: Counter[str] = Counter()
    for label, number in Counter([label for result in results if type(label := result.get("label")) is str]).items():
        labels[short_label(label)] += number
    scores = [score for result in results if type(score := result.get("score", "")) in _NUMBERS]
    bins = Counter([int(score * SCORE_BINS) if 0 <= score < 1 else _edge(score) for score in scores])
    failed = ((first_row + number, rows[number], final.errors[number]) for number in final.failed)
    evidence = _evidence(first_row, rows, input_index, final)
    return Statistics(Labels() + Labels(labels), bins, _errors(failed, input_index), evidence=evidence)


def of_tokens(chunk: Chunk, rows: slice, final: RowAnswers) -> Statistics:
    """What the chat completions of some rows of a chunk have cost: one that rows share once, and no earlier job's.

    It stands in fields of their own, or in those of a whole response.
    """
    counted, inherited = Counter[str](), places_in(chunk.inherited)
    for place, row in enumerate(chunk.sent_as.sent):
        if not rows.start <= row < rows.stop or place in inherited:
            continue
        result = final.results[row - rows.start]
        if type(result) is dict:
            usage = found if type(found := result.get("usage")) is dict else result
            counted.update({name: usage[name] for name in TOKENS if type(usage.get(name)) is int})
    return Statistics(tokens=counted)


def of_true_labels(
    first_row: int, rows: Sequence[Sequence[str]], input_index: int | None, true_index: int, final: RowAnswers
) -> Statistics:
    """How the labels of rows agree with the true ones, which stand in the column `true_index`.

    >>> from fanfold_core.domain.results import RowAnswers
    >>> final = RowAnswers([{"label": "GOOD", "score": 0.97}, None], ["", "input is empty"])
    >>> found = of_true_labels(0, [["BAD", "so good"], ["BAD", ""]], 1, 0, final).agreement
    >>> found.mistakes, found.unpredicted
    ((Mistake(score=0.97, row=0, true='BAD', predicted='GOOD', text='so good'),), 1)
    """
    pairs: Counter[tuple[str, str]] = Counter()
    mistakes = []
    unlabelled = unpredicted = 0
    for number, result in enumerate(final.results):
        cells = rows[number]
        true, predicted = short_label("".join(cells[true_index : true_index + 1])), short_label(_label(result) or "")
        if not true:
            unlabelled += 1
        elif not predicted:
            unpredicted += 1
        else:
            pairs[true, predicted] += 1
            if true != predicted:
                text = _short(_input(cells, input_index), _INPUT_LENGTH)
                mistakes.append(Mistake(_finite_score(result), first_row + number, true, predicted, text))
    return Statistics(agreement=Agreement.of(pairs, mistakes, unlabelled, unpredicted))


def of_irregular(first_row: int, irregular: Irregular, columns: Sequence[str], final: RowAnswers) -> Statistics:
    """Statistics of rows that are written otherwise than their file is.

    They count if they were sent all the same; short ones, if a column that has a name is missing.
    """
    short = [
        first_row + number
        for number, cells in irregular.cells.items()
        if not final.errors[number] and any(columns[cells:])
    ]
    surplus = [first_row + number for number in irregular.surplus if not final.errors[number]]
    quotes = [first_row + number for number in irregular.quotes]
    return Statistics(irregular=Noted.of(quotes), short=Noted.of(short), surplus=Noted.of(surplus))


def of_requests(
    began: datetime, chunk: Chunk, answered: Iterable[SpanOutcome], known: Sequence[SpanOutcome]
) -> Statistics:
    """Statistics of the requests that brought predictions, and of all that were sent for spans of a chunk.

    `began` is when the job did.
    """
    count = chunk.sent_as.row_counter()
    rows: Counter[int] = Counter()
    waits: Counter[int] = Counter()
    for outcome in answered:
        if outcome.timing:
            # Not everybody's clock agrees with that of the function that began the job.
            rows[max(0, outcome.timing.answered - int(began.timestamp()))] += count(outcome.span)
            waits[wait_bin(outcome.timing.waited / 1000)] += 1
    return Statistics(
        answers=Timeline() + Timeline(rows),
        waits=waits,
        again=_sent_again(requests(known)),
        mismatched=len({outcome.span for outcome in known if outcome.mismatch}),
    )


def of_unpredicted(chunk: Chunk, counted: Iterable[SpanOutcome], final: RowAnswers) -> Statistics:
    """Statistics of a chunk's rows that no answer was given to themselves, by the outcomes that count.

    A row that wasn't answered may have the prediction of an earlier round, which isn't told as `reused`.
    """
    invalid, reused = set[Span](), set[Span]()
    for outcome in counted:
        if outcome.is_prediction:
            reused |= {outcome.span} & chunk.inherited
        elif not outcome.requests:
            invalid.add(outcome.span)
    answered, waiting = chunk.covered - invalid - reused, places_in(gaps(chunk.length, chunk.covered))
    turns = enumerate(chunk.sent_as.places) if waiting else ()
    return Statistics(
        invalid=chunk.rows_in(invalid),
        unanswered=sum(bool(final.errors[row]) for row, place in turns if place in waiting),
        duplicates=chunk.rows_in(answered) - len(places_in(answered)),
        reused=chunk.rows_in(reused),
    )


def _sent_again(attempts: Mapping[Span, int]) -> int:
    """How many requests carried rows that had been sent before: all but the first for a span of rows not sent yet."""
    again, reached = 0, 0
    # A span comes after those that it is a part of.
    for span, number in sorted(attempts.items(), key=lambda sent: (sent[0].start, -sent[0].rows)):
        if number:
            again += number - (span.end > reached)
            reached = max(reached, span.end)
    return again


def short_label(label: str) -> str:
    """A label as it is counted: on one line, and cut if it is long."""
    return _short(label, _LABEL_LENGTH)


def kind_of(reason: str) -> str:
    """What a reason says but for its numbers: errors of one kind have one cause.

    >>> kind_of("row has 1,003 cells where the file has 2 columns")
    'row has # cells where the file has # columns'
    """
    return _DIGITS.sub("#", reason)


def _evidence(first_row: int, rows: Sequence[Sequence[str]], input_index: int | None, final: RowAnswers) -> Evidence:
    """Rows to judge predictions by; only of these are the cells read."""
    labels = list(map(_label, final.results))
    scores: list[Any] = [result.get("score") if type(result) is dict else None for result in final.results]
    scored = {
        number: float(score)
        for number, score in enumerate(scores)
        if type(score) in _NUMBERS and 0 <= score <= 1  # what is no number is in no range
    }

    def seen(number: int) -> Predicted:
        label, text = labels[number], _short(_input(rows[number], input_index), _INPUT_LENGTH)
        return Predicted(scored.get(number), first_row + number, short_label(label) if label else "", text)

    lengths: Counter[int] = Counter()
    sums: Counter[int] = Counter()
    for number in sampled(first_row, len(rows)):
        if number in scored:
            length = len(_input(rows[number], input_index)).bit_length()
            lengths[length] += 1
            sums[length] += round(scored[number] * SCORE_STEPS)
    uncertain = nsmallest(MOST_UNCERTAIN, zip(scored.values(), scored, strict=True))
    return Evidence() + Evidence(
        {label: tuple(map(seen, numbers)) for label, numbers in _first_of_labels(labels).items()},
        tuple(seen(number) for _, number in uncertain),
        lengths,
        sums,
    )


def _label(result: Any) -> str | None:
    return label if type(result) is dict and type(label := result.get("label")) is str else None


def _finite_score(result: dict[str, Any]) -> float | None:
    score: Any = result.get("score")
    return float(score) if type(score) in _NUMBERS and abs(score) <= sys.float_info.max else None


def _first_of_labels(labels: list[str | None]) -> dict[str, list[int]]:
    """The first rows of each label, as many as are shown, of as many labels."""
    shown = {label: short_label(label) for label in set(labels) if label is not None}
    found: dict[str, list[int]] = {short: [] for short in sorted(set(shown.values()))[:MOST_LABELS_SHOWN]}
    for label, of_label in ((label, found[short]) for label, short in shown.items() if short in found):
        at = -1
        with suppress(ValueError):  # there are no more
            for _ in range(MOST_OF_LABEL):
                at = labels.index(label, at + 1)
                of_label.append(at)
    return found


def _input(cells: Sequence[str], input_index: int | None) -> str:
    return ", ".join(cells if input_index is None else cells[input_index : input_index + 1])


def _errors(failed: Iterable[tuple[int, Sequence[str], str]], input_index: int | None) -> Errors:
    rows: Counter[str] = Counter()
    samples: defaultdict[str, list[Sample]] = defaultdict(list)
    for row, cells, error in failed:
        reason = _short(error, _REASON_LENGTH)
        kind = kind_of(reason)
        rows[kind] += 1
        if rows[kind] <= MOST_SAMPLES:
            samples[kind].append(Sample(row, reason, _short(_input(cells, input_index), _INPUT_LENGTH)))
    return Errors() + Errors({kind: Group(number, tuple(samples[kind])) for kind, number in rows.items()})


def _edge(score: float) -> int:
    """The bin of 1, which is the last one's end, or of a score outside; what is no number counts as too large."""
    if score == 1:
        return SCORE_BINS - 1
    return -1 if score < 0 else SCORE_BINS


def _short(text: str, length: int) -> str:
    line = " ".join(text[: 2 * length].split())
    return line if len(line) <= length else f"{line[: length - 1]}…"
