"""What the ledger promises of chunks and their spans, each write delivered twice."""

from dataclasses import replace

import pytest
from botocore.exceptions import ClientError
from tests.contracts.conftest import JOB, each_raises, twice
from tests.fakes.errors import RefusedError
from tests.fakes.values import Clock, make_chunk, predictions, request

from fanfold_core.app.ports import Ledger
from fanfold_core.domain.errors import UnknownChunkError
from fanfold_core.domain.job import JobRecord
from fanfold_core.domain.order import Order
from fanfold_core.domain.outcomes import Failure, Mark, Prediction, Timing
from fanfold_core.domain.results import SpanOutcome
from fanfold_core.domain.spans import Span

SPAN, FIRST, SECOND = Span(0, 4), Span(0, 2), Span(2, 2)


def predicted(
    job: JobRecord, span: Span = SPAN, attempt: int = 1, label: str = "GOOD", *, is_whole: bool = True
) -> Prediction:
    return Prediction(request(job, span, attempt), replace(predictions(span.rows, label), is_whole=is_whole))


# Chunks


def test_a_chunk_is_stored_once_and_the_first_one_stays(ledger: Ledger, job: JobRecord) -> None:
    ledger.cover(job.id, 0, [SPAN], [], ["label"])
    known = ledger.chunk(job.id, 0)
    ledger.store(job, make_chunk(rows=3), None)
    assert ledger.chunk(job.id, 0) == known
    assert known.rows == 10


def test_a_chunk_begins_with_nothing_covered_but_what_was_inherited(ledger: Ledger, job: JobRecord) -> None:
    earlier = make_chunk(
        1,
        inherited=frozenset({SPAN}),
        predicted=frozenset({SPAN, Span(5, 1)}),
        frozen=True,
        touched=7,
        held=frozenset({SPAN}),
    )
    ledger.store(job, earlier, None)
    assert ledger.chunk(job.id, 1) == make_chunk(1, inherited=frozenset({SPAN}), predicted=frozenset({SPAN}))


def test_an_unknown_chunk_is_an_error_and_no_write_makes_one(ledger: Ledger, job: JobRecord) -> None:
    ledger.touch(job.id, 5)
    assert not ledger.advance_sent(job.id, 5, 0, 4)
    each_raises(
        UnknownChunkError,
        lambda: ledger.cover(job.id, 5, [SPAN], [], []),
        lambda: ledger.freeze(job.id, 5),
        lambda: ledger.chunk(job.id, 5),
    )


def test_several_chunks_are_read_at_once(ledger: Ledger, job: JobRecord) -> None:
    ledger.store(job, make_chunk(1), None)
    assert {chunk.number for chunk in ledger.chunks(job.id, [1, 5, 0])} == {0, 1}
    for number in range(2, 120):
        ledger.store(job, make_chunk(number), None)
    assert sorted(chunk.number for chunk in ledger.chunks(job.id, range(120))) == list(range(120))


def test_progress_of_a_dispatch_moves_by_compare_and_set(ledger: Ledger, job: JobRecord) -> None:
    assert ledger.advance_sent(job.id, 0, 0, 4)
    assert not ledger.advance_sent(job.id, 0, 0, 8)
    assert ledger.chunk(job.id, 0).sent == 4


def test_covered_spans_and_fields_are_sets(ledger: Ledger, job: JobRecord) -> None:
    twice(ledger.cover, job.id, 0, [FIRST], [], ["label"])
    chunk = twice(ledger.cover, job.id, 0, [FIRST], [SECOND], ["score"])
    assert [chunk.predicted, chunk.failed] == [{FIRST}, {SECOND}]
    assert chunk.fields == {"label", "score"}
    assert twice(ledger.cover, job.id, 0, [], [], []) == chunk


def test_a_chunk_remembers_when_it_was_covered(ledger: Ledger, job: JobRecord, clock: Clock) -> None:
    clock.pass_by(60)
    assert ledger.cover(job.id, 0, [], [FIRST], []).touched == int(clock.time.timestamp())


def test_a_frozen_chunk_is_covered_as_it_is(ledger: Ledger, job: JobRecord) -> None:
    ledger.cover(job.id, 0, [FIRST], [], ["label"])
    frozen = twice(ledger.freeze, job.id, 0)
    assert frozen.frozen
    assert twice(ledger.cover, job.id, 0, [SECOND], [SECOND], ["score"]) == frozen
    assert ledger.chunk(job.id, 0) == frozen


