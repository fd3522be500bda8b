"""JSON Lines go the way of a CSV: every row has one line in the results, in the file's order."""

import gzip
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from tests.pipeline import models
from tests.pipeline.pipeline import Model, Pipeline

from fanfold.partial import Partial
from fanfold_core.domain.job import State

Play = Callable[[Model], Pipeline]
ROWS = [{"id": number, "text": f'text {number} → größe, "so"\n', "tags": [number, None]} for number in range(300)]
BAD = {7: "", 8: '{"text": ', 9: '["text"]', 10: '{"id": 1}'}


def written(rows: list[Any]) -> bytes:
    return "\n".join(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows).encode()


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.NDJSON", "rows.jsonl.gz"])
def test_every_row_has_one_line_in_the_order_of_the_file(pipeline: Play, name: str) -> None:
    content = gzip.compress(written(ROWS)) if name.endswith(".gz") else written(ROWS)
    ended = pipeline(models.answering(models.good)).run(content, {}, name)
    assert ended.state is State.SUCCEEDED
    wanted = [
        {
            "id": str(row["id"]),
            "text": row["text"],
            "tags": json.dumps(row["tags"], separators=(",", ":")),
            "label": models.label(row["text"]),
            "score": "0.5",
            "error": "",
        }
        for row in ROWS
    ]
    assert ended.rows == wanted


def test_a_bad_line_costs_only_itself_and_partial_files_are_the_final_ones(
    pipeline: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fanfold_core.input.source.BLOCK_BYTES", 1000)
    rows: list[Any] = [BAD.get(number, row) for number, row in enumerate(ROWS)]
    rows[200] = {"text": "poison", "day": 1}
    rows[210] = {"text": "fine", "day": 1}
    played = pipeline(models.poisoned(400))
    ended = played.run(written(rows), {"guard-formulas": "yes", "escape": "%5C"}, "rows.jsonl")
    left = [row for row in rows if row]  # a blank line is no row
    assert len(ended.rows) == len(left) == 299
    failed = {int(line[0]): line for line in ended.failed}
    assert set(failed) == {7, 8, 9, 199}
    assert failed[7][1:] == ["row is not a JSON object: Expecting value at character 9", "", "", "", '["{\\"text\\":"]']
    assert [failed[8][1], failed[9][1]] == ["row is JSON, but not an object", "input is empty"]
    assert json.loads(failed[199][-1]) == ['{"day":1}']
    assert [row["label"] for number, row in enumerate(ended.rows) if number not in failed] == [
        models.label(row["text"]) for number, row in enumerate(left) if number not in failed
    ]
    assert "There is 1 row, 209 (from 0), with keys that are no columns of results.csv" in " ".join(
        ended.summary["warnings"]
    )
    stack: Any = SimpleNamespace(ledger=played.handlers.ledger, store=played.handlers.store)
    partial = Partial.of(stack, ended.job)
    assert b"".join(partial.results()) == ended.results
    assert b"".join(partial.errors()) == ended.errors
    assert partial.row(209)["label"] == models.label("fine")


def test_the_model_gets_values_with_their_types(pipeline: Play) -> None:
    rows = [{"messages": [{"role": "user", "content": "hi"}], "top": 3, "pair": {"a": "x", "b": None}}] * 2
    played = pipeline(models.answering(models.good))
    ended = played.run(written(rows), {"input-column": "messages", "rows-per-request": "2"}, "a.jsonl")
    assert [json.loads(body)["inputs"] for body in ended.requests] == [[rows[0]["messages"]]] * 2
    expression = "{text: pair.a, k: top, b: pair.b}"
    ended = played.run(written(rows), {"input-expression": expression}, "b.jsonl")
    assert json.loads(ended.requests[0])["inputs"] == [{"text": "x", "k": 3, "b": None}]


def test_a_zero_is_an_input_and_what_is_empty_is_none(pipeline: Play) -> None:
    values: list[Any] = [0, False, "", None, [], {}]
    rows = [{"text": value} for value in values]
    ended = pipeline(models.answering(models.good)).run(written(rows), {}, "a.jsonl")
    assert [row["error"] for row in ended.rows] == ["", "", *["input is empty"] * 4]


def test_parts_of_sparse_rows_are_large_enough_for_s3(pipeline: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fanfold_core.input.source.BLOCK_BYTES", 1000)
    monkeypatch.setattr("fanfold_core.app.split._LEAST_PART", 1000)
    monkeypatch.setattr("tests.fakes.store.LEAST_PART", 1000)
    rows: list[dict[str, Any]] = [
        {"text": "\u0001"},
        *[{"text": "x", "rest": {"y" * 40: number}} for number in range(400)],
    ]
    rows += [{"text": "x", f"no column {number}": "y" * 100} for number in range(100)]
    content = "\n \n".join(json.dumps(row, indent=None, separators=(" , ", " : ")) for row in rows).encode()
    ended = pipeline(models.answering(lambda texts: ["" for _ in texts])).run(content, {}, "a.jsonl")
    assert len(ended.job.parts) > 1
    assert [row["text"] for row in ended.rows] == [row["text"] for row in rows]
