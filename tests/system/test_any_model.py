"""Models that take something else than texts, and answer something else than a list, in a server of its own."""

import json
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from threading import Thread

import pytest
from tests.containers import Container
from tests.system.conftest import Pipeline

from fanfold.project import find_root
from localaws.cloud import LocalCloud

QUESTIONS = b'id,question,context\n1,"who ""is"" it?","it, is\nAda"\n2,=where?,@here\n3,,\n'


def answer(question: str, context: str) -> dict[str, str]:
    return {"text": context * 200_000 if question == "long" else context[-3:], "to": question}


class Oracle(Container):
    """Takes `{"instances": [{"question", "context"}], "top"}` and answers `{"predictions": [{"answer": {…}}]}`."""

    def invoke(self, body: bytes) -> tuple[int, bytes]:
        request = json.loads(body)
        found = [{"answer": answer(one["question"], one["context"])} for one in request["instances"]]
        return 200, json.dumps({"predictions": found, "top": request["top"]}).encode()


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Oracle)
    Thread(target=server.serve_forever, daemon=True).start()
    with LocalCloud(find_root(), model=f"http://127.0.0.1:{server.server_address[1]}") as cloud:
        yield Pipeline(cloud, tmp_path_factory.mktemp("any-model"))
    server.shutdown()
    server.server_close()


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
    finished = pipeline.run(
        "long.csv",
        b"question,context\nlong,a\nlong,b\n",
        input_expression="{question: question, context: context}",
        payload_expression="{instances: inputs, top: `1`}",
        result_expression="predictions[].answer",
    )
    assert [(len(row[2]), row[3:]) for row in finished.results] == [(200_000, ["long", ""])] * 2


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
