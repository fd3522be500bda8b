"""The report of a finished job, `report.html`: one page without scripts that needs nothing but itself.

`templates/report.html` is its template; here stands what is shown in it. The page depends on the ledger alone, so
whoever completes a job writes the same one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from fanfold_core.app.costs import cost_lines, in_dollars
from fanfold_core.app.rounds import advice_on
from fanfold_core.domain.keys import name_of
from fanfold_core.domain.statistics import SCORE_BINS, percentile
from fanfold_core.domain.statistics.evidence import SCORE_STEPS
from fanfold_core.input.errors import counted

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Mapping

    from fanfold_core.domain.parts import Totals
    from fanfold_core.domain.statistics import Timeline
    from fanfold_core.domain.statistics.evidence import Evidence
    from fanfold_core.domain.statistics.labels import Labels

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,  # cells, labels and reasons are anybody's text
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_MOST_LABELS = 12
# How opaque a cell is that has all rows of its line: text on it stays readable.
_DARKEST = 0.4
# What transformers calls the classes of a model that was saved without names for them.
_UNNAMED = re.compile(r"LABEL_\d+", re.ASCII)
_MINUTES = 60  # an hour has
_SHARES = (0.5, 0.9, 0.95, 0.99, 1.0)
# Of a job that ended sooner, a timeline shows one block.
_LEAST_STEPS = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """A line of a chart: its name, its value in words, and the length of its bar in percent of the longest."""

    name: str
    value: str
    length: float
    share: str = ""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Columns side by side under a scale: `top` is its end in words, `ticks` stand below from left to right."""

    bars: list[Bar]
    top: str
    ticks: list[str]
    note: str


def render_report(summary: Mapping[str, Any], totals: Totals) -> str:
    """The page, from a job's `summary` and what all its parts came to."""
    found = totals.statistics
    return _TEMPLATES.get_template("report.html").render(
        job=summary,
        name=summary["input"].rpartition("/")[2],
        results=summary["results"].rpartition("/")[2],
        submitter=name_of(summary["submitted_by"]),
        moment=_moment,
        took=duration(summary["seconds"]),
        answered_for=duration(summary["endpoint_seconds"]),
        totals=totals,
        found=found,
        predicted=_share(totals.predicted, totals.rows),
        broken=totals.failed - found.unanswered,
        failed=_share(totals.failed - found.unanswered, totals.rows),
        not_answered=_share(found.unanswered, totals.rows),
        advice=advice_on(totals.failed, found.invalid, found.unanswered),
        **_accuracy(summary["evaluation"]),
        samples=sorted(found.evidence.of_label.items(), key=lambda of_label: -found.labels.rows[of_label[0]]),
        lengths=_length_bars(found.evidence),
        labels=_label_bars(found.labels),
        unnamed=any(map(_UNNAMED.fullmatch, found.labels.rows)),
        scores=_score_histogram(found.scores) if found.scores else None,
        answers=_timeline(found.answers),
        waits=_wait_bars(found.waits) if found.waits else [],
        groups=sorted(found.errors.groups.values(), key=lambda group: (-group.rows, group.samples)),
        dollars=cost_lines(summary["dollars"]),
        together=in_dollars(sum(summary["dollars"].values())),
    )


def duration(seconds: float) -> str:
    """How long something took, for people.

    >>> duration(0.0421), duration(75), duration(7500)
    ('0.042 s', '1 min 15 s', '2 h 05 min')
    """
    minutes, rest = divmod(seconds, 60)
    if not minutes:
        # Two digits say enough, and none is made up.
        return f"{float(f'{seconds:.2g}'):g} s"
    if minutes < _MINUTES:
        return f"{minutes:.0f} min {int(rest):02} s"
    return f"{minutes // _MINUTES:,.0f} h {minutes % _MINUTES:02.0f} min"


