"""OpenAI's batch format: which files are in it, what is sent of them, and what their output says."""

from __future__ import annotations

import gzip
import json
import re
import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.pages import DOCS

from fanfold.errors import InputFileError
from fanfold.input.batch import ERRORS, OUTPUT, batch_output, has_batch_output
from fanfold.input.files import LocalFile
from fanfold.input.sources import Source
from fanfold_core.app.rounds import NOT_ANSWERED, PAST_DEADLINE
from fanfold_core.domain.answers import read_answer
from fanfold_core.domain.errors import MalformedAnswerError
from fanfold_core.domain.requests import EMPTY_INPUT, Request
from fanfold_core.domain.results import RowAnswers, columns
from fanfold_core.domain.results.json_lines import json_lines
from fanfold_core.input.records import Dialect, Records

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# As OpenAI's guide has them.
BODY = {
    "model": "gpt-3.5-turbo-0125",
    "messages": [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Hello world!"},
    ],
    "max_tokens": 1000,
}
CHAT = {"custom_id": "request-1", "method": "POST", "url": "/v1/chat/completions", "body": BODY}
ANSWER = {
    "id": "chatcmpl-123",
    "object": "chat.completion",
    "created": 1711652795,
    "model": "gpt-3.5-turbo-0125",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello."},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 22, "completion_tokens": 2, "total_tokens": 24},
    "system_fingerprint": "fp_123",
}
EMBEDDINGS = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.1, -2e-05]}], "model": "m"}
COMPLETION = {"object": "text_completion", "choices": [{"text": " there", "index": 0, "finish_reason": "length"}]}


def chat(**changed: Any) -> dict[str, Any]:
    return {**CHAT, **changed}


def written(path: Path, rows: Sequence[Any]) -> Path:
    lines = "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows).encode()
    path.write_bytes(gzip.compress(lines) if path.suffix == ".gz" else lines)
    return path


def read(path: Path, stack: dict[str, str] | None = None, /, **given: str) -> LocalFile:
    options = {name.replace("_", "-"): value for name, value in given.items()}
    return LocalFile.read(Source.of_file(path), {"CostlierOptions": "allow", **(stack or {})}, options)


def bodies(found: LocalFile) -> list[Any]:
    sent = [planned.content for planned in found.requests()]
    return [json.loads(one.body) if isinstance(one, Request) else one.reason for one in sent]


def output(rows: Sequence[dict[str, Any]], results: Sequence[Any], errors: Sequence[str]) -> list[tuple[str, Any]]:
    """The lines of both files for results.jsonl as the assembler writes it."""
    shown = columns(("custom_id", "method", "url", "body"), {"{}"})
    records = Records(["" for _ in rows], Dialect(), rows)
    lines = json_lines(records, RowAnswers(results, errors), shown).encode().splitlines(keepends=True)
    return [(name, json.loads(line)) for name, line in batch_output(lines, "batch-1f")]


@pytest.mark.parametrize("name", ["batch.jsonl", "batch.NDJSON", "batch.jsonl.gz"])
def test_the_body_of_each_line_is_a_request_as_it_stands(tmp_path: Path, name: str) -> None:
    rows = [CHAT, chat(custom_id="2", url="/v1/embeddings", body={"model": "m", "input": ["ça", 1.50]})]
    found = read(written(tmp_path / name, ["", *rows]))
    assert bodies(found) == [BODY, rows[1]["body"]]
    assert has_batch_output(found.options)
    assert has_batch_output(replace(found.options, results_format="parquet"))
    assert not has_batch_output(replace(found.options, results_format="csv"))
    assert found.layout.warnings == ()


@pytest.mark.parametrize(
    "parameters",
    [
        '{"prompt": "So {text}?"}',
        '{"input-expression": "text", "result-expression": "x", "parameters": {"model": "of the stack"}}',
    ],
)
def test_what_a_stack_says_of_other_files_does_not_count(tmp_path: Path, parameters: str) -> None:
    found = read(written(tmp_path / "batch.jsonl", [CHAT]), {"JobDefaults": parameters})
    assert bodies(found) == [BODY]


