"""A model that refuses: whole lists for one row's sake, for a while, or always. It runs in a server of its own."""

import json
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from threading import Thread

import pytest
from tests.containers import Container
from tests.system.conftest import Pipeline, printed, records

from fanfold.client import LOCAL_PARAMETERS
from fanfold.project import find_root
from localaws.cloud import LocalCloud


class Model(ThreadingHTTPServer):
    """Answers as Hugging Face's container does: a text with one of the `refused` words fails the whole list."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.refused: set[str] = set()


class Handler(Container):
    """Refuses what its server says."""

    server: Model

    def invoke(self, body: bytes) -> tuple[int, bytes]:
        inputs = json.loads(body)["inputs"]
        if any(word in text for word in self.server.refused for text in inputs):
            return 400, b'{"code": 400, "type": "InternalServerException", "message": "no such words"}'
        return 200, json.dumps([{"label": text.upper(), "score": 1} for text in inputs]).encode()


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    server = Model()
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def pipeline(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with LocalCloud(
        find_root(), parameters=LOCAL_PARAMETERS, model=f"http://127.0.0.1:{model.server_address[1]}"
    ) as cloud:
        yield Pipeline(cloud, tmp_path_factory.mktemp("refusals"))


def test_a_refused_row_costs_only_itself_and_a_retry_fills_it_in(pipeline: Pipeline, model: Model) -> None:
    texts = [f"poison {number}" if number in {7, 40} else f"fine {number}" for number in range(64)]
    (pipeline.folder / "mixed.csv").write_text("\n".join(["text", *texts]))
    model.refused = {"poison"}
    first = pipeline.fanfold("run", "mixed.csv", "--out", "first")
    assert (first.returncode, printed(first)["predicted"], printed(first)["failed"]) == (3, 62, 2)
    rows = records(pipeline.folder / "first" / "results.csv")[1:]
    assert [row[0] for row in rows] == texts
    assert [row[0] for row in rows if row[1] != row[0].upper()] == ["poison 7", "poison 40"]
    errors = records(pipeline.folder / "first" / "errors.csv")[1:]
    assert [(row[0], row[1].partition(" (")[0]) for row in errors] == [("7", "no such words"), ("40", "no such words")]
    assert "Received client error (400) from model" in errors[0][1]

    model.refused = set()
    second = pipeline.fanfold("retry", printed(first)["job"], "--out", "second")
    assert (second.returncode, printed(second)["predicted"], printed(second)["requests"]) == (0, 64, 2)
    assert [row[:2] for row in records(pipeline.folder / "second" / "results.csv")[1:]] == [
        [t, t.upper()] for t in texts
    ]
    assert printed(second)["job"] == printed(first)["job"] + ".2"


def test_the_command_line_runs_a_container_by_its_address(pipeline: Pipeline, model: Model) -> None:
    model.refused = set()
    (pipeline.folder / "alone.csv").write_text("text\nfine\n")
    address = f"http://127.0.0.1:{model.server_address[1]}"
    alone = pipeline.fanfold("run", "alone.csv", "--stack", "", "--model", address, "--out", "alone")
    assert (alone.returncode, printed(alone)["model"]) == (0, address.removeprefix("http://").replace(":", "-"))
    assert records(pipeline.folder / "alone" / "results.csv")[1] == ["fine", "FINE", "1", ""]


def test_a_model_that_refuses_everything_ends_the_job_before_every_row_is_tried(
    pipeline: Pipeline, model: Model
) -> None:
    (pipeline.folder / "hopeless.csv").write_text("\n".join(["text", *(f"poison {number}" for number in range(200))]))
    model.refused = {"poison"}
    options = ["--rows-per-request", "1", "--max-attempts", "1"]
    run = pipeline.fanfold("run", "hopeless.csv", *options, "--out", "hopeless")
    assert run.returncode == 1
    assert f"rows and predicted none: `fanfold errors {printed(run)['job']}` shows why" in run.stderr
    assert "most frequent error of a row: no such words (ClientError" in run.stderr
    assert "most frequent error of a row: no such words" in pipeline.fanfold("status", printed(run)["job"]).stdout
    assert printed(run)["rows"] == 200


def test_a_job_is_cancelled_by_its_id(pipeline: Pipeline, model: Model) -> None:
    model.refused = set()
    (pipeline.folder / "ended.csv").write_text("text\nfine\n")
    ended = pipeline.fanfold("run", "ended.csv")
    assert "SUCCEEDED" in pipeline.fanfold("cancel", printed(ended)["job"]).stderr
    unknown = pipeline.fanfold("cancel", "nothing-0000000000000000")
    assert (unknown.returncode, unknown.stderr.count("\n")) == (1, 1)
    assert "this stack has no job nothing-0000000000000000" in unknown.stderr