def test_a_chunk_remembers_when_it_was_sent(ledger: Ledger, job: JobRecord, clock: Clock) -> None:
    clock.pass_by(60)
    ledger.touch(job.id, 0)
    assert ledger.chunk(job.id, 0).touched == int(clock.time.timestamp())


def test_a_chunk_remembers_the_highest_attempt(ledger: Ledger, job: JobRecord) -> None:
    assert ledger.chunk(job.id, 0).attempts == 1
    for attempts in (3, 2, 3):
        ledger.raise_attempts(job.id, 0, attempts)
    assert ledger.chunk(job.id, 0).attempts == 3
    ledger.raise_attempts(job.id, 9, 2)
    with pytest.raises(UnknownChunkError):
        ledger.chunk(job.id, 9)


def test_held_spans_are_a_set_that_covers_nothing(ledger: Ledger, job: JobRecord) -> None:
    chunk = twice(ledger.cover, job.id, 0, [], [], [], [FIRST])
    assert [chunk.held, chunk.covered] == [{FIRST}, set()]


def test_inherited_spans_are_a_set_and_a_span_may_have_results_that_were_never_asked_for(
    ledger: Ledger, job: JobRecord
) -> None:
    prediction = predicted(job, FIRST, attempt=0)
    twice(ledger.put_predictions, job, 0, [prediction])
    chunk = twice(ledger.cover, job.id, 0, [FIRST], [], ["label"], [], [FIRST])
    assert [chunk.inherited, chunk.predicted] == [{FIRST}, {FIRST}]
    assert [(one.results, one.requests) for one in ledger.outcomes(job.id, 0)] == [(prediction.predictions.results, 0)]


def test_an_item_holds_400_kilobytes(ledger: Ledger, job: JobRecord) -> None:
    large = [f"{number}{'x' * 40_000}" for number in range(11)]
    assert ledger.cover(job.id, 0, [], [], large[:10]).fields == set(large[:10])
    with pytest.raises((RefusedError, ClientError), match="exceeded the maximum"):
        ledger.cover(job.id, 0, [], [], large[10:])


# Spans


@pytest.mark.parametrize("order", [(1, 2), (2, 1), (2, 3), (3, 2)])
def test_of_two_attempts_the_lower_stays(ledger: Ledger, job: JobRecord, order: tuple[int, int]) -> None:
    for attempt in order:
        twice(ledger.put_predictions, job, 0, [predicted(job, attempt=attempt, label=f"OF-{attempt}")])
    (outcome,) = ledger.outcomes(job.id, 0)
    lower = min(order)
    assert (outcome.results, outcome.requests) == (predictions(SPAN.rows, f"OF-{lower}").results, lower)


@pytest.mark.parametrize("order", [(1, 2), (2, 1), (2, 3), (3, 2)])
def test_results_of_some_rows_of_a_request_count_no_request(
    ledger: Ledger, job: JobRecord, order: tuple[int, int]
) -> None:
    for attempt in order:
        some = predicted(job, FIRST, attempt, f"OF-{attempt}", is_whole=False)
        twice(ledger.put_predictions, job, 0, [some])
    (outcome,) = ledger.outcomes(job.id, 0)
    assert (outcome.results, outcome.requests) == (predictions(2, f"OF-{min(order)}").results, 0)
    ledger.set_mark(job, 0, FIRST, Mark(2))
    assert next(ledger.outcomes(job.id, 0)).requests == 2


def test_predictions_of_one_batch_are_all_stored_whatever_their_attempts(ledger: Ledger, job: JobRecord) -> None:
    batch = [predicted(job, SPAN, 2), predicted(job, FIRST), predicted(job, SPAN), predicted(job, SECOND, 3)]
    twice(ledger.put_predictions, job, 0, batch)
    assert {outcome.span: outcome.requests for outcome in ledger.outcomes(job.id, 0)} == {FIRST: 1, SPAN: 1, SECOND: 3}


