"""What clients share: a stack or a local cloud, and all but time-outs and retries with a copy that has others."""

import asyncio
import gc
import socket
import threading
import time
import weakref
from collections.abc import Iterator
from functools import partial
from math import inf, nan
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError

from fanfold import AsyncFanfold, Fanfold, StackError, client
from fanfold.stacks import Stack
from localaws.credentials import Keys, LocalSession

IMPATIENT: dict[str, Any] = {"timeout": 0.2, "max_retries": 0}
# Where nobody is.
SESSION = LocalSession({"": "http://127.0.0.1:1"}, Keys("key", "secret"))
# boto3's own are a minute, and several attempts.
PATIENCE = 30
NAMES = ("input", "output", "ledger", "uploads", "assembly", "endpoint", "success", "error")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Somebody who takes calls, and never answers unless a test does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def session(listener: socket.socket) -> LocalSession:
    return LocalSession({"": f"http://127.0.0.1:{listener.getsockname()[1]}"}, Keys("key", "secret"))


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which stacks were looked up, all of which there are."""
    names = list[str]()

    def find(session: Any, name: str, config: Config | None) -> Stack:
        names.append(name)
        return Stack(session, config, name, {}, *NAMES)

    monkeypatch.setattr(Stack, "find", find)
    return names


def attempts(listener: socket.socket) -> int:
    listener.settimeout(0)
    taken = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return taken
        taken += 1


def stack_of(fanfold: Fanfold | AsyncFanfold) -> Stack:
    return fanfold.stack if isinstance(fanfold, Fanfold) else asyncio.run(fanfold.stack())


def limits(fanfold: Fanfold | AsyncFanfold) -> tuple[float, float, int, str]:
    """What boto3 is to do for whatever it asks of S3; of DynamoDB likewise."""
    stack = stack_of(fanfold)
    made: tuple[Any, Any] = (stack.client("s3"), stack._table.meta.client)  # noqa: SLF001 # as the ledger has it
    s3, table = (each.meta.config for each in made)
    both = [(its.connect_timeout, its.read_timeout, its.retries["total_max_attempts"]) for its in (s3, table)]
    assert both[0] == both[1]
    return *both[0], s3.retries["mode"]


@pytest.mark.parametrize("kind", [Fanfold, AsyncFanfold])
@pytest.mark.parametrize("max_retries", [0, 1])
def test_a_stack_is_waited_for_and_asked_again_as_the_options_say(
    kind: type[Fanfold | AsyncFanfold], max_retries: int, session: LocalSession, listener: socket.socket
) -> None:
    fanfold, began = kind("fanfold", session=session), time.monotonic()
    with pytest.raises(StackError, match="no response from"):
        stack_of(fanfold.with_options(timeout=0.2, max_retries=max_retries))
    assert time.monotonic() - began < PATIENCE
    assert attempts(listener) == max_retries + 1


@pytest.mark.usefixtures("found")
def test_jobs_have_the_options_of_the_client_that_they_come_from(
    session: LocalSession, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stack, "job_ids", lambda _stack: iter(["tweets-1f"]))
    fanfold, began = Fanfold(session=session), time.monotonic()
    # Clients of others are there already.
    _ = fanfold.stack.ledger
    (job,) = fanfold.with_options(**IMPATIENT).jobs()
    by_id = partial(fanfold.with_options(**IMPATIENT).job, "tweets-6a5ef09ece7577f1")
    for call in (job.status, job.wait, job.results, job.cancel, by_id):
        with pytest.raises(ReadTimeoutError):
            call()

    async def wait() -> None:
        async for job in AsyncFanfold(session=session).with_options(**IMPATIENT).jobs():
            await job.wait()

    with pytest.raises(ReadTimeoutError):
        asyncio.run(wait())
    assert time.monotonic() - began < PATIENCE
    assert attempts(listener) == 6


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("kind", [Fanfold, AsyncFanfold])
def test_what_is_not_given_stays_as_it_is(kind: type[Fanfold | AsyncFanfold], session: LocalSession) -> None:
    config = Config(connect_timeout=3, read_timeout=4, retries={"mode": "adaptive", "max_attempts": 6})
    fanfold = kind(session=session, config=config)
    assert limits(fanfold.with_options(timeout=5)) == (5, 5, 7, "adaptive")
    assert limits(fanfold.with_options(max_retries=0)) == (3, 4, 1, "adaptive")
    assert limits(fanfold.with_options(timeout=5).with_options(max_retries=2)) == (5, 5, 3, "adaptive")
    assert limits(fanfold.with_options(timeout=5).with_options(timeout=1.5)) == (1.5, 1.5, 7, "adaptive")
    assert limits(fanfold.with_options()) == limits(fanfold) == (3, 4, 7, "adaptive")
    assert type(fanfold.with_options()) is kind


def test_copies_look_up_one_stack_and_share_the_clients_of_equal_options(
    session: LocalSession, found: list[str]
) -> None:
    fanfold = Fanfold("mine", session=session)
    first, second = (fanfold.with_options(timeout=seconds).stack for seconds in (5, 5.0))
    assert found == ["mine"]
    for mine, others, other in ((first, second, fanfold.stack), (fanfold.stack, fanfold.stack, first)):
        assert mine.client("s3") is others.client("s3") is not other.client("s3")
        its, theirs, not_its = (stack._table.meta.client for stack in (mine, others, other))  # noqa: SLF001 # as the ledger
        assert its is theirs is not not_its


@pytest.mark.usefixtures("found")
def test_who_has_another_time_out_for_each_call_keeps_few_clients(session: LocalSession) -> None:
    fanfold = Fanfold(session=session)
    own = fanfold.stack.client("sqs")
    made = list[weakref.ref[Any]]()
    for seconds in range(1, 31):
        made.append(weakref.ref(fanfold.with_options(timeout=seconds).stack.client("sqs")))
        assert fanfold.stack.client("sqs") is own
    gc.collect()
    assert 1 < sum(client() is not None for client in made) < 10


@pytest.mark.usefixtures("found")
def test_connections_end_with_the_client_and_its_jobs_open_others(
    session: LocalSession, listener: socket.socket
) -> None:
    said = list[bytes]()

    def answer() -> None:
        for _ in range(2):
            connection = listener.accept()[0]
            with connection:
                connection.settimeout(PATIENCE)
                asked = b""
                while not asked.endswith(b"}"):
                    asked += connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                # Empty when the other side has closed.
                said.append(connection.recv(1))

    thread = threading.Thread(target=answer)
    thread.start()
    fanfold = Fanfold(session=session).with_options(timeout=PATIENCE)
    stack = fanfold.stack
    table = stack._table  # noqa: SLF001 # as the ledger has it
    for close in (fanfold.close, stack.close):
        assert "Item" not in table.get_item(Key={"pk": "JOB#tweets-1f", "sk": "JOB"})
        close()
    thread.join(PATIENCE)
    assert said == [b"", b""]


@pytest.mark.parametrize("kind", [Fanfold, AsyncFanfold])
@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        *(
            ({"timeout": bad}, ValueError, rf"timeout must be more than 0 .*, not {bad}$")
            for bad in (0, -1.5, inf, nan)
        ),
        ({"timeout": "5"}, TypeError, "timeout must be a number of seconds, not '5'$"),
        ({"timeout": True}, TypeError, "timeout must be a number of seconds, not True$"),
        ({"max_retries": -1}, ValueError, "max_retries must be 0 or more, not -1$"),
        *(
            ({"max_retries": bad}, TypeError, rf"max_retries must be a whole number, not {bad!r}$")
            for bad in (1.5, "2", False)
        ),
        ({"rows_per_request": 32}, TypeError, "unexpected keyword argument 'rows_per_request'"),
    ],
)
def test_options_that_no_call_can_have_are_refused_before_any(
    kind: type[Fanfold | AsyncFanfold], options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        kind().with_options(**options)


class Cloud:
    """A local cloud that starts when it may."""

    stack_name = "fanfold"

    def __init__(self) -> None:
        self.starts, self.may_start = threading.Event(), threading.Event()
        self.did: list[str] = []

    def start(self) -> None:
        self.did.append("starts")
        self.starts.set()
        assert self.may_start.wait(PATIENCE)
        self.did.append("has started")

    def stop(self) -> None:
        self.did.append("stops")

    def session(self) -> None:
        """Nobody looks at it."""


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    cloud = Cloud()
    monkeypatch.setattr(client, "local_cloud", lambda *_, **__: cloud)
    monkeypatch.setattr(Stack, "find", lambda _session, name, config: Stack(SESSION, config, name, {}, *NAMES))
    return cloud


def test_tasks_that_need_a_local_cloud_at_once_share_it(cloud: Cloud) -> None:
    async def main() -> None:
        fanfold = AsyncFanfold(local=True)
        stacks = asyncio.gather(fanfold.stack(), fanfold.stack())
        assert await asyncio.to_thread(cloud.starts.wait, PATIENCE)
        cloud.may_start.set()
        first, second = await stacks
        assert first is second
        await fanfold.close()

    asyncio.run(main())
    assert cloud.did == ["starts", "has started", "stops"]


def test_a_local_cloud_stops_that_is_no_longer_wanted_while_it_starts(cloud: Cloud) -> None:
    async def main() -> None:
        task = asyncio.create_task(AsyncFanfold(local=True).__aenter__())
        assert await asyncio.to_thread(cloud.starts.wait, PATIENCE)
        task.cancel()
        cloud.may_start.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert cloud.did == ["starts", "has started", "stops"]


def test_a_local_cloud_stops_whose_stack_is_not_found(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise StackError("no such stack")

    monkeypatch.setattr(Stack, "find", refuse)
    cloud.may_start.set()
    with pytest.raises(StackError), Fanfold(local=True):
        pass
    assert cloud.did == ["starts", "has started", "stops"]


def test_a_client_and_its_copies_share_a_local_cloud_which_ends_with_any_of_them(cloud: Cloud) -> None:
    cloud.may_start.set()
    fanfold = Fanfold(local=True)
    with fanfold.with_options(timeout=5) as patient:
        assert fanfold.stack.config is None
        assert patient.stack.config is not None
        assert cloud.did == ["starts", "has started"]
    fanfold.close()
    assert cloud.did == ["starts", "has started", "stops"]


@pytest.mark.parametrize("given", [{"model": "./my-model"}, {"task": "fill-mask"}, {"container": "bin/python"}])
def test_a_model_that_a_stack_would_not_run_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="are for a local cloud: add local=True"):
        Fanfold(**given)
