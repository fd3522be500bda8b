"""What a function raises again and again: the job says so while it is tried, and ends when it is given up."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.functions.conftest import NOTHING_FAILED, System, body, event
from tests.functions.test_lost_and_found import change

from fanfold.status import StatusReader
from fanfold_core.domain.job import JobRecord, State
from fanfold_core.domain.keys import result_key

MakeJob = Callable[..., JobRecord]
# Functions, and an event that each gets.
MESSAGES = [
    ("Splitter", "split-on"),
    ("Dispatcher", "chunk"),
    ("Collector", "unsendable"),
    ("Sweeper", "sweep-job"),
]
QUEUES = {
    "Splitter": "Uploads",
    "Dispatcher": "Chunks",
    "Collector": "Outcomes",
    "Assembler": "Assembly",
    "Sweeper": "Sweeps",
}


class DeadLetters:
    """The dead-letter queues as a test looks at them."""

    def __init__(self, system: System) -> None:
        self._sqs = system.cloud.session().client("sqs")
        self._stack = system.cloud.session().client("cloudformation")

    def put(self, queue: str, content: object) -> None:
        """Have a message die."""
        self._sqs.send_message(QueueUrl=self._url(queue), MessageBody=json.dumps(content))

    def count(self, queue: str) -> int:
        """How many there are, seen or hidden."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        found = self._sqs.get_queue_attributes(QueueUrl=self._url(queue), AttributeNames=list(names))["Attributes"]
        return sum(int(found[name]) for name in names)

    def empty(self) -> None:
        """Forget them all."""
        for queue in QUEUES.values():
            self._sqs.purge_queue(QueueUrl=self._url(queue))

    def _url(self, queue: str) -> str:
        found = self._stack.describe_stack_resource(StackName="fanfold", LogicalResourceId=f"{queue}DeadLetters")
        return str(found["StackResourceDetail"]["PhysicalResourceId"])


@pytest.fixture
def letters(system: System) -> DeadLetters:
    letters = DeadLetters(system)
    letters.empty()
    return letters


@pytest.mark.parametrize(("function", "name"), [*MESSAGES, ("Assembler", "assembly")])
def test_what_a_function_raises_stands_in_the_status_of_its_job(
    system: System, job: MakeJob, function: str, name: str
) -> None:
    made = job()
    if function == "Splitter":
        unfinished = {"UpdateExpression": "REMOVE #total", "ExpressionAttributeNames": {"#total": "total"}}
        system.table.update_item(Key={"pk": f"JOB#{made.id}", "sk": "JOB"}, **unfinished)
    if function == "Assembler":
        system.ledger.close(made.id, State.CANCELLED, "cancelled")
    change(system, "CHUNK", rows="many")
    returned = {"batchItemFailures": [{"itemIdentifier": event(name)["Records"][0]["messageId"]}]}
    assert system.invoke(function, name) == returned
    change(system, "CHUNK", rows=3)
    status = StatusReader(system.ledger, made.id).read()
    # Which frame it is depends on Python's version.
    assert re.fullmatch(rf"{function.lower()}: ValueError in \S+ \(items\.py, line \d+\)", status.trouble)
    assert status.trouble_at


@pytest.mark.parametrize(("function", "name"), MESSAGES)
def test_a_dead_letter_ends_its_job_which_keeps_its_finished_rows(
    system: System, job: MakeJob, letters: DeadLetters, function: str, name: str
) -> None:
    made, queue = job(), QUEUES[function]
    system.invoke("Collector", "success")
    letters.put(queue, body(name))
    assert system.invoke("Sweeper", "schedule") == NOTHING_FAILED
    assert letters.count(queue) == 1
    assert system.messages("Assembly") == [body("assembly")]
    assert system.invoke("Assembler", "assembly") == NOTHING_FAILED
    ended = system.ledger.job(made.id)
    assert ended.state is State.FAILED
    assert ended.reason.startswith(f"the {function.lower()} cannot process a message of this job")
    first, *_, last = system.read(result_key(made.id, "results.csv")).splitlines()[1:]
    assert first == "1,so good,LABEL_2,0.98,"
    assert "job failed: the" in last


def test_a_job_that_cannot_be_assembled_ends_with_a_summary(system: System, job: MakeJob, letters: DeadLetters) -> None:
    made = job()
    system.ledger.close(made.id, State.CANCELLED, "cancelled")
    change(system, "CHUNK", rows="many")
    assert system.invoke("Assembler", "assembly") != NOTHING_FAILED
    letters.put("Assembly", body("assembly"))
    change(system, "JOB", touched=1)
    assert system.invoke("Sweeper", "schedule") == NOTHING_FAILED
    (abandon,) = system.messages("Assembly")
    assert abandon == {"v": 1, "job": made.id, "abandoned": True}
    record = {**event("assembly")["Records"][0], "body": json.dumps(abandon)}
    assert system.cloud.invoke("AssemblerFunction", {"Records": [record]}) == NOTHING_FAILED
    status = StatusReader(system.ledger, made.id).read()
    assert (status.state, status.trouble) == ("FAILED", "")
    assert "cancelled; its results cannot be written (last error: assembler: ValueError" in status.reason
    summary: dict[str, Any] = json.loads(system.read(result_key(made.id, "summary.json")))
    assert (summary["state"], summary["reason"]) == ("FAILED", status.reason)


def test_a_letter_of_an_ended_job_is_dropped_and_one_of_no_job_stays(
    system: System, job: MakeJob, letters: DeadLetters
) -> None:
    made = job()
    system.ledger.close(made.id, State.CANCELLED, "cancelled")
    system.ledger.finish(made.id, State.CANCELLED, "cancelled")
    letters.put("Chunks", body("chunk"))
    letters.put("Chunks", {"v": 1, "job": "nobody-0123456789abcdef", "chunk": 0})
    letters.put("Chunks", "no message of ours")
    assert system.invoke("Sweeper", "schedule") == NOTHING_FAILED
    assert letters.count("Chunks") == 2


def test_a_job_that_cannot_be_read_costs_no_other_dead_letter(
    system: System, job: MakeJob, letters: DeadLetters
) -> None:
    made = job()
    unreadable = "unreadable-0123456789abcdef"
    item = system.table.get_item(Key={"pk": f"JOB#{made.id}", "sk": "JOB"})["Item"]
    system.table.put_item(Item={**item, "pk": f"JOB#{unreadable}", "stored": "many"})
    letters.put("Uploads", {"v": 1, "job": unreadable})
    letters.put("Chunks", body("chunk"))
    assert system.invoke("Sweeper", "schedule") == NOTHING_FAILED
    assert system.ledger.job(made.id).state is State.CLOSING
    assert letters.count("Uploads") == 1
