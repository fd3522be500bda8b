"""How much of a job may be under way."""

from hypothesis import given
from hypothesis import strategies as st

from fanfold_core.domain.window import (
    Demand,
    Progress,
    Throughput,
    Window,
    compute_window,
    seconds_until_room,
    throughput,
)

DEMAND = Demand(rows_per_request=32, ttl_seconds=3600, chunk_rows=10_000, stored=1000, done=0, age_seconds=1)
DEMANDS = st.builds(
    Demand,
    rows_per_request=st.integers(1, 1000),
    ttl_seconds=st.integers(60, 21_600),
    chunk_rows=st.integers(1, 10_000),
    stored=st.integers(0, 100_000),
    done=st.integers(0, 100_000),
    age_seconds=st.floats(0, 1e6),
)
SEEN = st.builds(
    Throughput, rows=st.just(0.0) | st.floats(0.01, 1e6), requests=st.floats(0.001, 1e4), jobs=st.integers(1, 1000)
)


@given(DEMANDS, SEEN)
def test_no_job_is_kept_from_having_a_request_under_way(demand: Demand, seen: Throughput) -> None:
    found = compute_window(demand, seen, unmeasured_chunks=4)
    assert found.chunks >= 1
    assert found.rows >= min(demand.rows_per_request, demand.chunk_rows)
    assert found.room(sent=500, waiting=0) > 0


@given(DEMANDS, SEEN)
def test_what_is_under_way_is_worked_off_within_a_fifth_of_the_time_to_live(demand: Demand, seen: Throughput) -> None:
    found = compute_window(demand, seen, unmeasured_chunks=4)
    at_once = max(1, min(found.chunks, demand.stored - demand.done))
    per_second = min(seen.rows, seen.requests * demand.rows_per_request)
    if per_second > demand.rows_per_request * 0.1:
        one_request_each = at_once * demand.rows_per_request
        allowed = max(one_request_each, per_second / seen.jobs * demand.ttl_seconds / 5)
        assert at_once * found.rows <= allowed + at_once


def test_open_jobs_share_what_an_endpoint_may_have() -> None:
    alone, among_four = (compute_window(DEMAND, Throughput(3200, 100, jobs), 4).chunks for jobs in (1, 4))
    assert (alone, among_four) == (96, 24)


def test_a_job_with_other_requests_than_those_seen_counts_on_the_worse() -> None:
    one_row_each = Demand(1, 3600, 1000, stored=10, done=0, age_seconds=1)
    slow_requests, slow_rows = Throughput(rows=32, requests=1), Throughput(rows=1, requests=1)
    assert compute_window(one_row_each, slow_requests, 4) == compute_window(one_row_each, Throughput(1, 1), 4)
    assert compute_window(DEMAND, slow_rows, 4).rows < 32 * 300


def test_a_job_of_an_endpoint_that_has_shown_nothing_begins_with_little_and_doubles() -> None:
    found = compute_window(DEMAND, Throughput(), unmeasured_chunks=4)
    assert found.rows == 32 * 72 / 2
    assert found.room(sent=0, waiting=0) == 1152
    assert found.room(sent=1152, waiting=1152) == 0
    assert found.room(sent=1152, waiting=0) == 1152
    assert found.room(sent=2304, waiting=0) == 2304


def test_little_room_is_not_worth_reading_the_chunk_again() -> None:
    assert [Window(chunks=2, rows=100).room(500, waiting) for waiting in (60, 75, 76, 100, 200)] == [40, 25, 0, 0, 0]


def test_throughput_is_that_of_the_jobs_that_were_swept_lately() -> None:
    known = {"a": Progress(0, 1000, 32, 64.0), "b": Progress(0, 2000, 8, 16.0)}
    assert throughput(known, "b", now=1500) == Throughput(80, 4, jobs=2)
    assert throughput(known, "b", now=2000) == Throughput(16, 2, jobs=1)
    assert throughput({}, "new", now=2000) == Throughput(0, 0, jobs=1)


def test_progress_is_measured_from_sweep_to_sweep() -> None:
    first = Progress(rows=100, at=10, rows_per_request=32)
    assert first.advanced(700, 310).rows_per_second == 2
    assert first.advanced(700, 30) == first
    assert first.advanced(40, 310).rows_per_second == 0


def test_who_may_not_send_asks_again_ever_more_seldom() -> None:
    assert [seconds_until_room(quiet) for quiet in (-5, 0, 1, 7, 15, 900)] == [1, 1, 1, 7, 15, 15]


def test_rows_that_share_a_request_do_not_count_for_the_speed_of_an_endpoint() -> None:
    first = Progress(rows=0, at=0, rows_per_request=32)
    assert first.advanced(rows=3200, at=100, share=0.125).rows_per_second == 4
