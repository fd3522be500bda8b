"""DynamoDB, SQS and EventBridge do a part of what they were asked: the adapters do the rest, or say so."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import PaginationError
from tests.contracts.clouds import Services
from tests.contracts.conftest import JOB
from tests.contracts.misbehaving import misbehaving
from tests.fakes.values import Clock, make_chunk, predictions, request

from fanfold_core.domain.errors import AnnouncementError, QueueError
from fanfold_core.domain.outcomes import Prediction
from fanfold_core.domain.spans import Span

FOUR = [request(JOB, Span(row, 1)) for row in range(4)]


def test_chunks_that_an_answer_leaves_out_are_asked_for_again(services: Services, clock: Clock) -> None:
    ledger = services.ledger(clock)
    ledger.create(JOB)
    for number in range(4):
        ledger.store(JOB, make_chunk(number), None)

    def leave_out(answer: Any) -> None:
        ((table, found),) = answer["Responses"].items()
        left = [{name: item[name] for name in ("pk", "sk")} for item in found[1:]]
        answer["Responses"] = {table: found[:1]}
        answer["UnprocessedKeys"] = {table: {"Keys": left, "ConsistentRead": True}} if left else {}

    with misbehaving(services.dynamodb.meta.client, "after-call.dynamodb.BatchGetItem", leave_out) as answers:
        found = list(ledger.chunks(JOB.id, range(4)))
    assert sorted(chunk.number for chunk in found) == [0, 1, 2, 3]
    assert len(answers) == 4


def test_chunks_are_not_asked_for_without_end(services: Services, clock: Clock) -> None:
    ledger = services.ledger(clock)
    ledger.store(ledger.create(JOB), make_chunk(), None)

    def leave_out_all(answer: Any) -> None:
        ((table, found),) = answer["Responses"].items()
        left = [{name: item[name] for name in ("pk", "sk")} for item in found]
        answer |= {"Responses": {table: []}, "UnprocessedKeys": {table: {"Keys": left}}}

    with (
        misbehaving(services.dynamodb.meta.client, "after-call.dynamodb.BatchGetItem", leave_out_all, times=5),
        pytest.raises(PaginationError, match="none of 1 key was"),
    ):
        list(ledger.chunks(JOB.id, [0]))


def test_pages_that_lead_nowhere_are_not_read_without_end(services: Services, clock: Clock) -> None:
    ledger = services.ledger(clock)
    ledger.store(ledger.create(JOB), make_chunk(), None)

    def lead_nowhere(answer: Any) -> None:
        answer["LastEvaluatedKey"] = {"pk": {"S": "JOB#"}, "sk": {"S": "SPAN#"}}

    with (
        misbehaving(services.dynamodb.meta.client, "after-call.dynamodb.Query", lead_nowhere, times=5) as pages,
        pytest.raises(PaginationError, match="begins where"),
    ):
        list(ledger.outcomes(JOB.id, 0))
    assert len(pages) == 2


def test_predictions_that_were_not_written_are_written_again(services: Services, clock: Clock) -> None:
    ledger, client = services.ledger(clock), services.dynamodb.meta.client
    job = ledger.store(ledger.create(JOB), make_chunk(), None)
    left: list[Any] = []

    def write_one(call: Any) -> None:
        sent = json.loads(call["body"])
        ((table, writes),) = sent["RequestItems"].items()
        sent["RequestItems"] = {table: writes[:1]}
        call["body"] = json.dumps(sent).encode()
        left.append({table: writes[1:]} if writes[1:] else {})

    def tell(answer: Any) -> None:
        answer["UnprocessedItems"] = left[-1]

    with (
        misbehaving(client, "before-call.dynamodb.BatchWriteItem", write_one),
        misbehaving(client, "after-call.dynamodb.BatchWriteItem", tell) as answers,
    ):
        ledger.put_predictions(job, 0, [Prediction(identity, predictions(1)) for identity in FOUR])
    assert len(answers) == 4
    assert [outcome.span for outcome in ledger.outcomes(JOB.id, 0)] == [identity.span for identity in FOUR]


def refused(answer: Any) -> None:
    answer["Failed"] = [{"Id": answer["Successful"].pop()["Id"], "SenderFault": False, "Code": "InternalError"}]


@pytest.mark.parametrize(
    ("change", "words"),
    [(refused, "InternalError"), (lambda answer: answer["Successful"].pop(), "no reason given")],
    ids=["refused", "not mentioned"],
)
def test_a_message_that_a_queue_did_not_take_is_an_error(
    services: Services, change: Callable[[Any], None], words: str
) -> None:
    def of_the_second_call(answer: Any) -> None:
        if len(answers) == 2:
            change(answer)

    with (
        misbehaving(services.sqs, "after-call.sqs.SendMessageBatch", of_the_second_call) as answers,
        pytest.raises(QueueError, match=f"/Chunks rejected a message: {words}"),
    ):
        services.queues.dispatch(JOB.id, range(12))
    services.taken()


def test_an_end_that_the_bus_did_not_take_is_an_error(services: Services) -> None:
    def refuse(answer: Any) -> None:
        answer |= {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "no"}]}

    with (
        misbehaving(services.events, "after-call.events.PutEvents", refuse),
        pytest.raises(AnnouncementError, match="tweets-1f has ended: InternalFailure"),
    ):
        services.announcements.job_ended({"job": "tweets-1f", "state": "SUCCEEDED"})
