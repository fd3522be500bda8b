"""The recipes for language models, with llama.cpp's server: what its models say, which is nonsense, is in the files.

One command of each kind is run as it stands; the others' options are played by the handlers in this process.
"""

import json
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.pages import recipe, written
from tests.pipeline.handlers import loaded
from tests.pipeline.pipeline import Ended, Pipeline
from tests.recipes.conftest import BIN, PAGE, Kitchen

from localaws.endpoint.models import load_model
from localaws.endpoint.outcomes import ModelError, Outcome, Response, model_failed

pytestmark = pytest.mark.recipes

Play = Callable[..., Ended]

# The page's, in whose place is the server's own.
ADDRESS = "http://127.0.0.1:8080"
ASKED = "Is this review good or bad, and how sure are you (0 to 10)? Answer as JSON with label and score."
COUNTED = ["completion_tokens", "finish_reason", "prompt_tokens"]
ROWS = [("Paris", "I love Paris in spring"), ("Lyon", "The soup was awful"), ("Paris", "Marie Curie worked in Paris")]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The addresses of llama.cpp's servers, by what they do."""
    script = Path(__file__).with_name("language_model.py")
    command = [BIN / "python", script, tmp_path_factory.mktemp("models")]
    with (
        (tmp_path_factory.mktemp("log") / "server.log").open("w", encoding="utf-8") as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdin
        assert process.stdout
        said = process.stdout.readline()
        assert said, Path(log.name).read_text(encoding="utf-8")
        yield json.loads(said)
        process.stdin.close()
        assert process.wait(60) == 0


@pytest.fixture
def server(servers: dict[str, str]) -> str:
    """The address of the server that chats."""
    return servers["chat"]


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    """Plays the page's next command after some words, at a server, with some options in place of its own."""
    with loaded() as handlers:

        def play(after: str, server: str, **others: str) -> Ended:
            address, metadata = recipe(PAGE, after)
            changes = {name.replace("_", "-"): quote(value) for name, value in others.items()}
            model = load_model(address.replace(ADDRESS, server))

            def answer(body: bytes) -> Outcome:
                try:
                    return Response(model.predict(body, "application/json", "application/json"), "application/json")
                except ModelError as error:
                    return model_failed(error)

            return Pipeline(handlers, answer).run(written(PAGE, "All recipes use this file"), metadata | changes)

        yield play


def post(address: str, body: dict[str, Any]) -> Any:
    """What a server answers to a request of our own."""
    request = urllib.request.Request(  # noqa: S310 - it is on this machine
        address, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - likewise
        return json.load(answer)


def ask(server: str, content: str) -> dict[str, Any]:
    """What a server that chats answers to some words, with few of its own."""
    messages = [{"role": "user", "content": content}]
    return dict(post(f"{server}/v1/chat/completions", {"messages": messages, "temperature": 0, "max_tokens": 5}))


def cells(answer: dict[str, Any]) -> dict[str, str]:
    """The columns that stand for an answer, but for its text."""
    counted = {name: str(answer["usage"][name]) for name in ("prompt_tokens", "completion_tokens")}
    return {**counted, "finish_reason": answer["choices"][0]["finish_reason"]}


def test_a_prompt_is_answered_row_by_row_and_its_tokens_are_counted(kitchen: Kitchen, server: str) -> None:
    rows = kitchen.cook("## Chat", "chat", {ADDRESS: server})
    assert list(rows[0])[3:] == ["answer", *COUNTED, "error"]
    for row, (place, text) in zip(rows, ROWS, strict=True):
        own = ask(server, f"Is this review of {place} good or bad? {text}")
        assert row["answer"] == own["choices"][0]["message"]["content"]
        assert {name: row[name] for name in COUNTED} == cells(own)
    summary = json.loads((kitchen.folder / "out/chat/summary.json").read_text(encoding="utf-8"))
    assert summary["tokens"] == {
        name: sum(int(row[name]) for row in rows) for name in ("prompt_tokens", "completion_tokens")
    }


def test_a_server_that_keeps_to_the_schema_fills_its_columns(kitchen: Kitchen, server: str) -> None:
    rows = kitchen.cook("### Answers of a fixed form", "graded", {ADDRESS: server})
    assert list(rows[0])[3:] == ["label", "score", *COUNTED, "error"]
    for row in rows:
        assert (row["label"] in {"good", "bad"}, int(row["score"]) in range(11), row["error"]) == (True, True, "")


def test_a_text_that_is_not_what_the_schema_wants_is_an_error_of_its_row(play: Play, server: str) -> None:
    free = '{"max_tokens": 5, "temperature": 0, "response_format": {"type": "text"}}'
    ended = play("### Answers of a fixed form", server, parameters=free, max_attempts="1")
    said = "the text in choices[0].message.content is not JSON, as response-schema wants it, and was cut off"
    for row, (_, text) in zip(ended.rows, ROWS, strict=True):
        own = ask(server, f"{ASKED} {text}")["choices"][0]["message"]["content"]
        assert row["error"].startswith(f"{said} (finish_reason length): ")
        assert own in row["error"]
        assert not {"label", "score", "answer"} & {name for name, cell in row.items() if cell}


def test_what_the_server_refuses_is_an_error_of_its_row_in_its_words(play: Play, server: str) -> None:
    ended = play("## Chat", server, prompt="{place} " + 80 * "too long ")
    assert {"exceeds the available context size" in row["error"] for row in ended.rows} == {True}


def test_embeddings_are_those_of_the_server(play: Play, servers: dict[str, str]) -> None:
    ended = play("### Embeddings with OpenAI's requests", servers["embeddings"])
    own = post(f"{servers['embeddings']}/v1/embeddings", {"input": [text for _, text in ROWS]})
    for row, answer in zip(ended.rows, own["data"], strict=True):
        assert json.loads(row["embedding"]) == pytest.approx(answer["embedding"], abs=1e-4)


def test_ranks_are_those_of_the_server(play: Play, servers: dict[str, str]) -> None:
    """It takes TEI's requests."""
    ended = play("### Ranking", servers["ranks"])
    texts = [text for _, text in ROWS]
    own = post(f"{servers['ranks']}/rerank", {"query": "Where is the food bad?", "texts": texts})
    relevance = {texts[rank["index"]]: rank["score"] for rank in own}
    found = {row["text"]: float(row["relevance"]) for row in ended.rows}
    assert found == pytest.approx(relevance, abs=1e-4)
    assert len(set(found.values())) == len(ROWS)


def test_a_batch_has_an_output_for_each_line(kitchen: Kitchen, server: str) -> None:
    kitchen.run("## A file in OpenAI's batch format", {ADDRESS: server})
    written = (kitchen.folder / "out/batch/batch_output.jsonl").read_text(encoding="utf-8").splitlines()
    lines = [json.loads(line) for line in written]
    assert [line["custom_id"] for line in lines] == ["request-1", "request-2"]
    for line, city in zip(lines, ("Paris", "Lyon"), strict=True):
        own = ask(server, f"Is {city} nice in spring?")
        body = line["response"]["body"]
        assert line["response"]["status_code"] == 200
        assert (body["choices"], body["usage"]["total_tokens"]) == (own["choices"], own["usage"]["total_tokens"])
