"""Messages that cannot be processed: they return, and their job says why."""

import json
import re
from typing import Any
from urllib.parse import quote_plus

import pytest
from tests.fakes.ledger import MemoryLedger
from tests.fakes.values import INPUT, KEY, Clock, make_job

from fanfold_core.aws.events import job_of, process_each
from fanfold_core.aws.logs import function_logger
from fanfold_core.domain.job import JobRecord

JOB = make_job()
EVENT = {"Records": [{"messageId": "one", "body": json.dumps({"job": JOB.id})}]}
RETURNED = {"batchItemFailures": [{"itemIdentifier": "one"}]}


class Refusing(MemoryLedger):
    """A ledger that takes no trouble."""

    def set_trouble(self, job: JobRecord, words: str) -> None:
        raise OSError(f"{job.id} cannot be written: {words}")


def fail(_body: str) -> None:
    raise KeyError("label")


def process(ledger: MemoryLedger) -> None:
    """Fail to process a message of the job."""
    assert process_each(EVENT, fail, ledger, function_logger("collector")) == RETURNED


def logged(caplog: pytest.LogCaptureFixture) -> list[type[BaseException] | None]:
    """The errors that are logged."""
    return [record.exc_info[0] for record in caplog.records if record.exc_info]


def test_what_is_raised_is_the_trouble_of_the_job_and_stands_in_its_log(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    ledger = MemoryLedger(clock)
    ledger.create(JOB)
    process(ledger)
    now = int(clock().timestamp())
    trouble = ledger.job(JOB.id).trouble
    assert (trouble.at, trouble.since) == (now, now)
    assert re.fullmatch(r"collector: KeyError in fail \(test_trouble\.py, line \d+\)", trouble.words)
    assert logged(caplog) == [KeyError]
    assert vars(caplog.records[0])["job"] == JOB.id


def test_an_error_that_cannot_be_stored_is_logged_and_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    ledger = Refusing(Clock())
    ledger.create(JOB)
    process(ledger)
    assert logged(caplog) == [KeyError, OSError]


def test_a_message_of_a_job_that_is_gone_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    process(MemoryLedger(Clock()))
    assert logged(caplog) == [KeyError]


UPLOAD = {"s3": {"bucket": {"name": INPUT}, "object": {"key": quote_plus(KEY), "versionId": "version-1"}}}


@pytest.mark.parametrize(
    ("content", "job"),
    [
        ({"job": JOB.id, "chunk": 3}, JOB.id),
        ({"job": JOB.id, "chunk": 3, "unsendable": {}}, JOB.id),
        ({"found": f"{JOB.id}/0/0000000-0001/1", "at": "s3://output/there"}, JOB.id),
        ({"inferenceId": f"{JOB.id}/0/0000000-0001/1", "failureReason": "gone"}, JOB.id),
        ({"Records": [UPLOAD]}, JOB.id),
        ({"Records": []}, None),
        ({"Event": "s3:TestEvent"}, None),
        ({"inferenceId": "somebody-else"}, None),
        ({"inferenceId": f"{JOB.id}/0/0000000-0001/1", "invocationStatus": "Completed"}, None),
        ({"detail-type": "Scheduled Event"}, None),
        ({"job": "../.."}, None),
        ({"v": 2, "job": JOB.id}, None),
        ([JOB.id], None),
    ],
)
def test_a_message_names_its_job_in_whatever_queue_it_is(content: Any, job: str | None) -> None:
    assert job_of(json.dumps(content)) == job
