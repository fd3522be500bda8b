"""The time-outs that a client is given hold for all that it asks of AWS."""

import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError
from tests.fakes.values import make_job

from fanfold import Fanfold, StackError
from fanfold.cli.logs import log_lines
from fanfold.doctor.stack import examine
from fanfold.folder import HeldFolder
from fanfold.input.objects import below
from fanfold.input.sources import Source
from fanfold.input.uploads import upload_stream
from fanfold.results.objects import read_object
from fanfold.stacks import Stack
from localaws.credentials import Keys, LocalSession

READ_TIMEOUT = 0.2
CONFIG = Config(read_timeout=READ_TIMEOUT, retries={"total_max_attempts": 1})
KEYS = Keys("key", "secret")
# boto3's own are a minute, five times.
MUCH_LESS = 30
NAMES = ("input", "output", "ledger", "uploads", "assembly", "endpoint", "success", "error")
JOB: Any = SimpleNamespace(id="tweets-1f", status=lambda: SimpleNamespace(created=datetime(2026, 1, 1, tzinfo=UTC)))

# Everything that the client does with AWS, by the service that it asks first.
CALLS: dict[str, Callable[[Stack, Path], object]] = {
    "ledger": lambda stack, _: stack.ledger.job("tweets-1f"),
    "list": lambda stack, _: next(stack.listed_jobs()),
    "queues": lambda stack, _: stack.queues.assemble("tweets-1f"),
    "store": lambda stack, _: stack.store.read("key"),
    "upload": lambda stack, _: upload_stream(stack, "tweets.csv", BytesIO(b"text\n"), {}),
    "source": lambda stack, _: Source.of_object(stack.client("s3"), "s3://bucket/tweets.csv"),
    "objects": lambda stack, _: below(stack.client("s3"), "s3://bucket/reviews/"),
    "results": lambda stack, _: next(read_object(stack, "key")),
    "download": lambda stack, folder: HeldFolder(folder).receive(stack, make_job()),
    "doctor": lambda stack, _: list(examine(stack)),
    "scaling": lambda stack, _: stack.client("application-autoscaling").describe_scaling_policies(
        ServiceNamespace="sagemaker"
    ),
    "logs": lambda stack, _: next(log_lines(stack, JOB)),
}


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of somebody who takes calls and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def session(silent: str) -> LocalSession:
    return LocalSession({"": silent}, KEYS)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_who_never_answers_is_waited_for_as_long_as_the_config_says(
    session: LocalSession, tmp_path: Path, call: Callable[[Stack, Path], object]
) -> None:
    stack = Stack(session, CONFIG, "fanfold", {}, *NAMES)
    began = time.monotonic()
    with pytest.raises(Exception, match=r".") as refused:
        call(stack, tmp_path)
    assert READ_TIMEOUT <= time.monotonic() - began < MUCH_LESS
    assert any(isinstance(error, ReadTimeoutError) for error in causes(refused.value))


def test_a_stack_that_never_answers_is_told_of_with_what_to_do(session: LocalSession, silent: str) -> None:
    with pytest.raises(StackError, match=f"no response from {silent}.*: if this was a local cloud"):
        _ = Fanfold("fanfold", session=session, config=CONFIG).stack


def test_a_config_adds_to_what_the_session_has() -> None:
    given = Config(connect_timeout=3, retries={"total_max_attempts": 2})
    stack = Stack(LocalSession({"": "http://127.0.0.1:1"}, KEYS), given, "fanfold", {}, *NAMES)
    for client in (stack.client("s3"), stack._table.meta.client):  # noqa: SLF001 # the resource that the ledger has
        config: Any = client.meta.config
        assert (config.proxies, config.connect_timeout) == ({}, 3)
        assert config.retries["total_max_attempts"] == 2
