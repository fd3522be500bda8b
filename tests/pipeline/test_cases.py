"""Files and models that the world has: each through the real handlers."""

import json
from collections.abc import Callable
from math import ceil, log2
from typing import Any
from urllib.parse import quote

import pytest
from tests.pipeline import models
from tests.pipeline.pipeline import Ended, Model, Pipeline

from fanfold_core.domain.job import State
from fanfold_core.input.cutting import Limits
from localaws.endpoint.outcomes import Outcome

MakePipeline = Callable[[Model], Pipeline]
# Statuses that say that nobody was free.
BUSY = [429, 503]
ASKED = b'id,title,body\n1,Soup,"{title} ""bad"""\n2,,\n3,Bread,fine\n'
PROMPT = {"prompt": quote('Say {{"good"}} or not of {title}: {body}')}


def file(texts: list[str]) -> bytes:
    """A file of one column."""
    return "\n".join(["text", *texts, ""]).encode()


def labels(ended: Ended) -> list[str]:
    """The label of each row, empty for a row without one."""
    return [row.get("label", "") for row in ended.rows]


@pytest.mark.parametrize("rows_per_request", [1, 2, 3, 7, 32])
@pytest.mark.parametrize("results", range(2, 33))
def test_a_model_that_answers_so_many_results_whatever_it_is_sent_labels_no_row(
    pipeline: MakePipeline, results: int, rows_per_request: int
) -> None:
    texts = [f"tweet {number}" for number in range(70)]
    nobody = [{"label": f"nobody's {number}"} for number in range(results)]
    ended = pipeline(models.answering(lambda _: nobody)).run(file(texts), {"rows-per-request": str(rows_per_request)})
    assert (ended.summary["predicted"], labels(ended)) == (0, [""] * 70)
    if rows_per_request == 1:
        assert {row["error"] for row in ended.rows} == {f"the model's answer has {results} results for 1 row"}
    else:
        assert ended.state is State.FAILED
        assert f"the model answers {results} results whatever it is sent" in ended.job.reason


@pytest.mark.parametrize("rows_per_request", [1, 2, 3, 7, 32])
@pytest.mark.parametrize("rows", [1, 2, 3, 8, 33, 70])
def test_a_model_that_scores_the_first_text_only_is_asked_row_by_row(
    pipeline: MakePipeline, rows: int, rows_per_request: int
) -> None:
    texts = [f"tweet {number}" for number in range(rows)]
    model = models.answering(lambda sent: models.good(sent[:1]))
    ended = pipeline(model).run(file(texts), {"rows-per-request": str(rows_per_request)})
    assert (ended.state, labels(ended)) == (State.SUCCEEDED, [f"of {text}" for text in texts])


@pytest.mark.parametrize("rows", range(1, 9))
@pytest.mark.parametrize("rows_per_request", [1, 2, 3, 7, 32])
def test_a_pair_of_answer_and_content_type_is_no_two_labels(
    pipeline: MakePipeline, rows: int, rows_per_request: int
) -> None:
    model = models.answering(lambda sent: [json.dumps(models.good(sent)), "application/json"])
    ended = pipeline(model).run(
        file([f"tweet {number}" for number in range(rows)]), {"rows-per-request": str(rows_per_request)}
    )
    assert all(row["error"] for row in ended.rows)
    assert ended.summary["predicted"] == 0


def question_answering(body: bytes) -> Outcome:
    """A list of one has an object as its answer, and an empty context fails all."""
    asked = models.inputs(body)
    if not all(one["context"] for one in asked):
        return models.failing(400, "`context` cannot be empty")
    answers = [{"answer": models.label(one["question"]), "score": 0.9} for one in asked]
    return models.response(json.dumps(answers[0] if len(answers) == 1 else answers))


@pytest.mark.parametrize("rows", [1, 2, 3, 32, 33, 34, 65])
def test_a_list_of_one_that_is_answered_by_an_object_has_its_answer(pipeline: MakePipeline, rows: int) -> None:
    lines = "".join(f"question {number},context\n" for number in range(rows))
    ended = pipeline(question_answering).run(
        f"question,context\n{lines}".encode(),
        {"input-expression": "{question: question, context: context}"},
    )
    assert ended.state is State.SUCCEEDED
    assert [row["answer"] for row in ended.rows] == [f"of question {number}" for number in range(rows)]


@pytest.mark.parametrize("empty", range(4))
def test_an_empty_context_costs_only_itself(pipeline: MakePipeline, empty: int) -> None:
    lines = "".join(f"question {number},{'' if number == empty else 'context'}\n" for number in range(4))
    ended = pipeline(question_answering).run(
        f"question,context\n{lines}".encode(),
        {"input-expression": "{question: question, context: context}"},
    )
    assert ended.state is State.COMPLETED_WITH_ERRORS
    for number, row in enumerate(ended.rows):
        assert row["answer"] == ("" if number == empty else f"of question {number}")
    assert "`context` cannot be empty" in ended.rows[empty]["error"]