def test_parameters_of_ones_own_take_the_place_of_those_in_each_body(tmp_path: Path) -> None:
    found = read(written(tmp_path / "batch.jsonl", [CHAT]), parameters='{"model": "served", "top_p": 1}')
    assert bodies(found) == [{**BODY, "model": "served", "top_p": 1}]


@pytest.mark.parametrize(
    ("name", "first", "given"),
    [
        ("batch.jsonl", {name: CHAT[name] for name in ("custom_id", "method", "body")}, {"input_column": "body"}),
        ("batch.jsonl", '{"custom_id": ', {"input_column": "body"}),
        ("batch.jsonl", CHAT, {"input_column": "body"}),
        ("batch.jsonl", CHAT, {"input_expression": "body.messages[-1].content"}),
        ("batch.jsonl", CHAT, {"prompt": "Is {body} good?"}),
        ("batch.jsonl", CHAT, {"input_column": "body", "payload_expression": "inputs[0]"}),
        ("batch.jsonl", CHAT, {"input_column": "body", "result_expression": "choices[0]"}),
    ],
)
def test_other_lines_and_those_of_which_something_else_is_wanted_are_json_lines_as_any(
    tmp_path: Path, name: str, first: Any, given: dict[str, str]
) -> None:
    found = read(written(tmp_path / name, [first, CHAT]), **given)
    assert found.assumed == {}
    assert not has_batch_output(found.options)


def test_a_csv_with_such_columns_is_a_csv(tmp_path: Path) -> None:
    (tmp_path / "batch.csv").write_text("custom_id,method,url,body\n1,POST,/v1/embeddings,{}\n", encoding="utf-8")
    assert read(tmp_path / "batch.csv", input_column="body").assumed == {}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"method": "GET"}, '`method` is "GET": it must be POST'),
        ({"method": None}, "`method` is null: it must be POST"),
        ({"url": "/v1/responses"}, '`url` is "/v1/responses": it must be /v1/chat/completions or /v1/completions or'),
        ({"body": None}, "`body` is null: it must be an object"),
        ({"body": "Hello"}, '`body` is "Hello": it must be an object'),
        ({"body": {}}, "`body` is {}: it must be an object"),
        ({"body": ["Hello" * 100]}, ": it must be an object"),
    ],
)
def test_a_line_that_is_no_request_fails_alone_and_the_error_says_why(
    tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    rows = [CHAT, chat(custom_id="x", **changed)]
    assert bodies(read(written(tmp_path / "batch.jsonl", rows))) == [BODY, EMPTY_INPUT]
    (_, _), (name, line) = output(rows, [ANSWER, None], ["", EMPTY_INPUT])
    assert (name, line["custom_id"], line["response"], line["error"]["code"]) == (ERRORS, "x", None, "invalid_request")
    assert words in line["error"]["message"]


def test_the_output_is_as_documented(tmp_path: Path) -> None:
    options = read(written(tmp_path / "batch.jsonl", [CHAT])).options
    answers = [
        json.loads(read_answer(json.dumps(answer).encode(), 1, options.result).results)[0]
        for answer in (ANSWER, EMBEDDINGS, COMPLETION)
    ]
    rows = [chat(custom_id=f"request-{number}") for number in range(3)]
    lines = output(rows, answers, [""] * 3)
    assert lines == [
        (
            OUTPUT,
            {
                "id": f"batch_req_batch-1f-{number}",
                "custom_id": f"request-{number}",
                "response": {"status_code": 200, "request_id": f"req_batch-1f-{number}", "body": answer},
                "error": None,
            },
        )
        for number, answer in enumerate([ANSWER, EMBEDDINGS, COMPLETION])
    ]
    assert list(lines[0][1]) == ["id", "custom_id", "response", "error"]


@pytest.mark.parametrize("answer", [{"error": {"message": "busy"}}, {"choices": []}, [ANSWER], {"outputs": "Hello."}])
def test_an_answer_of_another_kind_is_no_output(tmp_path: Path, answer: Any) -> None:
    options = read(written(tmp_path / "batch.jsonl", [CHAT])).options
    with pytest.raises(MalformedAnswerError, match="finds nothing in the model's answer"):
        read_answer(json.dumps(answer).encode(), 1, options.result)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("cancelled", "batch_cancelled"),
        (f"{NOT_ANSWERED}{PAST_DEADLINE} of 72 hours", "batch_expired"),
        (f"{NOT_ANSWERED}the endpoint is gone", "request_failed"),
        ("max_tokens is too large (400)", "request_failed"),
    ],
)
def test_an_error_has_openais_code_where_there_is_one(error: str, code: str) -> None:
    assert output([CHAT], [None], [error]) == [
        (
            ERRORS,
            {
                "id": "batch_req_batch-1f-0",
                "custom_id": "request-1",
                "response": None,
                "error": {"code": code, "message": error},
            },
        )
    ]


