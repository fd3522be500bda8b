"""Models that take something else than texts, and answer something else than a list, in a server of its own."""

import json
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from tests.containers import Container
from tests.system.conftest import CommandLine, Pipeline

from fanfold.project import find_root
from localaws.cloud import LocalCloud

QUESTIONS = b'id,question,context\n1,"who ""is"" it?","it, is\nAda"\n2,=where?,@here\n3,,\n'


def answer(question: str, context: str) -> dict[str, str]:
    return {"text": context * 200_000 if question == "long" else context[-3:], "to": question}


def labels(texts: list[Any]) -> list[dict[str, Any]]:
    return [{"label": f"of {text}"} for text in texts]


def answers(questions: list[dict[str, str]]) -> list[dict[str, str]]:
    return [answer(one["question"], one["context"]) for one in questions]


# What containers do with a list of inputs that should not, or that one has to know about.
HABITS: dict[str, Callable[[list[Any]], Any]] = {
    "two labels": lambda _: labels(["nobody", "nobody"]),
    "a pair": lambda texts: [json.dumps(labels(texts)), "application/json"],
    "the first text": lambda texts: labels(texts[:1]),
    "an object for one": lambda asked: answers(asked)[0] if len(asked) == 1 else answers(asked),
    "names of columns": lambda texts: [{"text": f"of {text}", "fanfold_text": "b", "error": "c"} for text in texts],
}


class Oracle(Container):
    """Takes `{"instances": [{"question", "context"}], "top"}` and answers `{"predictions": [{"answer": {…}}]}`.

    What it makes of `{"inputs": […], "parameters": {"habit"}}` is one of the `HABITS`.
    """

    def invoke(self, body: bytes) -> tuple[int, bytes]:
        request = json.loads(body)
        if "inputs" in request:
            return 200, json.dumps(HABITS[request["parameters"]["habit"]](request["inputs"])).encode()
        found = [{"answer": answer(one["question"], one["context"])} for one in request["instances"]]
        return 200, json.dumps({"predictions": found, "top": request["top"]}).encode()


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Oracle)
    Thread(target=server.serve_forever, daemon=True).start()
    with LocalCloud(find_root(), model=f"http://127.0.0.1:{server.server_address[1]}") as cloud:
        yield cloud
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def pipeline(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return Pipeline(cloud, tmp_path_factory.mktemp("any-model"))


def test_expressions_say_what_the_model_takes_and_where_its_results_are(pipeline: Pipeline) -> None:
    finished = pipeline.run(
        "questions.csv",
        QUESTIONS,
        input_expression="question && {question: question, context: context}",
        payload_expression="{instances: inputs, top: parameters.top_k}",
        result_expression="predictions[].{answer: answer.text, to: answer.to}",
        parameters={"top_k": 1},
        guard_formulas=True,
    )
    assert finished.header == ["id", "question", "context", "answer", "to", "error"]
    assert finished.results == [
        ["1", 'who "is" it?', "it, is\nAda", "Ada", 'who "is" it?', ""],
        ["2", "'=where?", "'@here", "ere", "'=where?", ""],
        ["3", "", "", "", "", "input is empty"],
    ]


def test_results_too_large_for_the_ledger_are_found_in_the_answer_where_it_lies(pipeline: Pipeline) -> None:
    asked = {
        "input_expression": "{question: question, context: context}",
        "payload_expression": "{instances: inputs, top: `1`}",
        "result_expression": "predictions[].answer",
    }
    finished = pipeline.run("long.csv", b"question,context\nlong,a\nlong,b\n", **asked)
    assert [(len(row[2]), row[3:]) for row in finished.results] == [(200_000, ["long", ""])] * 2
    content = b"question,context\nshort,xyz\nlong,b\nlong,a\n"
    again = pipeline.run("longer.csv", content, since=finished.summary["job"], **asked)
    assert [row[2:] for row in again.results] == [["xyz", "short", ""], *(row[2:] for row in finished.results[::-1])]
    assert (again.summary["requests"], again.summary["reused"], again.summary["warnings"]) == (1, 2, [])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"input_expression": "{question: frage}"}, "no column is named 'frage', which the option `input-expression`"),
        ({"input_expression": "{question: "}, "'{question: '; it must be a JMESPath expression"),
        (
            {"input_expression": "question", "payload_expression": "sum(inputs)"},
            "payload-expression 'sum(inputs)' cannot",
        ),
    ],
)
def test_an_expression_that_cannot_work_ends_the_job_and_says_why(
    pipeline: Pipeline, options: dict[str, str], words: str
) -> None:
    summary = pipeline.drop("questions.csv", QUESTIONS, **options).summary
    assert summary["state"] == "FAILED"
    assert words in summary["reason"]


OK, FAILED = 0, 1
EIGHT = b"text\n" + b"".join(b"tweet %d\n" % number for number in range(8))
ASKED = b"question,context\nwho,me\nwhat,it\nwhere,here\n"
NOT_ROW_BY_ROW = "the model answers 2 results whatever it is sent: requests of 1 and 7 rows got as many"


@pytest.mark.parametrize(
    ("habit", "content", "code", "answered", "words"),
    [
        ("two labels", EIGHT, FAILED, [], NOT_ROW_BY_ROW),
        ("a pair", EIGHT, FAILED, [], NOT_ROW_BY_ROW),
        ("the first text", EIGHT, OK, [f"of tweet {number}" for number in range(8)], ""),
        ("an object for one", ASKED, OK, ["who", "what", "where"], ""),
        ("names of columns", b"id,text\n1,good\n", OK, ["of good"], ""),
    ],
)
def test_a_model_of_strange_habits_comes_to_the_same_whoever_has_uploaded_the_file(  # noqa: PLR0913, PLR0917 - of a case
    fanfold: CommandLine, pipeline: Pipeline, habit: str, content: bytes, code: int, answered: list[str], words: str
) -> None:
    options = {"parameters": json.dumps({"habit": habit})}
    if content == ASKED:
        options["input_expression"] = "{question: question, context: context}"
    typed = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
    said, dropped = fanfold(f"{habit}.csv", content, *typed), pipeline.drop(f"dropped {habit}.csv", content, **options)
    assert said.code == code
    assert words in said.stderr
    assert words in dropped.summary["reason"]
    same = ("state", "reason", "rows", "predicted", "failed")
    assert [said.summary[name] for name in same] == [dropped.summary[name] for name in same]
    found = [cell for row in dropped.results for cell in row[content.split(b"\n")[0].count(b",") + 1 : -1]]
    assert set(answered) <= set(found)
    assert dropped.summary["predicted"] == len(answered)
    # Which rows of a job that fails have an error of their own, is a matter of time.
    assert code == FAILED or (said.out / "results.csv").read_bytes() == dropped.content
