"""Jobs against an endpoint in simulated time: nothing expires, the endpoint is busy, and who is small is served."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanfold.costs.simulation import SimulatedEndpoint, SimulatedJob, simulate
from fanfold.project import find_root
from localaws import template
from localaws.scaling import Policies, declared

RATES = [0.1, 1, 10, 100, 1000]
INSTANCES, CONCURRENCY = 4, 4


def policies(**parameters: str) -> Policies:
    return declared(template.read(find_root()), parameters)


def working(requests_per_second: float) -> SimulatedEndpoint:
    """Four instances that together work off so many requests per second."""
    return SimulatedEndpoint(INSTANCES * CONCURRENCY / requests_per_second, CONCURRENCY, INSTANCES)


@pytest.mark.parametrize("rate", RATES)
def test_an_endpoint_of_any_speed_works_without_a_pause_and_nothing_expires(rate: float) -> None:
    seconds = 6 * 3600 if rate <= 10 else 1800
    requests = min(int(rate * seconds), 500_000)
    course = simulate(working(rate), [SimulatedJob(rows=requests * 32)], window_chunks=16)
    assert course.jobs[0].expired == 0
    # The fastest is done before its speed was ever measured: most of its time is the beginning.
    assert course.busy_share >= (0.95 if rate <= 100 else 0.9)


@pytest.mark.parametrize("rate", RATES[:-1])
def test_instances_that_come_and_go_let_nothing_expire(rate: float) -> None:
    changes = {1000.0: 1, 2500.0: 4, 4000.0: 2, 4300.0: 3, 5000.0: 0, 5600.0: 1}
    endpoint = SimulatedEndpoint(INSTANCES * CONCURRENCY / rate, CONCURRENCY, INSTANCES, changes=changes)
    (job,) = simulate(endpoint, [SimulatedJob(rows=int(rate * 5000) * 32)], window_chunks=16).jobs
    assert job.finished is not None
    assert job.expired == 0


@settings(max_examples=30, deadline=None)
@given(
    one_instance=st.floats(0.1, 5),
    ttl_seconds=st.sampled_from([900, 3600, 21_600]),
    plan=st.lists(st.tuples(st.integers(60, 3000), st.integers(1, 4)), max_size=8),
    files=st.lists(
        st.tuples(st.integers(1, 3000), st.sampled_from([1, 32]), st.integers(0, 3000)), min_size=1, max_size=4
    ),
)
@example(one_instance=1.0, ttl_seconds=900, plan=[], files=[(1001, 1, 0)])
def test_jobs_that_come_at_any_time_share_an_endpoint_and_nothing_expires(
    one_instance: float, ttl_seconds: int, plan: list[tuple[int, int]], files: list[tuple[int, int, int]]
) -> None:
    changes, second = {}, 0.0
    for lasts, instances in plan:
        second += lasts
        changes[second] = instances
    endpoint = SimulatedEndpoint(CONCURRENCY / one_instance, CONCURRENCY, 1, changes=changes)
    jobs = [SimulatedJob(requests * each, each, ttl_seconds, begins) for requests, each, begins in files]
    for job in simulate(endpoint, jobs, window_chunks=16).jobs:
        assert job.finished is not None
        assert job.expired == 0


def test_a_small_job_does_not_wait_behind_a_giant() -> None:
    giant, small = SimulatedJob(rows=3_000_000), SimulatedJob(rows=320, begins=3600)
    course = simulate(working(10), [giant, small], window_chunks=16)
    finished = [job.finished or 0 for job in course.jobs]
    assert finished[0] > 9000
    assert finished[1] < 400


def test_a_sleeping_endpoint_wakes_scales_out_and_is_busy() -> None:
    endpoint = SimulatedEndpoint(request_seconds=1, policies=policies())
    course = simulate(endpoint, [SimulatedJob(rows=3_000_000)])
    assert [instances for _, instances in course.instances] == [0, 1, 5]
    woke = course.instances[1][0]
    assert woke == 360  # two minutes until the alarm, four until the instance is there
    assert course.busy_share >= 0.95
    assert course.jobs[0].expired == 0


def test_an_endpoint_does_not_sleep_while_it_works_on_requests() -> None:
    endpoint = SimulatedEndpoint(request_seconds=1_800, policies=policies())
    course = simulate(endpoint, [SimulatedJob(rows=3, rows_per_request=1)])
    assert course.instance_seconds >= 1_800


def test_no_more_instances_start_than_the_template_allows() -> None:
    endpoint = SimulatedEndpoint(request_seconds=1, policies=policies(MaxInstances="2"))
    course = simulate(endpoint, [SimulatedJob(rows=1_000_000)])
    assert max(instances for _, instances in course.instances) == 2


def test_what_waits_for_longer_than_its_time_to_live_expires_and_is_sent_again() -> None:
    endpoint = SimulatedEndpoint(request_seconds=1, changes={2000.0: 1})
    (job,) = simulate(endpoint, [SimulatedJob(rows=320, ttl_seconds=900)]).jobs
    assert (job.requests, job.expired) == (20, 10)
    assert job.finished is not None
    assert job.finished > 2000


def test_a_job_without_an_instance_ends_with_the_simulation() -> None:
    (job,) = simulate(SimulatedEndpoint(request_seconds=1), [SimulatedJob(rows=1)], most_seconds=3600).jobs
    assert job.finished is None


def test_the_same_question_has_the_same_answer() -> None:
    endpoint, jobs = SimulatedEndpoint(0.5, policies=policies()), [SimulatedJob(100_000), SimulatedJob(7, begins=99)]
    assert simulate(endpoint, jobs) == simulate(endpoint, jobs)