def test_keys_of_a_lines_own_are_not_taken_for_the_answer_or_its_error() -> None:
    rows = [chat(error="mine", prediction="mine"), chat(error=None, prediction=1)]
    (output_file, answered), (errors_file, failed) = output(rows, [ANSWER, None], ["", "busy"])
    assert (output_file, answered["response"]["body"], answered["error"]) == (OUTPUT, ANSWER, None)
    assert (errors_file, failed["error"]["message"]) == (ERRORS, "busy")


def test_a_line_that_is_no_object_is_known_by_its_row_alone() -> None:
    (name, line), = output([{}], [None], ["row is JSON, but not an object"])  # fmt: skip
    assert (name, line["id"], line["custom_id"]) == (ERRORS, "batch_req_batch-1f-0", None)
    assert line["error"]["message"] == "row is JSON, but not an object"


def test_the_page_of_recipes_has_the_options_that_the_format_stands_for(tmp_path: Path) -> None:
    page = (DOCS / "recipes.md").read_text(encoding="utf-8").partition("The format stands for")[2]
    assumed = read(written(tmp_path / "batch.jsonl", [CHAT])).assumed
    lines = dict(re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", page, re.MULTILINE))
    assert list(lines) == list(assumed)
    told = {name: value.partition(";")[0].replace(r"\|", "|").strip("` ") for name, value in lines.items()}
    assert told == {name: value.strip("`") or "empty" for name, value in assumed.items()}


def test_output_takes_as_little_memory_for_many_lines_as_for_one() -> None:
    line = json.dumps({**CHAT, "prediction": {"choices": [{"text": "x" * 100_000}]}, "error": None}).encode()
    tracemalloc.start()
    assert sum(len(made) > 100_000 for _, made in batch_output((line for _ in range(100)), "batch-1f")) == 100
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * len(line)


def test_a_custom_id_that_comes_again_is_warned_of(tmp_path: Path) -> None:
    rows = [chat(custom_id=name) for name in ("a", "b", 1, "1", "b", "a")]
    (hint,) = read(written(tmp_path / "batch.jsonl", [*rows, "[]", "[1]"])).layout.warnings
    assert hint.startswith(
        "The custom_id of an earlier request stands in 2 of the first 8 rows, such as row 4 (from 0)"
    )


def test_a_request_of_several_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"in OpenAI's batch format: option rows-per-request is '2'; it must be 1"):
        read(written(tmp_path / "batch.jsonl", [CHAT]), rows_per_request="2")


def test_it_costs_a_request_for_each_row_which_a_stack_may_refuse(tmp_path: Path) -> None:
    path, refuses = written(tmp_path / "batch.jsonl", [CHAT]), {"CostlierOptions": "refuse"}
    words = r"and this stack has CostlierOptions=refuse: .* deploy it with JobDefaults={.rows-per-request.: 1}$"
    with pytest.raises(InputFileError, match=words):
        read(path, refuses)
    for defaults in ('{"rows-per-request": 1}', '{"prompt": "So {text}?"}'):
        assert bodies(read(path, {**refuses, "JobDefaults": defaults})) == [BODY]
