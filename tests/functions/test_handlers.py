"""Each function with each event of events/: what it does, and that doing it twice changes nothing."""

import csv
import io
import json
from collections.abc import Callable

import pytest
from tests.functions.conftest import CONTENT, KEY, NOTHING_FAILED, System, body, event

from fanfold_core.aws import events
from fanfold_core.domain.answers import LARGEST_ANSWER_BYTES
from fanfold_core.domain.job import JobRecord, State
from fanfold_core.domain.keys import job_id, result_key
from fanfold_core.domain.spans import Span

MakeJob = Callable[..., JobRecord]


def test_an_upload_becomes_a_job_with_its_chunk_released(system: System) -> None:
    bucket = system.cloud.outputs["InputBucket"]
    version = system.s3.put_object(Bucket=bucket, Key=KEY, Body=CONTENT, Metadata={"input-column": "TEXT"})["VersionId"]
    for _ in range(2):
        assert system.invoke("Splitter", "upload") == NOTHING_FAILED
    job = system.ledger.job(job_id(bucket, KEY, version))
    assert (job.state, job.stored, job.released, job.total, job.rows) == (State.RUNNING, 1, 1, 1, 3)
    assert job.known_layout.columns == ("id", "text")
    assert job.submitted_by == "AWS:AIDAIENQZJOLO23YVJ4VO"
    assert (job.known_layout.input_index, job.options.rows_per_request) == (1, 32)
    assert system.messages("Chunks") == [{"v": 1, "job": job.id, "chunk": 0}]


def test_who_uploads_to_a_local_cloud_is_no_principal_of_aws(system: System) -> None:
    system.s3.put_object(Bucket=system.cloud.outputs["InputBucket"], Key=KEY, Body=CONTENT)
    (event,) = system.messages("Uploads", expected=1)
    (upload,) = events.uploads(json.dumps(event))
    assert isinstance(upload, events.Upload)
    assert (upload.key, upload.submitted_by) == (KEY, None)


def test_a_continuation_of_a_split_that_is_done_sends_nothing_more(system: System, job: MakeJob) -> None:
    job()
    assert system.invoke("Splitter", "split-on") == NOTHING_FAILED
    assert system.messages("Chunks") == []


def test_a_chunk_becomes_requests_and_its_unsendable_rows_are_reported(system: System, job: MakeJob) -> None:
    made = job()
    assert system.invoke("Dispatcher", "chunk") == NOTHING_FAILED
    assert system.ledger.chunk(made.id, 0).sent == 3
    outcomes = system.messages("Outcomes", expected=2)
    notification = next(outcome for outcome in outcomes if "inferenceId" in outcome)
    assert notification["inferenceId"] == body("success")["inferenceId"]
    assert (
        notification["responseParameters"]["outputLocation"] == body("success")["responseParameters"]["outputLocation"]
    )
    assert body("unsendable") in outcomes


def test_a_chunk_that_is_dispatched_again_sends_nothing_again(system: System, job: MakeJob) -> None:
    job()
    system.invoke("Dispatcher", "chunk")
    system.messages("Outcomes", expected=2)
    assert system.invoke("Dispatcher", "chunk") == NOTHING_FAILED
    assert system.messages("Outcomes") == []


def test_spans_are_sent_again_as_the_attempts_that_are_named(system: System, job: MakeJob) -> None:
    made = job()
    assert system.invoke("Dispatcher", "resend") == NOTHING_FAILED
    outcomes = system.messages("Outcomes", expected=2)
    assert {outcome["inferenceId"] for outcome in outcomes} == {
        f"{made.id}/0/0000000-0001/2",
        f"{made.id}/0/0000001-0001/1",
    }


@pytest.mark.parametrize("name", ["success", "success-not-included"])
def test_predictions_are_stored_and_their_rows_covered(system: System, job: MakeJob, name: str) -> None:
    made = job()
    location = body(name)["responseParameters"]["outputLocation"].removeprefix("s3://").partition("/")
    answer = b'[{"label":"LABEL_2","score":0.98},{"label":"LABEL_0","score":0.71}]'
    system.s3.put_object(Bucket=location[0], Key=location[2], Body=answer)
    for _ in range(2):
        assert system.invoke("Collector", name) == NOTHING_FAILED
    chunk = system.ledger.chunk(made.id, 0)
    assert (chunk.covered, chunk.fields) == (frozenset({Span(0, 2)}), frozenset({"label", "score"}))
    assert [outcome.results for outcome in system.ledger.outcomes(made.id, 0)] == [answer.decode()]


