"""Statistics of parts can be added up in any order, and stay small."""

import json
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.values import make_chunk

from fanfold_core.domain.counting import of_requests, of_rows, of_tokens, of_true_labels, of_unpredicted
from fanfold_core.domain.order import Order
from fanfold_core.domain.outcomes import Timing
from fanfold_core.domain.results import RowAnswer, RowAnswers, SpanOutcome
from fanfold_core.domain.spans import Span
from fanfold_core.domain.statistics import Statistics, percentile, wait_bin
from fanfold_core.domain.statistics.labels import describe_departure

BEGAN = datetime(2026, 11, 23, 8, 0, 0, 500_000, tzinfo=UTC)

# Few enough names that they meet, and enough that the bounds are passed.
names = st.one_of(st.sampled_from(["GOOD", "BAD", "<script>", ""]), st.integers(0, 900).map(str), st.text(max_size=80))
results = st.fixed_dictionaries({}, optional={"label": names, "score": st.floats(-0.5, 1.5) | st.just(float("nan"))})
errors = st.one_of(names, st.integers(0, 40).map(lambda n: f"row has {n} cells, not {'x' * n}"))
final = st.one_of(
    results.map(lambda result: RowAnswer(result, "")), errors.filter(bool).map(lambda e: RowAnswer(None, e))
)
outcomes = st.builds(
    lambda start, rows, requests, timing: SpanOutcome(Span(start, rows), "[]", None, requests, timing=timing),
    st.integers(0, 99),
    st.integers(1, 64),
    st.integers(0, 4),
    st.none()
    | st.builds(
        Timing,
        st.integers(int(BEGAN.timestamp()) - 60, int(BEGAN.timestamp()) + 700_000),
        st.integers(0, 10**8),
    ),
)


@st.composite
def statistics(draw: st.DrawFn) -> Statistics:
    answers = draw(st.lists(final, max_size=40))
    cells = [draw(st.lists(names, max_size=2)) for _ in answers]
    found = counted(draw(st.integers(0, 10**7)), cells, 1, answers, true_index=0)
    return found + requested(draw(st.lists(outcomes, max_size=10)))


def counted(
    first_row: int,
    rows: list[list[str]],
    input_index: int | None,
    final: list[RowAnswer],
    true_index: int | None = None,
) -> Statistics:
    found = of_rows(first_row, rows, input_index, RowAnswers.of(final))
    if true_index is None:
        return found
    return found + of_true_labels(first_row, rows, input_index, true_index, RowAnswers.of(final))


def requested(outcomes: list[SpanOutcome]) -> Statistics:
    return of_requests(BEGAN, make_chunk(), [outcome for outcome in outcomes if outcome.is_prediction], outcomes)


def as_rows(texts: list[str]) -> list[list[str]]:
    return [[text] for text in texts]


@given(statistics(), statistics(), statistics())
def test_parts_add_up_to_the_same_in_any_order(a: Statistics, b: Statistics, c: Statistics) -> None:
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a + Statistics() == a


def test_no_order_of_adding_decides_between_rows_of_one_number() -> None:
    parts = [counted(0, [["GOOD", text]], 1, [RowAnswer({"label": "BAD"}, "")], 0) for text in "abcdefghijklmnop"]
    assert sum(parts, Statistics()) == sum(reversed(parts), Statistics())


@given(statistics())
def test_the_ledger_gives_back_what_was_written(found: Statistics) -> None:
    assert Statistics.from_json(found.to_json()) == found


@given(st.lists(st.tuples(names, final), max_size=60), st.integers(0, 60))
def test_it_does_not_matter_where_a_part_ends(drawn: list[tuple[str, RowAnswer]], cut: int) -> None:
    answers = [answer for _, answer in drawn]
    rows = [[f"text {row}", true] for row, (true, _) in enumerate(drawn)]
    whole = counted(0, rows, 0, answers, 1)
    assert counted(0, rows[:cut], 0, answers[:cut], 1) + counted(cut, rows[cut:], 0, answers[cut:], 1) == whole


def test_whatever_a_part_holds_its_statistics_fit_into_an_item() -> None:
    """An item of the ledger holds 400 KB, its other attributes included."""
    widest = "\N{GRINNING FACE}"
    rows = 2_000
    wild = [RowAnswer({"label": f"{row}{widest * 90}", "score": row}, "") for row in range(rows)]
    bad = [RowAnswer(None, f"{chr(0x1F600 + row % 80) * 400} {row}") for row in range(rows)]
    slow = [
        SpanOutcome(Span(row, 1), "[]", None, 9, timing=Timing(int(BEGAN.timestamp()) + row * 600, row * row))
        for row in range(rows)
    ]
    cells = [[widest * 400, f"{row % rows} {widest * 90}"] for row in range(2 * rows)]
    found = counted(0, cells, 0, wild + bad, 1) + requested(slow)
    assert len(found.to_json().encode()) < 300_000
    assert found.agreement.whole.true == rows
    assert len(found.agreement.matrix) <= 21 * 21
    assert found.labels.rows.total() + found.labels.other == rows
    assert sum(group.rows for group in found.errors.groups.values()) + found.errors.other == rows
    assert found.answers.rows.total() == rows
    assert len(found.answers.rows) <= 48


def test_errors_that_differ_in_numbers_only_stand_together_with_their_first_rows() -> None:
    answers = [RowAnswer(None, f"The size of tensor a ({512 + row}) must match") for row in range(9)]
    found = counted(100, as_rows([f"text\n{row}" for row in range(9)]), 0, answers)
    (group,) = found.errors.groups.values()
    assert group.rows == 9
    assert [(sample.row, sample.text) for sample in group.samples] == [
        (100, "text 0"),
        (101, "text 1"),
        (102, "text 2"),
    ]
    assert group.samples[0].reason == "The size of tensor a (512) must match"


