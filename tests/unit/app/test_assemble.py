"""The assembler: the files of a job that closes, whoever builds their parts and however often."""

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.values import make_job
from tests.unit.app.conftest import CONTENT, System, in_time, sent

from fanfold_core.app.report.summary import summarize
from fanfold_core.aws.messages import Assemble
from fanfold_core.domain.job import JobRecord, State
from fanfold_core.domain.keys import result_key
from fanfold_core.domain.outcomes import Answered, Unsent
from fanfold_core.domain.parts import Totals
from fanfold_core.domain.requests import Unsendable
from fanfold_core.domain.spans import Span
from fanfold_core.domain.statistics import Statistics, Timeline


def lines(system: System, job: JobRecord, name: str = "results.csv") -> list[str]:
    return system.store.read(result_key(job.id, name)).decode().splitlines()


def summarized(system: System, job: JobRecord) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(system.store.read(result_key(job.id, "summary.json")))
    return summary


def answer_all(system: System, job: JobRecord) -> None:
    for chunk in system.chunks(job):
        system.answer(job, chunk.number, *sent(chunk.rows))


def test_every_row_has_a_line_with_its_own_cells_and_its_answer(system: System) -> None:
    job = system.split()
    answer_all(system, job)
    assert system.finish(job).state is State.SUCCEEDED
    assert lines(system, job) == ["id,text,label,error", *(f"{row},text {row},GOOD," for row in range(10))]
    assert lines(system, job, "errors.csv") == ["row,error,id,text,surplus"]


def test_rows_without_an_answer_have_the_end_of_the_job_as_their_error(system: System) -> None:
    job = system.split()
    system.answer(job, 0, *sent(4))
    system.follow_up.close(job.id, State.CANCELLED, "by its user")
    assert system.finish(job).state is State.CANCELLED
    assert lines(system, job)[4:6] == ["3,text 3,GOOD,", "4,text 4,,cancelled"]
    assert lines(system, job, "errors.csv")[1] == "4,cancelled,4,text 4,"


def test_rows_without_an_answer_are_told_apart_from_those_that_failed_whether_they_were_sent_or_not(
    system: System,
) -> None:
    job = system.split()
    system.dispatcher.dispatch(job.id, 0, in_time)
    system.answer(job, 0, Span(0, 1))
    system.collector.collect(job.id, 0, [Unsent(job.id, 0, (Unsendable(Span(1, 1), "input is empty"),))])
    system.follow_up.close(job.id, State.CANCELLED, "by its user")
    system.finish(job)
    summary = summarized(system, job)
    assert (summary["predicted"], summary["failed"], summary["invalid"]) == (1, 9, 1)
    assert summary["not_answered"] == 8, "two that were sent, and all of the other chunks"


@pytest.mark.parametrize(("lasted", "seconds"), [(0.25, 0.25), (7, 1)])
def test_the_endpoint_worked_no_longer_than_the_job_lasted(lasted: float, seconds: float) -> None:
    job = make_job()
    job = replace(job, ended=job.created + timedelta(seconds=lasted))
    totals = Totals(2, 2, 0, 1, Statistics(answers=Timeline(Counter({0: 2}))))
    summary = summarize(job, State.SUCCEEDED, totals, "s3://out/{}".format, "1")
    assert (summary["seconds"], summary["endpoint_seconds"]) == (lasted, seconds)


def test_a_row_that_failed_stands_in_both_files(system: System) -> None:
    job = system.split(b"text\r\none\r\ntwo\r\n")
    system.collector.collect(job.id, 0, [Unsent(job.id, 0, (Unsendable(Span(1, 1), "input is empty"),))])
    system.answer(job, 0, Span(0, 1))
    assert system.finish(job).state is State.COMPLETED_WITH_ERRORS
    assert lines(system, job)[1:] == ["one,GOOD,", "two,,input is empty"]
    assert lines(system, job, "errors.csv")[1:] == ["1,input is empty,two,"]
    summary = summarized(system, job)
    assert (summary["failed"], summary["invalid"], summary["not_answered"]) == (1, 1, 0)


def test_more_errors_than_are_tolerated_make_a_failure(system: System) -> None:
    job = system.split(b"text\r\none\r\n", tolerated_failure_percentage="50")
    system.collector.collect(job.id, 0, [Unsent(job.id, 0, (Unsendable(Span(0, 1), "input is empty"),))])
    ended = system.finish(job)
    assert ended.state is State.FAILED
    assert "1 of 1 row failed" in ended.reason


