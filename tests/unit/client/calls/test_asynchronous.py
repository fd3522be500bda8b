"""The client for asyncio is the client: it has the same methods, calls them in threads, and leaves jobs alone."""

import asyncio
import inspect
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cached_property
from types import SimpleNamespace
from typing import Any
from unittest.mock import DEFAULT, create_autospec

import pytest

from fanfold import (
    AsyncErrors,
    AsyncFanfold,
    AsyncJob,
    AsyncResults,
    Errors,
    Fanfold,
    Job,
    JobState,
    JobStatus,
    JobStillOpenError,
    Results,
)

PAIRS: dict[type, type] = {AsyncFanfold: Fanfold, AsyncJob: Job, AsyncResults: Results, AsyncErrors: Errors}
# What goes wrong waits no longer than this.
PATIENCE = 60
STATUS = JobStatus(
    "tweets-1f", JobState.RUNNING, "", None, 0, 0, 0, None, datetime(2026, 1, 1, tzinfo=UTC), None,
    "s3://input/tweets.csv", None, "", "", "endpoint",
)  # fmt: skip
ENDED = JobStatus(**{**STATUS.as_dict(), "state": JobState.SUCCEEDED})


def public(whose: type) -> dict[str, Any]:
    return {name: value for name, value in inspect.getmembers_static(whose) if not name.startswith("_")}


def function_of(member: Any) -> Callable[..., Any]:
    if isinstance(member, cached_property):
        return member.func
    found: Callable[..., Any] = getattr(member, "fget", getattr(member, "__func__", member))
    return found


def in_asyncio(annotation: str) -> str:
    return re.sub(r"\b(Iterator|Job|Results|Errors)\b", r"Async\1", annotation)


MEMBERS = [(front, name) for front, behind in PAIRS.items() for name in public(behind)]
METHODS = [
    (front, name) for front, name in MEMBERS if inspect.iscoroutinefunction(function_of(public(front).get(name)))
]
# It makes a client, and asks nobody.
NOT_BLOCKING = {"with_options"}
# Between two looks these hold no thread.
WAITING = {(AsyncJob, "wait"), (AsyncFanfold, "wake")}


@pytest.mark.parametrize(("front", "behind"), PAIRS.items())
def test_both_clients_have_the_same_public_names(front: type, behind: type) -> None:
    assert public(front).keys() == public(behind).keys()
    assert inspect.signature(AsyncFanfold) == inspect.signature(Fanfold)


@pytest.mark.parametrize(("front", "name"), MEMBERS)
def test_both_clients_have_the_same_signatures_and_what_blocks_is_awaited(front: type, name: str) -> None:
    member, blocking = public(front)[name], public(PAIRS[front])[name]
    if isinstance(blocking, str):
        assert member == blocking
        return
    found, wanted = (inspect.signature(function_of(each)) for each in (member, blocking))
    assert found.parameters == wanted.parameters
    assert found.return_annotation == in_asyncio(wanted.return_annotation)
    is_iterated = wanted.return_annotation.startswith("Iterator")
    is_at_once = is_iterated or isinstance(member, property) or name in NOT_BLOCKING
    assert inspect.iscoroutinefunction(function_of(member)) != is_at_once


@pytest.mark.parametrize(("front", "name"), [each for each in MEMBERS if each[0] in (AsyncFanfold, AsyncJob)])
def test_both_clients_say_alike_what_a_call_does(front: type, name: str) -> None:
    found, wanted = (inspect.getdoc(function_of(public(each)[name])) for each in (front, PAIRS[front]))
    assert found is not None
    assert wanted is not None
    first, *more = found.splitlines()
    assert first == wanted.splitlines()[0]
    # An editor shows no more than this: who wants the rest is told where it is.
    assert bool(more) == (len(wanted.splitlines()) > 1)
    assert not more or f"As `{PAIRS[front].__name__}.{name}`" in found


@pytest.mark.parametrize("front", [AsyncResults, AsyncErrors])
def test_both_clients_iterate_over_the_same_rows(front: type[AsyncResults]) -> None:
    wanted = inspect.signature(PAIRS[front].__iter__)  # type: ignore[attr-defined] # these two have it
    assert inspect.signature(front.__aiter__).return_annotation == in_asyncio(wanted.return_annotation)


def made(front: type, behind: Any) -> Any:
    """The front of what is behind it."""
    if front is not AsyncFanfold:
        return front(behind)
    found = AsyncFanfold()
    found._client = behind  # noqa: SLF001 # it makes its own
    return found


