"""Spans and coverage: a union of spans, whatever order and repetition they arrive in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_core.domain.spans import Span, gaps, is_covered

spans = st.builds(Span, st.integers(0, 60), st.integers(1, 20))


@given(spans)
def test_a_span_reads_back_as_it_is_spelt(span: Span) -> None:
    assert Span.parse(str(span)) == span


@pytest.mark.parametrize(
    "spelling", ["", "1-2", "0000320", "0000320-0032-1", "000032O-0032", "-0000001-0001", "٠٠٠٠٣٢٠-٠٠٣٢"]
)
def test_what_is_no_span_is_refused(spelling: str) -> None:
    with pytest.raises(ValueError, match="is no span"):
        Span.parse(spelling)


@given(st.integers(0, 80), st.lists(spans))
def test_gaps_and_covered_rows_are_all_rows_and_never_meet(rows: int, covered: list[Span]) -> None:
    known = {row for span in covered for row in range(span.start, span.end)}
    missing = [row for gap in gaps(rows, covered) for row in range(gap.start, gap.end)]
    assert missing == [row for row in range(rows) if row not in known]


@given(spans, st.lists(spans))
def test_a_span_is_covered_when_each_of_its_rows_is(span: Span, covered: list[Span]) -> None:
    known = {row for other in covered for row in range(other.start, other.end)}
    assert is_covered(span, covered) == (set(range(span.start, span.end)) <= known)


@given(st.builds(Span, st.integers(0, 60), st.integers(2, 20)))
def test_halves_are_the_span_and_none_is_empty(span: Span) -> None:
    first, second = span.halves()
    assert (first.start, first.end, second.end) == (span.start, second.start, span.end)
    assert min(first.rows, second.rows) >= 1


@given(st.lists(spans, unique=True))
def test_spelt_spans_sort_as_the_spans_do(several: list[Span]) -> None:
    assert sorted(map(str, several)) == list(map(str, sorted(several)))