def test_the_end_is_announced_and_summarized_alike(system: System) -> None:
    job = system.split()
    answer_all(system, job)
    system.finish(job)
    summary = json.loads(system.store.read(result_key(job.id, "summary.json")))
    (announced,) = system.announcements.made
    assert {**announced, "details": "", "labels": {"GOOD": 10}, "evaluation": None} == summary
    assert (summary["state"], summary["rows"], summary["predicted"]) == ("SUCCEEDED", 10, 10)


@pytest.mark.parametrize(("labels", "times"), [('{"POOR": "bad"}', 1), ('{"GOOD": "fine", "POOR": "bad"}', 0)])
def test_names_that_fit_no_label_are_said_to(system: System, labels: str, times: int) -> None:
    job = system.split(labels=labels)
    answer_all(system, job)
    system.finish(job)
    warnings = " ".join(summarized(system, job)["warnings"])
    assert warnings.count("`labels` names no label that was predicted") == times


def test_predictions_are_compared_with_the_true_labels_of_the_file_whole_or_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [f"{row},text {row},{'' if row == 4 else 'good' if row % 3 else 'bad'}" for row in range(10)]
    content = "\r\n".join(["id,text,stars", *rows]).encode()
    found = []
    for least in (20, 5_000_000):
        monkeypatch.setattr("fanfold_core.app.split._LEAST_PART", least)
        monkeypatch.setattr("tests.fakes.store.LEAST_PART", least)
        system = System()
        job = system.split(content, label_column="stars", labels='{"GOOD": "good"}')
        answer_all(system, job)
        assert system.finish(job).state is State.SUCCEEDED
        assert (len(list(system.ledger.built(job.id))) > 1) is (least == 20)
        found.append((summarized(system, job)["evaluation"], system.store.read(result_key(job.id, "report.html"))))
    ((evaluation, page), (of_one_part, _)) = found
    assert evaluation == of_one_part
    assert (evaluation["column"], evaluation["rows"], evaluation["correct"]) == ("stars", 9, 5)
    assert evaluation["without_true_label"] == 1
    assert evaluation["matrix"] == {"labels": ["bad", "good"], "rows": [[0, 4], [0, 5]]}
    assert [mistake["row"] for mistake in evaluation["mistakes"]] == [0, 3, 6, 9]
    assert b"5 of 9 rows (55.6%) have the label in column <strong>stars</strong>; macro F1 0.357." in page


def test_without_its_column_a_file_has_nothing_to_compare_predictions_with(system: System) -> None:
    job = system.split(label_column="stars")
    assert system.endpoint.taken == []
    ended = system.finish(job)
    assert (ended.state, summarized(system, job)["evaluation"]) == (State.FAILED, None)
    assert "no column is named 'stars': the columns are 'id', 'text'" in ended.reason


def test_what_a_reason_must_not_quote_stands_beside_the_results_of_a_failed_job(system: System) -> None:
    job = system.split(b"Ann Smith,so bad\nJo,fine\n")
    ended = system.finish(job)
    summary = json.loads(system.store.read(result_key(job.id, "summary.json")))
    assert (ended.state, summary["reason"]) == (State.FAILED, ended.reason)
    assert summary["details"] == "the first line is 'Ann Smith', 'so bad'"
    assert "Ann Smith" in system.store.read(result_key(job.id, "report.html")).decode()
    (announced,) = system.announcements.made
    assert "Ann Smith" not in ended.reason + json.dumps(announced)


def test_the_most_frequent_error_of_a_row_stands_beside_the_results_of_a_failed_job(system: System) -> None:
    job = system.split(tolerated_failure_percentage="0")
    reasons = {0: "input is empty", 1: "too long: Ann Smith", 2: "too long: Ann Smith", 3: "input is longer"}
    runs = tuple(Unsendable(Span(row, 1), reason) for row, reason in reasons.items())
    system.collector.collect(job.id, 0, [Unsent(job.id, 0, runs)])
    for chunk in system.chunks(job)[1:]:
        system.answer(job, chunk.number, *sent(chunk.rows))
    ended = system.finish(job)
    summary = json.loads(system.store.read(result_key(job.id, "summary.json")))
    assert (ended.state, ended.reason) == (State.FAILED, "4 of 10 rows failed, more than the 0% tolerated")
    assert summary["details"] == "most frequent error of a row: too long: Ann Smith"


def test_a_job_that_runs_or_has_ended_is_left_alone(system: System) -> None:
    job = system.split()
    assert system.assembler.assemble(job.id).state is State.RUNNING
    answer_all(system, job)
    ended = system.finish(job)
    assert system.assembler.assemble(job.id) == system.finish(job) == ended
    assert len(system.announcements.made) == 1


def test_an_uploaded_file_that_is_gone_costs_its_cells_and_no_prediction(system: System) -> None:
    job = system.split()
    answer_all(system, job)
    system.store.delete(job.source.bucket, job.source.key)
    ended = system.finish(job)
    assert ended.state is State.FAILED
    assert "no longer exists" in ended.reason
    assert lines(system, job)[1:] == [",,GOOD,"] * 10