def test_a_refused_request_is_sent_again_in_halves_once(system: System, job: MakeJob) -> None:
    made = job()
    for _ in range(2):
        assert system.invoke("Collector", "failure") == NOTHING_FAILED
    again = {"v": 1, "job": made.id, "chunk": 0, "spans": {"0000000-0001": 1, "0000001-0001": 1}}
    assert system.messages("Chunks") == [again]


@pytest.mark.parametrize("rows", [2, 1])
def test_an_answer_that_is_too_large_to_be_read_is_one_that_the_model_refused(
    system: System, job: MakeJob, rows: int
) -> None:
    made = job(max_attempts=1)
    notification = json.loads(json.dumps(body("success-not-included")).replace("0000000-0002", f"0000000-000{rows}"))
    bucket, _, key = notification["responseParameters"]["outputLocation"].removeprefix("s3://").partition("/")
    system.s3.put_object(Bucket=bucket, Key=key, Body=b"[" + b" " * LARGEST_ANSWER_BYTES)
    record = event("success-not-included")["Records"][0] | {"body": json.dumps(notification)}
    assert system.cloud.invoke("CollectorFunction", {"Records": [record]}) == NOTHING_FAILED
    if rows > 1:
        (again,) = system.messages("Chunks", expected=1)
        assert again["spans"] == {"0000000-0001": 1, "0000001-0001": 1}
    else:
        (outcome,) = system.ledger.outcomes(made.id, 0)
        assert outcome.reason == (
            "the model's answer has 16,777,217 bytes, and none of more than 16,777,216 is read: have the model answer "
            "with less for a row"
        )


@pytest.mark.parametrize("name", ["failure-of-platform", "expired"])
def test_a_request_that_the_platform_lost_is_sent_again_as_it_was(system: System, job: MakeJob, name: str) -> None:
    made = job()
    for _ in range(2):
        assert system.invoke("Collector", name) == NOTHING_FAILED
    again = {"v": 1, "job": made.id, "chunk": 0, "spans": {"0000000-0002": 2}}
    assert system.messages("Chunks", expected=1) == [again]


def test_rows_that_could_not_be_sent_are_covered_by_their_reason(system: System, job: MakeJob) -> None:
    made = job()
    assert system.invoke("Collector", "unsendable") == NOTHING_FAILED
    assert system.ledger.chunk(made.id, 0).covered == {Span(2, 1)}
    assert [outcome.reason for outcome in system.ledger.outcomes(made.id, 0)] == ["input is empty"]


def test_the_last_row_closes_the_job_and_the_assembler_writes_its_files(system: System, job: MakeJob) -> None:
    made = job()
    system.invoke("Collector", "success")
    system.invoke("Collector", "unsendable")
    assert system.ledger.job(made.id).state is State.CLOSING
    assert system.messages("Assembly") == [body("assembly")]
    for name in ("assembly", "assembly", "assembly-part", "assembly-table"):
        assert system.invoke("Assembler", name) == NOTHING_FAILED
    assert system.ledger.job(made.id).state is State.COMPLETED_WITH_ERRORS
    results = list(csv.reader(io.StringIO(system.read(result_key(made.id, "results.csv")), newline="")))
    assert results == [
        ["id", "text", "label", "score", "error"],
        ["1", "so good", "LABEL_2", "0.98", ""],
        ["2", "never again", "LABEL_0", "0.71", ""],
        ["3", "", "", "", "input is empty"],
    ]
    errors = list(csv.reader(io.StringIO(system.read(result_key(made.id, "errors.csv")), newline="")))
    assert errors == [["row", "error", "id", "text", "surplus"], ["2", "input is empty", "3", "", ""]]


@pytest.mark.parametrize("function", ["Splitter", "Dispatcher", "Collector", "Assembler", "Sweeper"])
@pytest.mark.parametrize("content", ["no json", "[]", "{}", '"text"', '{"job": 7}'])
def test_a_message_that_nobody_understands_comes_back_and_takes_no_other_with_it(
    system: System, job: MakeJob, function: str, content: str
) -> None:
    job()
    names = {
        "Splitter": "split-on",
        "Dispatcher": "chunk",
        "Collector": "success",
        "Assembler": "assembly",
        "Sweeper": "sweep-job",
    }
    good = event(names[function])["Records"][0]
    bad = {**good, "messageId": "bad", "body": content}
    answer = system.cloud.invoke(f"{function}Function", {"Records": [bad, good]})
    # To the collector, an object without an inference id of ours is somebody else's notification.
    ignored = function == "Collector" and content.startswith("{")
    assert answer == {"batchItemFailures": [] if ignored else [{"itemIdentifier": "bad"}]}
