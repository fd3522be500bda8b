"""Response schemas through the real handlers: of a language model's text, and of each row's result."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from tests.pipeline import models
from tests.pipeline.pipeline import Ended, Model, Pipeline

from fanfold_core.domain.job import State
from localaws.endpoint.outcomes import Outcome

MakePipeline = Callable[[Model], Pipeline]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"label": {"type": "string"}, "score": {"type": "number", "maximum": 1}},
    "required": ["label", "score"],
    "additionalProperties": False,
}
MATCHING = {"response-schema": quote(json.dumps(SCHEMA))}
PROMPT = {"prompt": quote("Good or not? {title}: {body}")}
ASKED = b"id,title,body\n1,Soup,bad\n2,,\n3,Bread,fine\n"
ONE = b"id,title,body\n1,Soup,bad\n"


def file(texts: list[str]) -> bytes:
    """A file of one column."""
    return "\n".join(["text", *texts, ""]).encode()


def labels(ended: Ended) -> list[str]:
    """The label of each row, empty for a row without one."""
    return [row.get("label", "") for row in ended.rows]


def wrong_about(word: str, result: dict[str, Any]) -> Model:
    """A model that answers so wherever an input holds a word."""
    return models.answering(
        lambda sent: [result if word in text else good for text, good in zip(sent, models.good(sent), strict=True)]
    )


def test_the_json_that_answers_a_prompt_has_columns_of_its_own(pipeline: MakePipeline) -> None:
    ended = pipeline(models.structured).run(ASKED, {**PROMPT, **MATCHING})
    wanted = {"type": "json_schema", "json_schema": {"name": "row", "schema": SCHEMA, "strict": True}}
    assert [json.loads(body)["response_format"] for body in ended.requests] == [wanted] * 2
    header, *lines = ended.lines
    assert header[3:] == ["label", "score", "completion_tokens", "finish_reason", "prompt_tokens", "error"]
    assert lines[0][3:] == ["of Good or not? Soup: bad", "0.5", "2", "stop", "9", ""]


def test_a_format_that_the_parameters_ask_for_is_left_alone(pipeline: MakePipeline) -> None:
    own = {"type": "json_object", "value": SCHEMA}
    parameters = quote(json.dumps({"response_format": own}))
    ended = pipeline(models.structured).run(ASKED, {**PROMPT, **MATCHING, "parameters": parameters})
    assert [json.loads(body)["response_format"] for body in ended.requests] == [own] * 2
    assert ended.rows[0]["score"] == "0.5"


@pytest.mark.parametrize(
    ("text", "reason", "words"),
    [
        (
            f"Sure! {models.CANARY}",
            "stop",
            "the text in choices[0].message.content is not JSON, as response-schema wants it: ",
        ),
        ('{"label": "go', "length", "wants it, and was cut off (finish_reason length): "),
        ('{"label":"good","score":7}', "stop", 'does not match response-schema: $.score must match {"maximum":1}; '),
        ("[]", "stop", 'does not match response-schema: $ must match {"type":"object"}; '),
    ],
)
def test_a_text_that_does_not_match_is_tried_again_and_then_an_error_of_its_row_alone(
    pipeline: MakePipeline, text: str, reason: str, words: str
) -> None:
    def model(body: bytes) -> Outcome:
        return models.completion({"content": text}, reason) if b"Soup" in body else models.structured(body)

    ended = pipeline(model).run(ASKED, {**PROMPT, **MATCHING})
    assert ended.state is State.COMPLETED_WITH_ERRORS
    assert words in ended.rows[0]["error"]
    assert ended.rows[0]["error"].endswith(f"begins {text}")
    assert [bool(row["error"]) for row in ended.rows] == [True, True, False]
    assert (sum(b"Soup" in body for body in ended.requests), len(ended.requests)) == (3, 4)
    assert ended.summary["requests"] == 4
    assert models.CANARY not in ended.job.reason


def test_an_answer_that_matches_at_the_second_try_is_the_rows(pipeline: MakePipeline) -> None:
    said = iter(["no JSON", '{"label": "good", "score": 0.1}'])
    ended = pipeline(lambda _: models.completion({"content": next(said)})).run(ONE, {**PROMPT, **MATCHING})
    assert ended.state is State.SUCCEEDED
    assert (ended.rows[0]["label"], ended.rows[0]["score"]) == ("good", "0.1")


def test_json_that_is_no_object_is_the_answer_itself(pipeline: MakePipeline) -> None:
    metadata = {**PROMPT, "response-schema": quote('{"type": "integer"}')}
    ended = pipeline(lambda _: models.completion({"content": "5"})).run(ONE, metadata)
    assert ended.rows[0]["answer"] == "5"


def test_with_an_expression_the_schema_is_about_what_it_leaves(pipeline: MakePipeline) -> None:
    metadata = {**PROMPT, "result-expression": quote("choices[].{text: message.content}")}
    of_text = {"properties": {"text": {"maxLength": 9}}}
    ended = pipeline(models.structured).run(ASKED, {**metadata, "response-schema": quote(json.dumps(of_text))})
    assert all("response_format" not in json.loads(body) for body in ended.requests)
    assert [row["error"][:65] for row in ended.rows] == [
        "the model's answer does not match response-schema: $.text must ma",
        "input is empty",
        "the model's answer does not match response-schema: $.text must ma",
    ]


@pytest.mark.parametrize("place", [0, 1, 20, 38, 39])
@pytest.mark.parametrize("rows_per_request", [1, 4, 32])
def test_a_result_that_does_not_match_costs_its_row_and_no_request_of_its_neighbours(
    pipeline: MakePipeline, place: int, rows_per_request: int
) -> None:
    texts = [f"fine {number}" for number in range(40)]
    texts[place] = "strange"
    metadata = {**MATCHING, "rows-per-request": str(rows_per_request)}
    ended = pipeline(wrong_about("strange", {"label": "x", "score": 7})).run(file(texts), metadata)
    assert ended.state is State.COMPLETED_WITH_ERRORS
    assert labels(ended) == ["" if text == "strange" else f"of {text}" for text in texts]
    words = "the model's answer does not match response-schema: $.score must match"
    assert ended.failed[0][:2] == [str(place), f'{words} {{"maximum":1}}; the answer begins {{"label":"x","score":7}}']
    asked = [models.inputs(body) for body in ended.requests]
    alone = sum(sent == ["strange"] for sent in asked)
    assert alone == 3
    assert sum("strange" in sent for sent in asked) == alone + (rows_per_request > 1 and place > 0)
    # Where the first row tells nothing of how the model answers, the next one is sent alone, too.
    assert sum(map(len, asked)) == 39 + sum("strange" in sent for sent in asked) + (rows_per_request > 1 and place == 0)
    assert ended.summary["requests"] == len(ended.requests)


def test_results_that_do_not_match_anywhere_are_errors_of_their_rows(pipeline: MakePipeline) -> None:
    ended = pipeline(wrong_about("", {"label": "x"})).run(file([f"text {number}" for number in range(9)]), MATCHING)
    assert ended.summary["predicted"] == 0
    assert {row["error"].partition(";")[0] for row in ended.rows} == {
        'the model\'s answer does not match response-schema: $ must match {"required":["score"]}'
    }


def test_of_results_that_are_too_large_for_the_ledger_each_row_is_asked_for_alone(pipeline: MakePipeline) -> None:
    long = "x" * 90_000
    model = models.answering(lambda sent: [{"label": text + long, "score": len(text)} for text in sent])
    ended = pipeline(model).run(file(["a", "b", "c", "dd", "e", "f"]), {**MATCHING, "max-attempts": "1"})
    assert [row["label"][:1] for row in ended.rows] == ["a", "b", "c", "", "e", "f"]
    assert [bool(row["error"]) for row in ended.rows] == [False, False, False, True, False, False]


def test_results_that_are_too_long_together_to_be_checked_are_asked_for_in_halves(pipeline: MakePipeline) -> None:
    model = models.answering(lambda sent: [{"label": text, "scores": [0] * 6_000} for text in sent])
    of_scores = quote('{"properties": {"scores": {"items": {"type": "number", "maximum": 1}}}}')
    ended = pipeline(model).run(file([f"text {number}" for number in range(9)]), {"response-schema": of_scores})
    assert ended.state is State.SUCCEEDED
    assert [len(models.inputs(body)) for body in ended.requests] == [1, 8, 4, 4]


@pytest.mark.parametrize("schema", ['{"pattern": "(a+)+$"}', '{"$ref": "http://127.0.0.1:9/"}', "[]"])
def test_a_schema_that_none_may_have_ends_the_job_before_anything_is_sent(pipeline: MakePipeline, schema: str) -> None:
    ended = pipeline(models.structured).run(ASKED, {"response-schema": quote(schema)})
    assert (ended.state, ended.requests) == (State.FAILED, [])
    assert ended.job.reason.startswith("option response-schema is ")
