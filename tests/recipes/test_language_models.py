"""The recipes for language models, with llama.cpp's server: what its model says, which is nonsense, is in the files."""

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.recipes.conftest import BIN, Kitchen

pytestmark = pytest.mark.recipes

# The page's, in whose place is the server's own.
ADDRESS = "http://127.0.0.1:8080"
COUNTED = ["completion_tokens", "finish_reason", "prompt_tokens"]
ROWS = [("Paris", "I love Paris in spring"), ("Lyon", "The soup was awful"), ("Paris", "Marie Curie worked in Paris")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of llama.cpp's server."""
    script = Path(__file__).with_name("language_model.py")
    command = [BIN / "python", script, tmp_path_factory.mktemp("model")]
    with (
        (tmp_path_factory.mktemp("log") / "server.log").open("w+", encoding="utf-8") as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdin
        assert process.stdout
        address = process.stdout.readline().strip()
        assert address, Path(log.name).read_text(encoding="utf-8")
        yield address
        process.stdin.close()
        assert process.wait(30) == 0


def ask(server: str, content: str, **more: Any) -> dict[str, Any]:
    """What the server answers to a request of our own."""
    body = {"messages": [{"role": "user", "content": content}], "temperature": 0, **more}
    request = urllib.request.Request(  # noqa: S310 - it is on this machine
        f"{server}/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - likewise
        return dict(json.load(answer))


def cells(answer: dict[str, Any]) -> dict[str, str]:
    """The columns that stand for an answer, but for its text."""
    counted = {name: str(answer["usage"][name]) for name in ("prompt_tokens", "completion_tokens")}
    return {**counted, "finish_reason": answer["choices"][0]["finish_reason"]}


def test_a_prompt_is_answered_row_by_row_and_its_tokens_are_counted(kitchen: Kitchen, server: str) -> None:
    rows = kitchen.cook("## Chat", "chat", {ADDRESS: server})
    assert list(rows[0])[3:] == ["answer", *COUNTED, "error"]
    for row, (place, text) in zip(rows, ROWS, strict=True):
        own = ask(server, f"Is this review of {place} good or bad? {text}", max_tokens=5)
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


def test_a_text_that_is_not_what_the_schema_wants_is_an_error_of_its_row(kitchen: Kitchen, server: str) -> None:
    free = {'"temperature": 0': '"temperature": 0, "response_format": {"type": "text"}', "graded": "free"}
    once = {"--out": "--max-attempts 1 --out"}
    rows = kitchen.cook("### Answers of a fixed form", "free", {ADDRESS: server, **free, **once}, code=3)
    for row in rows:
        assert row["error"].startswith(
            "the text in choices[0].message.content is not JSON, as response-schema wants it, and was cut off"
        )
        assert {row.get(name, "") for name in ("label", "score", "answer")} == {""}


def test_a_batch_has_an_output_for_each_line(kitchen: Kitchen, server: str) -> None:
    kitchen.run("## A file in OpenAI's batch format", {ADDRESS: server})
    written = (kitchen.folder / "out/batch/batch_output.jsonl").read_text(encoding="utf-8").splitlines()
    lines = [json.loads(line) for line in written]
    assert [line["custom_id"] for line in lines] == ["request-1", "request-2"]
    for line, city in zip(lines, ("Paris", "Lyon"), strict=True):
        own = ask(server, f"Is {city} nice in spring?", max_tokens=5)
        body = line["response"]["body"]
        assert line["response"]["status_code"] == 200
        assert (body["choices"], body["usage"]["total_tokens"]) == (own["choices"], own["usage"]["total_tokens"])
