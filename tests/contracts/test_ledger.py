"""What the ledger promises, each write delivered twice."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from botocore.exceptions import ClientError
from tests.fakes.errors import RefusedError
from tests.fakes.values import LAYOUT, Clock, make_chunk, make_job, predictions, request

from fanfold_core.app.ports import Failure, Ledger, Prediction
from fanfold_core.domain.errors import UnknownChunkError, UnknownJobError
from fanfold_core.domain.job import Health, JobRecord, Part, Pause, State, Totals, Trouble
from fanfold_core.domain.outcomes import Mark, Timing
from fanfold_core.domain.results import SpanOutcome
from fanfold_core.domain.spans import Span
from fanfold_core.domain.window import Progress

T = TypeVar("T")
JOB = make_job()
SPAN, FIRST, SECOND = Span(0, 4), Span(0, 2), Span(2, 2)


def twice(write: Callable[..., T], *args: Any) -> T:
    """Deliver a write twice, and see that both get the same answer."""
    answer = write(*args)
    assert write(*args) == answer
    return answer


@pytest.fixture
def job(ledger: Ledger) -> JobRecord:
    """A job with one chunk."""
    ledger.create(JOB)
    return ledger.store(JOB, make_chunk(), None)


def predicted(job: JobRecord, span: Span = SPAN, attempt: int = 1, label: str = "GOOD") -> Prediction:
    return Prediction(request(job, span, attempt), predictions(span.rows, label))


# Jobs


def test_a_job_is_created_once_and_the_first_one_stays(ledger: Ledger) -> None:
    ledger.create(JOB)
    first = ledger.job(JOB.id)
    assert ledger.create(make_job(part_bytes=7)) == first
    assert ledger.job(JOB.id) == first
    assert first.touched == int(JOB.created.timestamp())
    assert (first.source, first.options, first.model, first.state) == (
        JOB.source,
        JOB.options,
        JOB.model,
        State.RUNNING,
    )


def test_an_unknown_job_is_an_error_and_no_write_makes_one(ledger: Ledger) -> None:
    writes: list[Callable[[], object]] = [
        lambda: ledger.set_layout(JOB.id, LAYOUT),
        lambda: ledger.set_total(JOB.id, 1, 2),
        lambda: ledger.raise_released(JOB.id, 1),
        lambda: ledger.compact(JOB.id, 1, [0]),
        lambda: ledger.close(JOB.id, State.FAILED, "why"),
        lambda: ledger.cover_chunk(JOB.id, 0, ["label"]),
        lambda: ledger.set_upload(JOB.id, "upload", []),
        lambda: ledger.fail_closing(JOB.id, "why"),
        lambda: ledger.set_ended(JOB.id, JOB.created),
        lambda: ledger.finish(JOB.id, State.FAILED, "why"),
        lambda: ledger.job(JOB.id),
    ]
    for write in writes:
        with pytest.raises(UnknownJobError):
            write()


def test_a_layout_is_remembered(ledger: Ledger, job: JobRecord) -> None:
    assert twice(ledger.set_layout, job.id, LAYOUT).layout == LAYOUT
    assert ledger.job(job.id).layout == LAYOUT


def test_what_is_stored_only_rises(ledger: Ledger, job: JobRecord) -> None:
    for number in (2, 1):
        twice(ledger.store, job, make_chunk(number), None)
    assert ledger.job(job.id).stored == 3


def test_a_job_that_closes_takes_no_chunk_and_no_total(ledger: Ledger, job: JobRecord) -> None:
    ledger.close(job.id, State.CANCELLED, "cancelled")
    assert twice(ledger.store, job, make_chunk(1), None).stored == 1
    assert twice(ledger.set_total, job.id, 2, 20).total is None


def test_a_total_is_remembered(ledger: Ledger, job: JobRecord) -> None:
    known = twice(ledger.set_total, job.id, 1, 10)
    assert (known.total, known.rows) == (1, 10)


def test_what_is_released_only_rises(ledger: Ledger, job: JobRecord) -> None:
    for released in (2, 1, 2):
        ledger.raise_released(job.id, released)
    assert ledger.job(job.id).released == 2


def test_covered_chunks_are_a_set_that_is_compacted_from_below(ledger: Ledger, job: JobRecord) -> None:
    for number in (0, 1, 3):
        twice(ledger.cover_chunk, job.id, number, ["label"])
    twice(ledger.compact, job.id, 2, [0, 1])
    ledger.compact(job.id, 1, [0])
    known = twice(ledger.cover_chunk, job.id, 0, [])
    assert (known.low, set(known.covered), known.done) == (2, {0, 3}, 3)


def test_a_covered_chunk_adds_its_fields_and_the_time_when_it_has_any(
    ledger: Ledger, job: JobRecord, clock: Clock
) -> None:
    clock.pass_by(60)
    assert twice(ledger.cover_chunk, job.id, 0, ["label"]).answered == int(clock.time.timestamp())
    clock.pass_by(60)
    known = twice(ledger.cover_chunk, job.id, 1, [])
    assert (known.answered, set(known.fields)) == (int(clock.time.timestamp()) - 60, {"label"})


def test_a_job_closes_once_for_the_first_reason(ledger: Ledger, job: JobRecord) -> None:
    twice(ledger.close, job.id, State.CANCELLED, "cancelled")
    known = ledger.close(job.id, State.FAILED, "too late")
    assert (known.state, known.outcome, known.reason) == (State.CLOSING, State.CANCELLED, "cancelled")


def test_a_job_that_closes_can_become_a_failure_whose_first_reason_stays(ledger: Ledger, job: JobRecord) -> None:
    ledger.fail_closing(job.id, "not closing")
    ledger.close(job.id, State.SUCCEEDED, "")
    ledger.fail_closing(job.id, "the file is gone")
    ledger.fail_closing(job.id, "and something else")
    known = ledger.job(job.id)
    assert (known.state, known.outcome, known.reason) == (State.CLOSING, State.FAILED, "the file is gone")


def test_only_a_job_that_closes_is_finished_and_only_once(ledger: Ledger, job: JobRecord) -> None:
    assert ledger.finish(job.id, State.FAILED, "not yet").state is State.RUNNING
    ledger.close(job.id, State.SUCCEEDED, "")
    twice(ledger.finish, job.id, State.COMPLETED_WITH_ERRORS, "some")
    known = ledger.finish(job.id, State.FAILED, "too late")
    assert (known.state, known.reason) == (State.COMPLETED_WITH_ERRORS, "some")
    assert ledger.close(job.id, State.CANCELLED, "cancelled") == known


def test_open_jobs_are_those_that_run_or_close(ledger: Ledger) -> None:
    running, closing, ended = (ledger.create(make_job(version)) for version in ("v1", "v2", "v3"))
    for job in (closing, ended):
        ledger.close(job.id, State.SUCCEEDED, "")
    ledger.finish(ended.id, State.SUCCEEDED, "")
    assert set(ledger.open_jobs()) == {running.id, closing.id}


def test_an_upload_is_fixed_once_with_its_fields_while_the_job_closes(ledger: Ledger, job: JobRecord) -> None:
    assert ledger.set_upload(job.id, "early", ["label"]).upload_id is None
    ledger.close(job.id, State.SUCCEEDED, "")
    twice(ledger.set_upload, job.id, "first", ["label"])
    known = ledger.set_upload(job.id, "second", ["score"])
    assert (known.upload_id, set(known.fields)) == ("first", {"label"})


def test_parts_are_in_order_and_the_first_of_a_number_stays(ledger: Ledger, job: JobRecord) -> None:
    twice(ledger.store, job, make_chunk(2), Part(1, 2, 3))
    twice(ledger.store, job, make_chunk(1), Part(0, 0, 2))
    ledger.store(job, make_chunk(1), Part(0, 0, 1))
    assert list(ledger.parts(job.id)) == [Part(0, 0, 2), Part(1, 2, 3)]


def test_a_part_that_is_built_adds_its_totals_once(ledger: Ledger, job: JobRecord) -> None:
    twice(ledger.add_part, job, 1, Totals(rows=3, failed=1))
    known = twice(ledger.add_part, job, 0, Totals(rows=2))
    ledger.add_part(job, 0, Totals(rows=9))
    assert known.parts == {0, 1}
    assert list(ledger.totals(job.id)) == [(0, Totals(rows=2)), (1, Totals(rows=3, failed=1))]


def test_the_first_end_of_a_job_stays(ledger: Ledger, job: JobRecord, clock: Clock) -> None:
    first = clock()
    twice(ledger.set_ended, job.id, first)
    clock.pass_by(60)
    assert ledger.set_ended(job.id, clock()).ended == first


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
    reads: list[Callable[[], object]] = [
        lambda: ledger.cover(job.id, 5, [SPAN], [], []),
        lambda: ledger.freeze(job.id, 5),
        lambda: ledger.chunk(job.id, 5),
    ]
    for read in reads:
        with pytest.raises(UnknownChunkError):
            read()


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


def test_only_predictions_show_that_the_endpoint_answers(ledger: Ledger, job: JobRecord, clock: Clock) -> None:
    chunk = ledger.cover(job.id, 0, [], [FIRST], [])
    assert (chunk.touched, chunk.answered) == (int(clock.time.timestamp()), 0)
    assert ledger.cover(job.id, 0, [SECOND], [], []).answered == int(clock.time.timestamp())


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


def test_held_spans_are_a_set_that_covers_nothing(ledger: Ledger, job: JobRecord) -> None:
    chunk = twice(ledger.cover, job.id, 0, [], [], [], [FIRST])
    assert [chunk.held, chunk.covered] == [{FIRST}, set()]


def test_a_job_remembers_its_last_trouble_and_since_when_it_is_of_that_kind(
    ledger: Ledger, job: JobRecord, clock: Clock
) -> None:
    first = int(clock.time.timestamp())
    for words in ("row 1 is too long", "row 2 is too long"):
        ledger.set_trouble(ledger.job(job.id), words)
        clock.pass_by(60)
    assert ledger.job(job.id).trouble == Trouble("row 2 is too long", first + 60, first)
    ledger.set_trouble(ledger.job(job.id), "x" * 600)
    assert ledger.job(job.id).trouble == Trouble("x" * 499 + "…", first + 120, first + 120)


def test_wrong_lengths_of_answers_are_a_set(ledger: Ledger, job: JobRecord) -> None:
    known = twice(ledger.add_mismatches, job.id, ["8:2"])
    assert known.mismatches == {"8:2"}
    assert known.rows_per_request == 1
    assert ledger.add_mismatches(job.id, ["1:2"]).mismatches == {"8:2", "1:2"}


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


# Endpoints


def test_an_endpoint_is_paused_until_somebody_says_otherwise(ledger: Ledger) -> None:
    assert ledger.health("endpoint") == Health()
    twice(ledger.set_pause, "endpoint", Pause(1_767_000_000, 300))
    assert ledger.health("endpoint").pause == Pause(1_767_000_000, 300)
    assert ledger.health("another") == Health()


def test_an_endpoint_is_known_by_when_it_last_answered_and_broke_a_request(ledger: Ledger, clock: Clock) -> None:
    first = int(clock.time.timestamp())
    ledger.set_pause("endpoint", Pause(7, 300))
    ledger.set_health("endpoint", answered=True, broken=False)
    clock.pass_by(60)
    ledger.set_health("endpoint", answered=False, broken=True)
    ledger.set_health("endpoint", answered=False, broken=False)
    assert ledger.health("endpoint") == Health(first, first + 60, Pause(7, 300))


def test_progress_is_kept_for_each_job_of_an_endpoint(ledger: Ledger) -> None:
    first, second = make_job("v1"), make_job("v2")
    twice(ledger.set_progress, first, Progress(1, 2, 3, 0.1))
    twice(ledger.set_progress, second, Progress(4, 5, 6, 1 / 3))
    ledger.set_progress(first, Progress(7, 8, 9, 2.5))
    assert ledger.progress("endpoint") == {first.id: Progress(7, 8, 9, 2.5), second.id: Progress(4, 5, 6, 1 / 3)}
    assert ledger.progress("another") == {}
