"""Traces: Lambda makes them, and they go on with what a function sends, without a library of their own."""

from typing import Any

import pytest
from tests.functions.conftest import System

from fanfold_core.aws.messages import SqsQueues


def test_a_message_carries_the_trace_of_the_invocation_that_sends_it(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "fanfold-splitter")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", trace)
    session = system.cloud.session()
    client, sent = session.client("sqs"), []

    def remember(request: Any, **_: Any) -> None:
        sent.append(request.headers["X-Amzn-Trace-Id"].decode())

    client.meta.events.register("before-send.sqs.SendMessageBatch", remember)
    url = client.create_queue(QueueName="traced")["QueueUrl"]
    SqsQueues(client, chunks=url).dispatch("tweets-1f", [0])
    assert sent == [trace]
