"""Files that are replaced or deleted while their job runs: the pinned version is read, or the job ends saying so."""

from collections.abc import Callable

import pytest
from tests.functions.conftest import KEY, NOTHING_FAILED, System

from fanfold_core.domain.job import JobRecord, State
from fanfold_core.domain.keys import result_key

MakeJob = Callable[..., JobRecord]
PREDICTED = ["LABEL_2,0.98,", "LABEL_0,0.71,"]


def delete(system: System, job: JobRecord) -> str:
    """Delete the very version that the job reads; how the error names it."""
    system.s3.delete_object(Bucket=job.source.bucket, Key=KEY, VersionId=job.source.version)
    return (
        f"s3://{job.source.bucket}/{KEY} no longer exists: upload the file again, and keep it until its job has ended"
    )


def results(system: System, job: JobRecord) -> list[str]:
    return system.read(result_key(job.id, "results.csv")).splitlines()[1:]


def ended(system: System, job: JobRecord) -> tuple[State, str]:
    found = system.ledger.job(job.id)
    return found.state, found.reason


@pytest.mark.parametrize("replaced", [b"id,text\r\n9,else\r\n", None])
def test_a_file_that_is_replaced_or_hidden_is_read_as_it_was(
    system: System, job: MakeJob, replaced: bytes | None
) -> None:
    made = job()
    if replaced is None:
        system.s3.delete_object(Bucket=made.source.bucket, Key=KEY)  # adds a marker; the version stays
    else:
        system.s3.put_object(Bucket=made.source.bucket, Key=KEY, Body=replaced)
    assert system.invoke("Dispatcher", "chunk") == NOTHING_FAILED
    assert system.ledger.chunk(made.id, 0).sent == 3
    for function, name in (("Collector", "success"), ("Collector", "unsendable"), ("Assembler", "assembly")):
        assert system.invoke(function, name) == NOTHING_FAILED
    expected = [f"1,so good,{PREDICTED[0]}", f"2,never again,{PREDICTED[1]}", "3,,,,input is empty"]
    assert results(system, made) == expected


def test_a_file_that_vanishes_before_it_is_split_ends_its_job(system: System, job: MakeJob) -> None:
    made = job()
    system.table.update_item(
        Key={"pk": f"JOB#{made.id}", "sk": "JOB"},
        UpdateExpression="REMOVE #layout, #total SET #stored = :none",
        ExpressionAttributeNames={f"#{name}": name for name in ("layout", "total", "stored")},
        ExpressionAttributeValues={":none": 0},
    )
    words = delete(system, made)
    assert system.invoke("Splitter", "split-on") == NOTHING_FAILED
    assert system.invoke("Assembler", "assembly") == NOTHING_FAILED
    assert ended(system, made) == (State.FAILED, words)


def test_a_file_that_vanishes_before_it_is_sent_ends_its_job(system: System, job: MakeJob) -> None:
    made = job()
    words = delete(system, made)
    assert system.invoke("Dispatcher", "chunk") == NOTHING_FAILED
    assert system.invoke("Assembler", "assembly") == NOTHING_FAILED
    assert ended(system, made) == (State.FAILED, words)
    assert results(system, made) == [f',,"job failed: {words}"'] * 3


def test_rows_of_a_file_that_vanishes_before_assembly_keep_their_predictions(system: System, job: MakeJob) -> None:
    made = job()
    for name in ("success", "unsendable"):
        assert system.invoke("Collector", name) == NOTHING_FAILED
    words = delete(system, made)
    assert system.invoke("Assembler", "assembly") == NOTHING_FAILED
    assert ended(system, made) == (State.FAILED, words)
    assert words in system.read(result_key(made.id, "summary.json"))
    assert results(system, made) == [*(f",,{predicted}" for predicted in PREDICTED), ",,,,input is empty"]