def _accuracy(evaluation: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the section on true labels shows; a cell of the matrix is shaded by its share of its line."""
    if evaluation is None:
        return {"evaluation": None}
    names, lines = evaluation["matrix"]["labels"], evaluation["matrix"]["rows"]
    return {
        "evaluation": evaluation,
        "right": _share(evaluation["correct"], evaluation["rows"]),
        "most": _MOST_LABELS,
        "of_labels": sorted(evaluation["labels"].items(), key=lambda label: -label[1]["true"])[:_MOST_LABELS],
        "matrix": [
            (name, [(rows, round(_DARKEST * sqrt(rows / (sum(line) or 1)), 3)) for rows in line])
            for name, line in zip(names, lines, strict=True)
        ],
    }


def _label_bars(labels: Labels) -> list[Bar]:
    most = labels.rows.most_common()
    shown = sorted(most, key=lambda found: (-found[1], found[0]))
    rest = sum(rows for _, rows in shown[_MOST_LABELS:]) + labels.other
    return list(_bars([*shown[:_MOST_LABELS], *([("all other labels", rest)] if rest else [])]))


def _score_histogram(scores: Counter[int]) -> Histogram:
    names = (f"{number / SCORE_BINS:.2f} to {(number + 1) / SCORE_BINS:.2f}" for number in range(SCORE_BINS))
    inside = [(name, scores[number]) for number, name in enumerate(names)]
    outside = scores[-1] + scores[SCORE_BINS]
    note = f"Not shown: {counted(outside, 'score')} outside 0 to 1." if outside else ""
    return _histogram(inside, ["0", "0.25", "0.5", "0.75", "1"], note)


def _timeline(answers: Timeline) -> Histogram | None:
    """All of the time from the upload on: an endpoint that had to wake up is seen."""
    steps = range(max(answers.rows, default=0) + 1)
    if len(steps) < _LEAST_STEPS:
        return None
    columns = [(f"after {duration(answers.seconds * step)}", answers.rows[step]) for step in steps]
    note = f"Time since the upload; each column covers {duration(answers.seconds)}."
    return _histogram(columns, ["0 s", duration(answers.seconds * len(steps))], note)


def _wait_bars(waits: Counter[int]) -> list[Bar]:
    """One where all took the same: a sentence says that."""
    # What reads alike is drawn alike.
    seconds = [float(f"{percentile(waits, share):.2g}") for share in _SHARES]
    names = [*(f"{share:.0%} within" for share in _SHARES[:-1]), "slowest"]
    longest = max(seconds)
    bars = [Bar(name, duration(value), 100 * value / longest) for name, value in zip(names, seconds, strict=True)]
    return bars if len(set(seconds)) > 1 else bars[-1:]


def _length_bars(evidence: Evidence) -> list[Bar]:
    """The mean score by the length of the input; nothing where all are about as long."""
    bars = []
    for length, rows in sorted(evidence.lengths.items()):
        mean = evidence.scores[length] / rows / SCORE_STEPS
        most = counted((1 << length) - 1, "character")
        name = f"{1 << length >> 1:,} to {most}" if length > 1 else most
        bars.append(Bar(name, f"{mean:.3f}", 100 * mean, counted(rows, "row")))
    return bars if len(bars) > 1 else []


def _histogram(numbers: list[tuple[str, int]], ticks: list[str], note: str) -> Histogram:
    top = _round_up(max(rows for _, rows in numbers))
    return Histogram(list(_bars(numbers, top)), counted(top, "row"), ticks, note)


def _bars(numbers: list[tuple[str, int]], longest: int | None = None) -> Iterator[Bar]:
    total = sum(rows for _, rows in numbers)
    longest = longest or max((rows for _, rows in numbers), default=0)
    for name, rows in numbers:
        # What is there is seen, however small.
        length = max(100 * rows / longest, 0.7) if rows else 0
        yield Bar(name, counted(rows, "row"), length, _share(rows, total))


_TEMPLATES.filters["counted"] = counted


def _round_up(number: int) -> int:
    """Where a scale may end that reaches this number.

    >>> _round_up(7), _round_up(2_200)
    (7, 2500)
    """
    step: int = max(10 ** (len(str(number)) - 1) // 2, 1)
    return -(-number // step) * step


def _share(part: int, whole: int) -> str:
    """A share in percent; never 0% or 100% of what is neither."""
    if not whole:
        return "n/a"
    percent = 100 * part / whole
    if 0 < part < whole:
        percent = min(max(percent, 0.1), 99.9)
    return f"{percent:.1f}%"


def _moment(iso: str) -> str:
    """A time in words, for who reads the page by itself; the console puts its reader's clock in its place."""
    return f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M:%S} UTC"
