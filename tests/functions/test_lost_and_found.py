"""What the sweeper finds, and what ends a job that cannot go on."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.functions.conftest import NOTHING_FAILED, System, body, event

from fanfold_core.domain.job import JobRecord, State
from fanfold_core.domain.keys import RequestId
from fanfold_core.domain.outcomes import Mark, Pause
from fanfold_core.domain.spans import Span

MakeJob = Callable[..., JobRecord]
ANSWER = b'[{"label":"LABEL_2","score":0.98},{"label":"LABEL_0","score":0.71}]'


@pytest.fixture
def sent(system: System, job: MakeJob) -> JobRecord:
    """A job whose only chunk has been sent, long ago."""
    return sent_job(system, job)


def sent_job(system: System, job: MakeJob, **given: Any) -> JobRecord:
    made = job(**given)
    change(system, "CHUNK", sent=3, touched=1)
    return made


def change(system: System, sk: str, **values: Any) -> None:
    """Set attributes of the one item of this kind, as time or a fault would."""
    keys = [{"pk": item["pk"], "sk": sk} for item in system.table.scan()["Items"] if item["sk"] == sk]
    system.table.update_item(
        Key=keys[0],
        UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
        ExpressionAttributeNames={f"#{name}": name for name in values},
        ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
    )


def hours_ago(hours: int) -> str:
    """A time in the past by the clock that the functions read, as the ledger spells it."""
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat()


def test_the_schedule_has_every_open_job_swept(system: System, job: MakeJob) -> None:
    made = job()
    assert system.invoke("Sweeper", "schedule") == NOTHING_FAILED
    assert system.messages("Sweeps") == [{"v": 1, "job": made.id, "start": 0}]
    system.ledger.close(made.id, State.CANCELLED, "")
    system.ledger.finish(made.id, State.CANCELLED, "")
    system.invoke("Sweeper", "schedule")
    assert system.messages("Sweeps") == []


def test_an_output_that_nobody_reported_becomes_an_outcome(system: System, sent: JobRecord) -> None:
    bucket, _, key = body("found")["at"].removeprefix("s3://").partition("/")
    system.s3.put_object(Bucket=bucket, Key=key, Body=ANSWER)
    assert system.invoke("Sweeper", "sweep-job") == NOTHING_FAILED
    assert body("found") in system.messages("Outcomes")
    assert system.invoke("Collector", "found") == NOTHING_FAILED
    assert system.ledger.chunk(sent.id, 0).covered == {Span(0, 2)}


def test_an_answer_that_is_too_large_for_the_ledger_is_kept_beside_it(system: System, sent: JobRecord) -> None:
    bucket, _, key = body("found")["at"].removeprefix("s3://").partition("/")
    large = [{"label": "x" * 450_000, "score": 0.98}, {"label": "LABEL_0", "score": 0.71}]
    system.s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(large).encode())
    assert system.invoke("Collector", "found") == NOTHING_FAILED
    (outcome,) = system.ledger.outcomes(sent.id, 0)
    assert (outcome.span, outcome.results) == (Span(0, 2), None)
    assert json.loads(system.read((outcome.location or "").partition(f"{bucket}/")[2]))[0]["label"] == "x" * 450_000


def test_an_answer_that_is_gone_is_asked_for_again_and_costs_no_other(system: System, sent: JobRecord) -> None:
    records = [{**event(name)["Records"][0], "messageId": name} for name in ("success-not-included", "unsendable")]
    assert system.cloud.invoke("CollectorFunction", {"Records": records}) == NOTHING_FAILED
    assert system.ledger.chunk(sent.id, 0).covered == {Span(2, 1)}
    assert "the model's answer no longer exists at s3://" in system.ledger.job(sent.id).trouble.words
    assert system.ledger.mark(sent.id, 0, Span(0, 2)).attempt == 1  # sent again, with a delay


def test_an_output_that_was_no_answer_is_not_found_again_and_its_rows_are_sent_again(
    system: System, sent: JobRecord
) -> None:
    bucket, _, key = body("found")["at"].removeprefix("s3://").partition("/")
    system.s3.put_object(Bucket=bucket, Key=key, Body=b"no answer")
    # Its halves were sent once, and nothing came back for them either.
    system.ledger.set_mark(sent, 0, Span(0, 2), Mark(1), "no JSON")
    assert system.invoke("Sweeper", "sweep-job") == NOTHING_FAILED
    assert system.messages("Outcomes") == []
    again = {"v": 1, "job": sent.id, "chunk": 0, "spans": {"0000000-0002": 2, "0000002-0001": 1}}
    assert system.messages("Chunks") == [again]


def test_rows_that_nothing_came_back_for_are_sent_again_as_a_later_attempt(system: System, sent: JobRecord) -> None:
    system.ledger.set_mark(sent, 0, Span(0, 2), Mark(4))
    for _ in range(2):
        assert system.invoke("Sweeper", "sweep-job") == NOTHING_FAILED
    again = {"v": 1, "job": sent.id, "chunk": 0, "spans": {"0000000-0002": 5, "0000002-0001": 1}}
    assert system.messages("Chunks") == [again]


def test_a_row_that_cannot_be_sent_and_whose_report_was_lost_is_reported_again(system: System, sent: JobRecord) -> None:
    system.invoke("Sweeper", "sweep-job")
    lost = {"v": 1, "job": sent.id, "chunk": 0, "spans": {"0000000-0003": 1}}
    resend = {**event("chunk")["Records"][0], "body": json.dumps(lost)}
    assert system.cloud.invoke("DispatcherFunction", {"Records": [resend]}) == NOTHING_FAILED
    outcomes = system.messages("Outcomes", expected=2)
    assert body("unsendable") in outcomes
    assert body("success")["inferenceId"] in {outcome.get("inferenceId") for outcome in outcomes}


def test_a_dispatch_that_never_ended_is_taken_up_again_once_it_is_quiet(system: System, job: MakeJob) -> None:
    made = job()
    system.invoke("Sweeper", "sweep-job")
    assert system.messages("Chunks") == [{"v": 1, "job": made.id, "chunk": 0}]  # it was never touched at all
    system.invoke("Sweeper", "sweep-job")
    assert system.messages("Chunks") == []


def test_a_chunk_whose_job_never_heard_of_its_end_closes_the_job(system: System, sent: JobRecord) -> None:
    system.ledger.cover(sent.id, 0, [Span(0, 3)], [], {"label"})
    assert system.invoke("Sweeper", "sweep-job") == NOTHING_FAILED
    assert system.ledger.job(sent.id).state is State.CLOSING
    assert system.messages("Assembly") == [body("assembly")]


def test_a_split_and_an_assembly_that_went_quiet_are_begun_again(system: System, job: MakeJob) -> None:
    made = job()
    system.table.update_item(
        Key={"pk": f"JOB#{made.id}", "sk": "JOB"},
        UpdateExpression="REMOVE #total SET touched = :long_ago",
        ExpressionAttributeNames={"#total": "total"},
        ExpressionAttributeValues={":long_ago": 1},
    )
    system.invoke("Sweeper", "sweep-job")
    assert system.messages("Uploads") == [body("split-on")]
    system.ledger.close(made.id, State.CANCELLED, "cancelled")
    change(system, "JOB", touched=1)
    system.invoke("Sweeper", "sweep-job")
    assert system.messages("Assembly") == [body("assembly")]


def test_a_job_past_its_deadline_ends_with_what_it_has(system: System, job: MakeJob) -> None:
    made = job(deadline_hours=1)
    change(system, "JOB", created=hours_ago(2))
    system.invoke("Sweeper", "sweep-job")
    system.invoke("Assembler", "assembly")
    ended = system.ledger.job(made.id)
    assert (ended.state, ended.reason) == (State.FAILED, "the job did not end within its deadline of 1 hour")
    assert "job failed: the job did not end" in system.read(f"results/{made.id}/results.csv")


def test_an_endpoint_that_only_breaks_requests_is_paused_and_then_tried_again(system: System, job: MakeJob) -> None:
    # Of an endpoint that other tests have news of, a collector writes the next news seconds later.
    sent_job(system, job, endpoint="breaks")
    # The first pause comes after five minutes without an answer, long before the job's deadline.
    change(system, "JOB", created=hours_ago(1))
    system.invoke("Collector", "failure-of-platform")
    system.invoke("Sweeper", "sweep-job")
    pause = system.ledger.health("breaks").pause
    assert pause.seconds == 300
    system.messages("Chunks", expected=1)
    assert system.invoke("Dispatcher", "resend") == NOTHING_FAILED
    assert system.messages("Outcomes") == []
    system.ledger.set_pause("breaks", Pause(until=1, seconds=300))
    system.invoke("Collector", "success")
    system.invoke("Sweeper", "sweep-job")
    assert system.ledger.health("breaks").pause == Pause()


def test_a_cancelled_job_keeps_its_predictions_and_says_which_rows_it_had_none_for(
    system: System, sent: JobRecord
) -> None:
    system.invoke("Collector", "success")
    system.ledger.close(sent.id, State.CANCELLED, "cancelled")
    system.invoke("Collector", "unsendable")  # after the end: stored, but no longer waited for
    system.invoke("Assembler", "assembly")
    assert system.ledger.job(sent.id).state is State.CANCELLED
    assert system.read(f"results/{sent.id}/results.csv").splitlines()[1:] == [
        "1,so good,LABEL_2,0.98,",
        "2,never again,LABEL_0,0.71,",
        "3,,,,input is empty",
    ]


def test_a_job_with_more_errors_than_tolerated_is_failed_and_has_its_results(system: System, job: MakeJob) -> None:
    made = job(tolerated_failure_percentage=33)
    for name in ("success", "unsendable"):
        system.invoke("Collector", name)
    system.invoke("Assembler", "assembly")
    ended = system.ledger.job(made.id)
    assert (ended.state, ended.reason) == (State.FAILED, "1 of 3 rows failed, more than the 33% tolerated")
    assert system.read(f"results/{made.id}/results.csv").count("LABEL_") == 2


def test_a_row_that_is_refused_to_the_last_attempt_ends_with_its_reason(system: System, job: MakeJob) -> None:
    made = job(max_attempts=2)
    change(system, "CHUNK", attempts=2)
    for attempt in (1, 2):
        refused = {**body("failure"), "inferenceId": str(RequestId(made.id, 0, Span(1, 1), attempt))}
        record = {**event("failure")["Records"][0], "body": json.dumps(refused)}
        assert system.cloud.invoke("CollectorFunction", {"Records": [record]}) == NOTHING_FAILED
    assert [message["spans"] for message in system.messages("Chunks")] == [{"0000001-0001": 2}]
    outcomes = {outcome.span: outcome for outcome in system.ledger.outcomes(made.id, 0)}
    assert outcomes[Span(1, 1)].requests == 2
    assert "client error (400)" in str(outcomes[Span(1, 1)].reason)


def test_a_job_that_may_cost_so_much_ends_by_the_instances_that_its_endpoint_has(system: System, job: MakeJob) -> None:
    made = sent_job(system, job, max_dollars="0.10")
    assert system.invoke("Sweeper", "sweep-job") == NOTHING_FAILED
    ended = system.ledger.job(made.id)
    assert (ended.outcome, ended.reason.partition(": ")[0]) == (
        State.CANCELLED,
        "max-dollars=0.10 was reached after 0 of 3 rows",
    )
    assert "kept for 1 instance until the endpoint sleeps" in ended.reason


def test_an_endpoint_that_the_stack_had_before_is_not_asked_for(system: System, job: MakeJob) -> None:
    made = job(endpoint="gone", max_dollars="0.10")
    assert system.invoke("Sweeper", "sweep-job") == NOTHING_FAILED
    assert system.ledger.job(made.id).state is State.RUNNING
    spent = system.ledger.spent(made.id)
    assert spent
    assert (spent.instances, spent.instance_seconds) == (0, 0)