def test_without_one_input_column_a_sample_shows_the_whole_row() -> None:
    found = counted(0, [["a", "b"], []], None, [RowAnswer(None, "is bad"), RowAnswer(None, "is bad")])
    assert [sample.text for sample in found.errors.groups["is bad"].samples] == ["a, b", ""]


def test_scores_stand_in_twentieths_and_those_outside_apart() -> None:
    scores = [0, 0.04, 0.05, 0.5, 0.99, 1, 1.0, -0.1, 7.5, float("nan"), True, "0.5"]
    found = counted(0, as_rows([""] * len(scores)), 0, [RowAnswer({"score": score}, "") for score in scores])
    assert found.scores == Counter({0: 2, 1: 1, 10: 1, 19: 3, -1: 1, 20: 2})


def test_results_that_are_no_flat_objects_have_no_labels() -> None:
    nested = [RowAnswer([{"label": "GOOD"}], ""), RowAnswer("GOOD", ""), RowAnswer({"label": ["GOOD"]}, "")]
    assert counted(0, [[], [], []], 0, nested) == Statistics()


def test_requests_tell_when_rows_were_answered_and_how_long_it_took() -> None:
    second = int(BEGAN.timestamp())
    known = [
        SpanOutcome(Span(0, 32), "[]", None, 1, timing=Timing(second + 3, 1_000)),
        SpanOutcome(Span(32, 32), None, None, 2),  # refused twice, then halved
        SpanOutcome(Span(32, 16), "[]", None, 3, timing=Timing(second - 9, 4_000)),
        SpanOutcome(Span(48, 16), "[]", None, 1),
        SpanOutcome(Span(64, 1), None, "refused", 3),
    ]
    found = requested(known)
    assert found.answers.rows == Counter({3: 32, 0: 16})
    assert found.waits == Counter({wait_bin(1.0): 1, wait_bin(4.0): 1})
    assert found.again == 10 - 3  # all but the first for each of three runs of rows


def test_steps_of_the_timeline_are_as_short_as_their_number_allows() -> None:
    second = int(BEGAN.timestamp())

    def until(last: int) -> int:
        known = [SpanOutcome(Span(0, 1), "[]", None, 1, timing=Timing(second + at, 0)) for at in (0, last)]
        return requested(known).answers.seconds

    assert [until(last) for last in (0, 47, 48, 95, 96, 3_600)] == [1, 1, 2, 2, 4, 128]


@given(st.lists(st.integers(1, 10**8), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 1.0]))
def test_percentiles_are_right_to_three_percent(milliseconds: list[int], share: float) -> None:
    waits = Counter(wait_bin(number / 1000) for number in milliseconds)
    exact = next(
        value for below, value in enumerate(sorted(milliseconds), start=1) if below >= share * len(milliseconds)
    )
    assert percentile(waits, share) == pytest.approx(exact / 1000, rel=0.03)


def test_the_json_is_what_anybody_can_read() -> None:
    content = json.loads(counted(0, [["x"]], 0, [RowAnswer({"label": "</script>", "score": 0.5}, "")]).to_json())
    assert content["labels"] == [{"</script>": 1}, 0]


def test_rows_that_share_a_request_are_counted_each() -> None:
    chunk = make_chunk(rows=4, order=Order((0, 1, 0, 0), 2))
    outcome = SpanOutcome(Span(0, 1), "[{}]", None, 1, timing=Timing(int(BEGAN.timestamp()), 10))
    assert of_requests(BEGAN, chunk, [outcome], [outcome]).answers.rows.total() == 3


def test_rows_that_cannot_be_sent_are_counted_once_however_their_runs_were_cut() -> None:
    reported = [Span(0, 2), Span(0, 1), Span(1, 1)]
    chunk = make_chunk(rows=6, order=Order((0, 0, 1, 2, 2, 3), 4), failed=frozenset(reported), predicted={Span(2, 1)})
    known = [SpanOutcome(span, None, "input is empty", 0) for span in reported]
    known += [SpanOutcome(Span(2, 1), "[{}]", None, 1)]
    found = of_unpredicted(chunk, known, RowAnswers([None] * 6, [""] * 6))
    assert (found.invalid, found.duplicates) == (3, 1), "what cannot be sent at all is no duplicate"


def test_tokens_are_counted_once_for_rows_that_share_a_request() -> None:
    chunk = make_chunk(rows=4, order=Order((0, 1, 0, 2), 3))
    shared, whole = {"prompt_tokens": 7, "completion_tokens": 2}, {"usage": {"prompt_tokens": 5}, "prompt_tokens": 9}
    found = of_tokens(chunk, slice(0, 4), RowAnswers([shared, None, shared, whole], ["", "refused", "", ""]))
    assert found.tokens == {"prompt_tokens": 12, "completion_tokens": 2}


HALVES = {"GOOD": 500, "BAD": 500}


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [
        ({"GOOD": 1000}, HALVES, "BAD: 50% → 0%"),
        ({"POSITIVE": 800, "NEGATIVE": 200}, HALVES, "POSITIVE: 0% → 80%"),
        ({"GOOD": 545, "BAD": 455}, HALVES, ""),
        (HALVES, HALVES, ""),
        # As large a change, in few rows.
        ({"GOOD": 37, "BAD": 23}, HALVES, ""),
        ({"GOOD": 370, "BAD": 230}, HALVES, "BAD: 50% → 38%"),
        ({"GOOD": 49}, HALVES, ""),
        ({}, HALVES, ""),
        ({}, {}, ""),
    ],
)
def test_a_change_that_chance_does_not_make_is_said(now: dict[str, int], before: dict[str, int], words: str) -> None:
    assert describe_departure(now, before) == words