@pytest.mark.parametrize("options", [{}, {"results_format": "jsonl"}, {"is_chat": "yes"}, {"label_column": "text"}])
def test_results_that_waited_on_disk_are_written_and_counted_as_others(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, str]
) -> None:
    monkeypatch.setattr("fanfold_core.app.spill._RUN_BYTES", 300)
    options |= {"labels": '{"GOOD": "good"}', "input_column": "id"}
    written = {}
    for in_memory in (1_000_000, 0):
        monkeypatch.setattr("fanfold_core.app.rounds._IN_MEMORY", in_memory)
        system = System()
        job = system.split(CONTENT, **options)
        for chunk in system.chunks(job):
            answered = [system.answered(job, chunk.number, span) for span in sent(chunk.rows)]
            system.collector.collect(job.id, chunk.number, [_with_vectors(answer) for answer in answered])
        system.finish(job)
        written[in_memory] = {name: lines(system, job, name) for name in (job.results_file, "summary.json")}
    assert written[0] == written[1_000_000]
    assert sum("[0.5,0.25,-1e-09," in line for line in written[0][job.results_file]) == 10


def _with_vectors(answer: Answered) -> Answered:
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    more = {"vector": [0.5, 0.25, -1e-09, *[1] * 100], **usage}
    results = [{**result, **more} for result in json.loads(answer.content or b"")]
    return replace(answer, content=json.dumps(results).encode())


@pytest.mark.parametrize("results_format", ["csv", "jsonl"])
def test_of_a_long_file_that_is_gone_predictions_are_kept_as_well(
    monkeypatch: pytest.MonkeyPatch, results_format: str
) -> None:
    monkeypatch.setattr("fanfold_core.app.split._LEAST_PART", 1_000)
    monkeypatch.setattr("tests.fakes.store.LEAST_PART", 1_000)
    system = System()
    job = system.split(b"id,text\r\n" + b"1,%b\r\n" % (b"so good " * 30) * 40, results_format=results_format)
    answer_all(system, job)
    system.store.delete(job.source.bucket, job.source.key)
    assert system.finish(job).state is State.FAILED
    assert len(list(system.ledger.built(job.id))) > 1
    assert sum("GOOD" in line for line in lines(system, job, f"results.{results_format}")) == 40


def test_in_json_lines_a_file_that_is_gone_leaves_predictions_alone(system: System) -> None:
    job = system.split(results_format="jsonl")
    answer_all(system, job)
    system.store.delete(job.source.bucket, job.source.key)
    system.finish(job)
    assert [json.loads(line) for line in lines(system, job, "results.jsonl")] == [{"label": "GOOD", "error": None}] * 10


@settings(max_examples=20)
@given(st.data())
def test_parts_in_any_order_and_twice_make_the_file_that_one_part_makes(data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("fanfold_core.app.split._LEAST_PART", 20)
        patched.setattr("tests.fakes.store.LEAST_PART", 20)
        system, whole = System(), System()
        job = system.split()
        answer_all(system, job)
        system.messages()
        system.assembler.assemble(job.id)
        parts = [message.part for message in system.messages() if isinstance(message, Assemble) and message.part]
        assert len(parts) > 1
        for part in data.draw(st.permutations([*parts, *parts])):
            system.assembler.build(job.id, part)
    same = whole.split()
    answer_all(whole, same)
    whole.finish(same)
    assert system.ledger.job(job.id).state is State.SUCCEEDED
    assert lines(system, job) == lines(whole, same)


@pytest.mark.parametrize(
    ("row", "options"),
    [
        ("1,so good,{}\r\n", {}),
        ("1,{}so good\r\n", {"skip_initial_space": "yes"}),
        ('1,"so ""good"", {}",too\r\n', {}),
        ("1,so good\\{}\r\n", {"escape": "\\"}),
    ],
    ids=["cells beyond the columns", "spaces that are skipped", "quotes", "escapes"],
)
def test_parts_are_large_enough_for_s3_whatever_results_leave_out(
    monkeypatch: pytest.MonkeyPatch, row: str, options: dict[str, str]
) -> None:
    monkeypatch.setattr("fanfold_core.app.split._LEAST_PART", 1_000)
    monkeypatch.setattr("tests.fakes.store.LEAST_PART", 1_000)
    system = System()
    job = system.split(("id,text\r\n" + row.format(" " * 200) * 400).encode(), **options)
    answer_all(system, job)
    assert system.finish(job).state is State.SUCCEEDED
    assert len(list(system.ledger.built(job.id))) > 1
