"""Spans: runs of rows inside a chunk, in the order in which they are sent, and what a set of them covers.

A chunk is done when the *union* of its covered spans is all its rows. A union doesn't mind that a span arrives twice,
or that a span and its halves both arrive, which is why nothing here is counted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SPELLING = re.compile(r"([0-9]{7,})-([0-9]{4,})")


class Span(NamedTuple):
    """The rows at the places `start` to `start + rows - 1` of a chunk, counted from 0; stored and sent spelt.

    >>> str(Span(320, 32)), Span.parse("0000320-0032").end
    ('0000320-0032', 352)
    """

    start: int
    rows: int

    @property
    def end(self) -> int:
        """The row after the last one."""
        return self.start + self.rows

    def __str__(self) -> str:
        return f"{self.start:07d}-{self.rows:04d}"

    @classmethod
    def parse(cls, spelling: str) -> Span:
        """The span that is spelt so; `ValueError` if none is."""
        match = _SPELLING.fullmatch(spelling)
        if not match:
            raise ValueError(f"{spelling!r} is no span; one looks like 0000320-0032")
        return cls(int(match[1]), int(match[2]))

    def halves(self) -> tuple[Span, Span]:
        """The two spans that a refused span of at least two rows is sent as.

        >>> Span(0, 5).halves()
        (Span(start=0, rows=2), Span(start=2, rows=3))
        """
        half = self.rows // 2
        return Span(self.start, half), Span(self.start + half, self.rows - half)


def gaps(rows: int, covered: Iterable[Span]) -> Iterator[Span]:
    """The runs of a chunk of `rows` rows that no covered span reaches, in order.

    >>> list(gaps(10, [Span(6, 2), Span(0, 4)]))
    [Span(start=4, rows=2), Span(start=8, rows=2)]
    """
    reached = 0
    for span in sorted(covered):
        if span.start >= rows:
            break
        if span.start > reached:
            yield Span(reached, span.start - reached)
        reached = max(reached, span.end)
    if reached < rows:
        yield Span(reached, rows - reached)


def places_in(spans: Iterable[Span]) -> frozenset[int]:
    """Every place that some span reaches.

    >>> sorted(places_in([Span(6, 2), Span(0, 1)]))
    [0, 6, 7]
    """
    return frozenset(place for span in spans for place in range(span.start, span.end))


def is_covered(span: Span, covered: Iterable[Span]) -> bool:
    """Whether every row of the span lies in some covered span."""
    return all(gap.end <= span.start or gap.start >= span.end for gap in gaps(span.end, covered))