@pytest.mark.parametrize(("front", "name"), [each for each in METHODS if each not in WAITING])
def test_a_call_is_made_in_a_thread_with_all_of_its_arguments(
    front: type, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind: Any = create_autospec(PAIRS[front], instance=True, id="tweets-1f")
    if name == "of_folder":
        monkeypatch.setattr(PAIRS[front], name, behind.of_folder)
    called, threads = getattr(behind, name), list[int]()

    def note(*_: Any, **__: Any) -> Any:
        threads.append(threading.get_ident())
        return DEFAULT

    called.side_effect = note
    method = getattr(made(front, behind), name)
    given = {parameter: object() for parameter in inspect.signature(method).parameters}
    got = asyncio.run(method(**given))
    if isinstance(public(PAIRS[front])[name], property | cached_property):
        assert got is called
        return
    called.assert_called_once_with(**given)
    assert threading.get_ident() not in threads
    returned = called.return_value
    assert got is None or got is returned or returned in vars(got).values()


@pytest.mark.parametrize(
    ("front", "name"),
    [
        (AsyncFanfold, "jobs"),
        *((f, n) for f in (AsyncResults, AsyncErrors) for n in ("blocks", "for_spreadsheets", "__aiter__")),
    ],
)
def test_what_is_iterated_over_blocks_threads_and_is_read_a_little_ahead(front: type, name: str) -> None:
    read, threads, loop_goes_on = [], set(), threading.Event()

    def items(*_: Any) -> Iterator[Any]:
        for number in range(1_000):
            read.append(number)
            threads.add(threading.get_ident())
            # The first one comes only if the loop has its turn while it is waited for.
            assert loop_goes_on.wait(PATIENCE)
            yield SimpleNamespace(id=number)

    behind: Any = create_autospec(PAIRS[front], instance=True)
    getattr(behind, name.replace("aiter", "iter")).side_effect = items

    async def consume() -> None:
        asyncio.get_running_loop().call_later(0.01, loop_goes_on.set)
        ids = []
        async for item in getattr(made(front, behind), name)():
            ids.append(item.id)
            assert len(read) - len(ids) < 100
        assert ids == list(range(1_000))

    asyncio.run(consume())
    assert threading.get_ident() not in threads


def job_of(*statuses: JobStatus) -> Any:
    """A job that has these statuses, and then the last of them."""
    left = list(statuses)
    job: Any = create_autospec(Job, instance=True, id="tweets-1f")
    job.status.side_effect = lambda: left.pop(0) if len(left) > 1 else left[0]
    return job


def test_a_job_is_waited_for_until_it_has_ended() -> None:
    async def statuses() -> list[JobStatus]:
        return [status async for status in AsyncJob(job_of(STATUS, STATUS, ENDED)).follow()]

    assert asyncio.run(statuses()) == [STATUS, STATUS, ENDED]
    assert asyncio.run(AsyncJob(job_of(STATUS, ENDED)).wait(PATIENCE)) == ENDED


@pytest.mark.parametrize("timeout", [0, 0.15])
def test_a_job_that_has_not_ended_in_time_is_told_of_with_what_to_do(timeout: float) -> None:
    what_to_do = r"wait for its end \(`fanfold status tweets-1f --watch`, or wait\(\) in Python\)"
    words = rf"^job tweets-1f is still running after {timeout:g} s: {what_to_do}$"
    job = job_of(STATUS)
    with pytest.raises(JobStillOpenError, match=words):
        asyncio.run(AsyncJob(job).wait(timeout))
    stack: Any = SimpleNamespace(ledger=None)
    blocking = Job(stack, "tweets-1f")
    blocking.status = job.status  # type: ignore[method-assign] # of a job that never ends
    with pytest.raises(JobStillOpenError, match=words):
        blocking.wait(timeout)
    job.cancel.assert_not_called()


def test_one_thread_is_enough_to_wait_for_many_jobs() -> None:
    looked_at: set[int] = set()

    def look(number: int) -> JobStatus:
        """They have ended when each was looked at."""
        looked_at.add(number)
        return ENDED if len(looked_at) == 20 else STATUS

    jobs = [job_of() for _ in range(20)]
    for number, job in enumerate(jobs):
        job.status.side_effect = lambda number=number: look(number)

    async def wait() -> list[JobStatus]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        return await asyncio.gather(*(AsyncJob(job).wait(PATIENCE) for job in jobs))

    assert asyncio.run(wait()) == [ENDED] * 20


def test_a_job_goes_on_when_who_waits_for_it_is_cancelled() -> None:
    job, asked, answers = job_of(STATUS), threading.Event(), threading.Event()

    def look() -> JobStatus:
        asked.set()
        assert answers.wait(PATIENCE)
        return STATUS

    job.status.side_effect = look

    async def cancel() -> None:
        task = asyncio.create_task(AsyncJob(job).wait())
        assert await asyncio.to_thread(asked.wait, PATIENCE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        answers.set()

    asyncio.run(cancel())
    assert {name for name, _, _ in job.method_calls} == {"status"}