def test_timing_stands_beside_its_prediction(ledger: Ledger, job: JobRecord) -> None:
    timed = Prediction(request(job, SPAN), predictions(4), timing=Timing(1_767_000_000, 1_500))
    ledger.put_predictions(job, 0, [timed])
    assert next(ledger.outcomes(job.id, 0)).timing == Timing(1_767_000_000, 1_500)


def test_of_results_that_are_kept_elsewhere_the_place_is_known(ledger: Ledger, job: JobRecord) -> None:
    found = predictions(SPAN.rows)
    twice(ledger.put_predictions, job, 0, [Prediction(request(job, SPAN), found, "s3://there")])
    twice(ledger.put_predictions, job, 0, [Prediction(request(job, SPAN, attempt=2), found)])
    outcome = next(ledger.outcomes(job.id, 0))
    assert (outcome.results, outcome.location) == (None, "s3://there")
    assert outcome.is_prediction


def test_of_two_reasons_the_first_stays_beside_a_prediction(ledger: Ledger, job: JobRecord) -> None:
    twice(ledger.put_failures, job, 0, [Failure(SPAN, "first", 2), Failure(SECOND, "unsendable", 0)])
    ledger.put_failures(job, 0, [Failure(SPAN, "second", 3)])
    ledger.put_predictions(job, 0, [predicted(job)])
    assert list(ledger.outcomes(job.id, 0)) == [
        SpanOutcome(SPAN, predictions(4).results, None, 1),
        SpanOutcome(SPAN, None, "first", 2, refusal="first"),
        SpanOutcome(SECOND, None, "unsendable", 0),
    ]


def test_a_mark_only_rises(ledger: Ledger, job: JobRecord) -> None:
    assert ledger.mark(job.id, 0, SPAN) == Mark()
    for attempt in (2, 1, 2):
        ledger.set_mark(job, 0, SPAN, Mark(attempt, breaks=attempt - 1))
    assert ledger.mark(job.id, 0, SPAN) == Mark(2, 1, int(JOB.created.timestamp()))


def test_a_mark_keeps_the_last_words_of_the_model(ledger: Ledger, job: JobRecord) -> None:
    ledger.set_mark(job, 0, SPAN, Mark(1), "too long", mismatch=True)
    ledger.set_mark(job, 0, SPAN, Mark(2))
    known = SpanOutcome(SPAN, None, None, 2, refusal="too long", mismatch=True)
    assert list(ledger.outcomes(job.id, 0)) == [known]


def test_outcomes_are_in_order_of_their_spans(ledger: Ledger, job: JobRecord) -> None:
    spans = [Span(5, 1), Span(2, 3), Span(2, 1), Span(0, 9)]
    ledger.put_predictions(job, 0, [predicted(job, span) for span in spans])
    assert [outcome.span for outcome in ledger.outcomes(job.id, 0)] == sorted(spans)


# Their order


def test_the_order_of_a_chunk_is_fixed_once_and_the_first_one_stays(ledger: Ledger, job: JobRecord) -> None:
    assert ledger.chunk(job.id, 0).order is None
    first = Order.of(["x " * 40, "so good", "x " * 40], by_length=True, shares=True)
    chunk = twice(ledger.set_order, job.id, 0, first)
    assert (chunk.order, chunk.length) == (first, 2)
    assert ledger.set_order(job.id, 0, Order.of_file(10)) == ledger.chunk(job.id, 0) == chunk


def test_the_order_of_the_file_is_fixed_as_well(ledger: Ledger, job: JobRecord) -> None:
    chunk = twice(ledger.set_order, job.id, 0, Order.of_file(10))
    assert (chunk.order, chunk.length) == (Order.of_file(10), 10)
    assert ledger.set_order(job.id, 0, Order((0,) * 10, 1)) == chunk


def test_a_chunk_of_a_later_round_keeps_the_order(ledger: Ledger, job: JobRecord) -> None:
    order = Order((1, 0, *range(2, 10)), 10)
    ledger.store(job, make_chunk(1, order=order), None)
    assert ledger.chunk(job.id, 1).order == order
    assert ledger.set_order(job.id, 1, Order.of_file(10)).order == order


def test_no_order_makes_a_chunk(ledger: Ledger, job: JobRecord) -> None:
    each_raises(UnknownChunkError, lambda: ledger.set_order(job.id, 5, Order.of_file(10)))
