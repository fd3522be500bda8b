"""Hostile events: whatever comes in a message, it is understood or comes back, and takes no other message with it."""

import importlib.util
import logging
import os
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.functions.conftest import System, event, make_job
from tests.functions.hostile import bodies

from fanfold.project import find_root
from fanfold_core.aws import events, messages
from fanfold_core.domain.errors import MalformedMessageError, NewerVersionError
from localaws.functions.worker import LambdaContext

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]

# For each function: how its messages are read, an event that is good, and events to make bad ones from.
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], str, list[str]]] = {
    "splitter": (lambda body: list(events.uploads(body)), "split-on", ["upload", "split-on"]),
    "dispatcher": (messages.Dispatch.read, "resend", ["chunk", "resend"]),
    "collector": (
        events.outcome,
        "unsendable",
        ["success", "failure", "expired", "unsendable", "success-not-included", "found"],
    ),
    "assembler": (messages.Assemble.read, "assembly", ["assembly", "assembly-part", "assembly-table"]),
    "sweeper": (messages.Sweep.read, "sweep-job", ["sweep-job", "schedule"]),
}


@pytest.fixture(scope="module")
def handlers(started: System) -> Iterator[dict[str, Handler]]:
    """The real handlers, each wired in this process with its own function's environment and role; and a job."""
    make_job(started)
    environments = started.cloud.function_environments()
    loggers = {name: logging.getLogger(name) for name in FUNCTIONS}
    levels = {name: logger.level for name, logger in loggers.items()}
    with patch.object(boto3, "DEFAULT_SESSION", None):
        yield {name: load(name, environments[f"{name.capitalize()}Function"]) for name in FUNCTIONS}
    for name, logger in loggers.items():
        logger.setLevel(levels[name])


def load(name: str, environment: dict[str, str]) -> Handler:
    quiet = {"POWERTOOLS_LOG_LEVEL": "CRITICAL", "AWS_REGION": "us-east-1"}
    with patch.dict(os.environ, {**environment, **quiet, "AWS_DEFAULT_REGION": "us-east-1"}):
        boto3.setup_default_session()
        spec = importlib.util.spec_from_file_location(f"hostile_{name}", find_root() / f"functions/{name}/handler.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        handler: Handler = module.handler
        return handler


@pytest.mark.parametrize("function", FUNCTIONS)
@given(data=st.data())
def test_a_body_is_understood_or_malformed(function: str, data: st.DataObject) -> None:
    read, _, names = FUNCTIONS[function]
    try:
        read(data.draw(bodies(*names)))
    except (MalformedMessageError, NewerVersionError) as error:
        str(error).encode()


# A batch may have nothing to count, which powertools finds worth a warning.
@pytest.mark.filterwarnings("ignore:No application metrics")
@pytest.mark.parametrize("function", FUNCTIONS)
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_hostile_messages_come_back_and_the_good_one_among_them_is_done(
    handlers: dict[str, Handler], function: str, data: st.DataObject
) -> None:
    read, good_event, names = FUNCTIONS[function]
    good = event(good_event)["Records"][0]
    hostile = [
        {**good, "messageId": f"bad-{number}", "body": body}
        for number, body in enumerate(data.draw(st.lists(bodies(*names), min_size=1, max_size=5)))
    ]
    place = data.draw(st.integers(0, len(hostile)))
    answer = handlers[function]({"Records": [*hostile[:place], good, *hostile[place:]]}, context())
    back = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
    assert back <= {record["messageId"] for record in hostile}
    assert {record["messageId"] for record in hostile if is_malformed(read, record["body"])} <= back


def is_malformed(read: Callable[[Any], Any], body: Any) -> bool:
    try:
        read(body)
    except (MalformedMessageError, NewerVersionError):
        return True
    return False


def context() -> LambdaContext:
    return LambdaContext(
        "r", "arn:aws:lambda:us-east-1:123456789012:function:f", time.time() + 90, "f", "1", "1769", "g", "s"
    )