@pytest.mark.parametrize("place", [0, 1, 20, 38, 39])
@pytest.mark.parametrize("status", [0, 400, 424, 500, *BUSY])
@pytest.mark.parametrize("rows_per_request", [1, 4, 32])
def test_a_row_that_makes_the_model_fail_costs_itself_and_no_more_requests_than_are_said(
    pipeline: MakePipeline, status: int, place: int, rows_per_request: int
) -> None:
    texts = [f"fine {number}" for number in range(40)]
    texts[place] = "poison"
    ended = pipeline(models.poisoned(status)).run(file(texts), {"rows-per-request": str(rows_per_request)})
    assert ended.state is State.COMPLETED_WITH_ERRORS
    assert labels(ended) == ["" if text == "poison" else f"of {text}" for text in texts]
    assert f"({status})" in ended.rows[place]["error"]
    failed = sum(b"poison" in body for body in ended.requests)
    # Who is said to be busy is believed half as much.
    assert failed <= (2 * ceil(log2(rows_per_request)) + 8) * (2 if status in BUSY else 1)


@pytest.mark.parametrize("rows_per_request", [32, 256])
def test_rows_that_kill_the_model_cost_themselves_and_fifty_requests_each(
    pipeline: MakePipeline, monkeypatch: pytest.MonkeyPatch, rows_per_request: int
) -> None:
    monkeypatch.setattr("tests.pipeline.handlers.ROWS_PER_CHUNK", Limits().rows)
    fine = [f"fine {number}" for number in range(5_000)]
    texts = [f"poison {text}" if number % 1_000 == 617 else text for number, text in enumerate(fine)]
    options = {"rows-per-request": str(rows_per_request)}
    undisturbed = pipeline(models.poisoned(500)).run(file(fine), options)
    ended = pipeline(models.poisoned(500)).run(file(texts), options)
    assert labels(ended) == ["" if "poison" in text else f"of {text}" for text in texts]
    assert ended.summary["failed"] == 5
    assert len(ended.requests) <= len(undisturbed.requests) + 5 * 50


def test_a_result_named_as_another_ones_column_has_to_be_called_has_a_column_of_its_own(pipeline: MakePipeline) -> None:
    model = models.answering(lambda sent: [{"text": "a", "fanfold_text": "b", "error": "c"} for _ in sent])
    ended = pipeline(model).run(b"id,text\n1,good\n")
    header, line = ended.lines
    assert len(set(header)) == len(header)
    assert sorted(line) == sorted(["1", "good", "a", "b", "c", ""])


@pytest.mark.parametrize("score", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_score_that_is_no_number_costs_no_label(pipeline: MakePipeline, score: str) -> None:
    ended = pipeline(lambda _: models.response(f'[{{"label": "GOOD", "score": {score}}}]')).run(file(["good"]))
    assert ended.state is State.SUCCEEDED
    assert ended.rows == [{"text": "good", "label": "GOOD", "score": "", "error": ""}]


def test_each_row_is_a_chat_request_with_its_cells_as_they_are(pipeline: MakePipeline) -> None:
    system = {"role": "system", "content": "Be kind."}
    parameters: dict[str, Any] = {"model": "m", "max_tokens": 5, "messages": [system]}
    ended = pipeline(models.chatting).run(ASKED, {**PROMPT, "parameters": quote(json.dumps(parameters))})
    asked = ['Say {"good"} or not of Soup: {title} "bad"', 'Say {"good"} or not of Bread: fine']
    sent = {body["messages"][-1]["content"]: body for body in map(json.loads, ended.requests)}
    assert (len(ended.requests), sent) == (
        2,
        {text: {**parameters, "messages": [system, {"role": "user", "content": text}]} for text in asked},
    )
    answers = [[models.label(text), "2", "stop", "9", ""] for text in asked]
    header, *lines = ended.lines
    assert header[3:] == ["answer", "completion_tokens", "finish_reason", "prompt_tokens", "error"]
    assert [line[3:] for line in lines] == [answers[0], ["", "", "", "", "input is empty"], answers[1]]
    assert ended.summary["tokens"] == {"prompt_tokens": 18, "completion_tokens": 4}


def test_a_chat_request_without_parameters_of_its_own_has_messages_only(pipeline: MakePipeline) -> None:
    ended = pipeline(models.chatting).run(ASKED, PROMPT)
    assert [list(json.loads(body)) for body in ended.requests] == [["messages"]] * 2


def test_a_chat_completion_without_a_text_is_an_error_of_its_row_alone(pipeline: MakePipeline) -> None:
    silent = models.completion({"content": None})
    ended = pipeline(lambda body: silent if b"Soup" in body else models.chatting(body)).run(ASKED, PROMPT)
    assert ended.state is State.COMPLETED_WITH_ERRORS
    words = "the model's answer is no chat completion with a text in choices[0].message.content; the answer begins {"
    assert [row["error"].startswith(words) for row in ended.rows] == [True, False, False]


def test_a_prompt_with_an_unknown_column_ends_the_job_before_anything_is_sent(pipeline: MakePipeline) -> None:
    ended = pipeline(models.chatting).run(ASKED, {"prompt": quote("{titel}: {body}")})
    assert (ended.state, ended.requests) == (State.FAILED, [])
    assert "no column is named 'titel', which the option `prompt` uses" in ended.job.reason
    assert "the columns are 'id', 'title', 'body'" in ended.job.reason


def test_a_prompt_has_values_of_json_lines_as_results_have_them(pipeline: MakePipeline) -> None:
    content = b'{"a": "so", "b": 3, "c": {"d": [true]}}\n{"a": "no", "b": null}\n'
    ended = pipeline(models.chatting).run(content, {"prompt": quote("{a}|{b}|{c}")}, "rows.jsonl")
    assert [row["answer"] for row in ended.rows] == ['of so|3|{"d":[true]}', "of no||"]
