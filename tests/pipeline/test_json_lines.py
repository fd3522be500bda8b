"""JSON Lines, in and out, go the way of a CSV: every row has one line in the results, in the file's order."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from tests.pipeline import models
from tests.pipeline.pipeline import Ended, Model, Pipeline

from fanfold.folder import HeldFolder, Owner, held
from fanfold.input.files import LocalFile
from fanfold.input.sources import Source
from fanfold.partial import Partial
from fanfold.results import Results
from fanfold_core.domain.job import State
from fanfold_core.domain.options import Options

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
    rows = [
        {"messages": [{"role": "user", "content": said}], "top": 3, "pair": {"a": "x", "b": None}}
        for said in ("hi", "ho")
    ]
    played = pipeline(models.answering(models.good))
    ended = played.run(written(rows), {"input-column": "messages", "rows-per-request": "2"}, "a.jsonl")
    assert [json.loads(body)["inputs"] for body in ended.requests] == [[row["messages"]] for row in rows]
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


JSONL = {"results-format": "jsonl"}
TYPED: list[Any] = [
    {"id": 7, "text": "so ☂ good", "tags": ["a", {"b": None}], "ok": True, "price": 1.50},
    '{"text": ',
    {"text": "poison", "label": "mine", "error": 0},
    {"text": "=1+1", "none": None},
]
CSV = b'id,text,id\n1,"so ""good""",2\n2,=1+1\n3,poison,4\n4,fine,5,surplus\n'


def predicting(results: Callable[[str], Any]) -> Model:
    return lambda body: (
        models.failing(400)
        if b"poison" in body
        else models.response(json.dumps([results(text) for text in models.inputs(body)]))
    )


FLAT = predicting(lambda text: {"score": 0.5, "label": models.label(text)})


def objects(ended: Ended) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ended.results.decode().splitlines()]


def test_rows_of_json_lines_come_back_as_they_were_with_their_results(pipeline: Play) -> None:
    ended = pipeline(FLAT).run(written(TYPED), JSONL, "a.jsonl")
    good, unread, poison, formula = objects(ended)
    of_model = {"score": 0.5}
    # The columns `label` and `error` are the file's own.
    assert good == TYPED[0] | {"fanfold_label": "of so ☂ good", "fanfold_error": None} | of_model
    assert list(unread) == ["fanfold_error"]
    assert unread["fanfold_error"] == ended.failed[0][1] == "row is not a JSON object: Expecting value at character 9"
    assert poison.items() > TYPED[2].items()
    assert poison["fanfold_error"].startswith("prediction failure")
    assert formula == TYPED[3] | {"fanfold_label": "of =1+1", "fanfold_error": None} | of_model
    assert ended.summary["results"].endswith("/results.jsonl")
    assert (ended.state, ended.summary["predicted"]) == (State.COMPLETED_WITH_ERRORS, 2)


def test_rows_of_a_csv_are_objects_of_texts(pipeline: Play) -> None:
    ended = pipeline(FLAT).run(CSV, {**JSONL, "guard-formulas": "yes", "bom": "yes"}, "a.csv")
    assert objects(ended)[:2] == [
        {"id": "1", "text": 'so "good"', "id_2": "2", "label": 'of so "good"', "score": 0.5, "error": None},
        {"id": "2", "text": "=1+1", "id_2": "", "label": "of =1+1", "score": 0.5, "error": None},
    ]  # fmt: skip
    assert [list(row) for row in objects(ended)[2:]] == [["id", "text", "id_2", "error"]] * 2


def test_results_that_are_no_flat_objects_keep_their_form(pipeline: Play) -> None:
    ended = pipeline(predicting(lambda text: [text, {"a": 1}])).run(written(TYPED[:1]), JSONL, "a.jsonl")
    assert [row["prediction"] for row in objects(ended)] == [[TYPED[0]["text"], {"a": 1}]]


def test_a_key_that_comes_late_keeps_its_value_and_is_nothing_to_warn_of(
    pipeline: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fanfold_core.input.source.BLOCK_BYTES", 200)
    rows: list[dict[str, Any]] = [
        *[{"text": f"text {number}"} for number in range(60)],
        {"text": "late", "label": 1, "fanfold_label": 2},
    ]
    ended = pipeline(FLAT).run(written(rows), JSONL, "a.jsonl")
    assert objects(ended)[-1].items() > {**rows[-1], "fanfold_fanfold_label": "of late"}.items()
    assert objects(ended)[0]["label"] == "of text 0"
    assert ended.summary["warnings"] == []


@pytest.mark.parametrize("content", [written(TYPED), CSV], ids=["jsonl", "csv"])
def test_partial_files_are_the_final_one_and_the_client_reads_it(pipeline: Play, content: bytes) -> None:
    played = pipeline(FLAT)
    ended = played.run(content, JSONL, "a.csv" if content == CSV else "a.jsonl")
    stack: Any = SimpleNamespace(ledger=played.handlers.ledger, store=played.handlers.store)
    partial = Partial.of(stack, ended.job)
    assert b"".join(partial.results()) == ended.results
    assert b"".join(partial.errors()) == ended.errors
    assert [partial.row(number) for number in range(4)] == objects(ended)
    results = Results(partial.results, partial.format, ended.job.dialect)
    assert list(results) == objects(ended)
    assert results.file_name == "results.jsonl"
    assert results.to_pandas()["text"].tolist()[0] == objects(ended)[0]["text"]
    sheet = b"".join(results.for_spreadsheets()).decode("utf-8-sig")
    header, *lines = csv.reader(io.StringIO(sheet, newline=""))
    assert header == results.columns
    assert "'=1+1" in [cell for line in lines for cell in line]


def test_parts_of_json_lines_are_large_enough_for_s3(pipeline: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fanfold_core.app.split._LEAST_PART", 4000)
    monkeypatch.setattr("tests.fakes.store.LEAST_PART", 4000)
    wide = {f"column {number}": None for number in range(100)}
    rows = [{"text": "x" * 30, **wide}, *[{"text": "x" * 30} for _ in range(300)]]
    rows += ["{" + "x" * 90] * 100
    ended = pipeline(models.answering(lambda texts: [{} for _ in texts])).run(written(rows), JSONL, "a.jsonl")
    assert len(ended.job.parts) > 1
    assert len(objects(ended)) == len(rows)


class Bucket:
    """The files of a job, as S3 has them."""

    def __init__(self, ended: Ended) -> None:
        self._files = {
            "results.jsonl": ended.results,
            "errors.csv": ended.errors,
            "summary.json": json.dumps(ended.summary).encode(),
        }

    def list_objects_v2(self, *, Prefix: str, **_: Any) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        content = self._files.get(Path(Prefix).name)
        return {} if content is None else {"Contents": [{"Key": Prefix, "Size": len(content)}]}

    def download_fileobj(self, _bucket: str, key: str, stream: io.BytesIO, **_: Any) -> None:
        stream.write(self._files[Path(key).name])


def test_a_batch_of_requests_has_its_responses_in_openais_format(pipeline: Play, tmp_path: Path) -> None:
    def request(number: int, **changed: Any) -> dict[str, Any]:
        body = {"model": "served", "messages": [{"role": "user", "content": f"So {number}?"}], "max_tokens": 5}
        return {"custom_id": f"r{number}", "method": "POST", "url": "/v1/chat/completions", "body": body, **changed}

    rows: list[Any] = [request(number) for number in range(40)]
    rows[3] = request(3, method="GET")
    del rows[4]["body"]
    rows[5] = '{"custom_id": '
    rows[6]["body"]["messages"][0]["content"] = "poison"
    (tmp_path / "batch.jsonl").write_bytes(written(rows))
    found = LocalFile.read(Source.of_file(tmp_path / "batch.jsonl"), {"CostlierOptions": "allow"}, {})
    model: Model = lambda body: models.failing(400) if b"poison" in body else models.chatting(body)  # noqa: E731
    options = {name: quote(value) for name, value in found.assumed.items()}
    ended = pipeline(model).run(written(rows), options, "batch.jsonl")
    assert ended.state is State.COMPLETED_WITH_ERRORS
    assert ended.summary["tokens"] == {"prompt_tokens": 36 * 9, "completion_tokens": 36 * 2}

    stack: Any = SimpleNamespace(client=lambda _: Bucket(ended), output_bucket="output")
    files = HeldFolder(tmp_path).receive(stack, ended.job)
    output, errors = (
        [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] for file in files[-2:]
    )
    assert [file.name for file in files[-2:]] == ["batch_output.jsonl", "batch_errors.jsonl"]
    good = [row for number, row in enumerate(rows) if number not in {3, 4, 5, 6}]
    assert [line["custom_id"] for line in output] == [row["custom_id"] for row in good]
    for line, row in zip(output, good, strict=True):
        answer = line["response"]["body"]
        assert list(answer) == ["object", "choices", "usage"]
        assert answer["choices"][0]["message"]["content"] == models.label(row["body"]["messages"][0]["content"])
        assert (line["response"]["status_code"], line["error"]) == (200, None)
    assert [(line["custom_id"], line["response"], line["error"]["code"]) for line in errors] == [
        ("r3", None, "invalid_request"),
        ("r4", None, "invalid_request"),
        (None, None, "request_failed"),
        ("r6", None, "request_failed"),
    ]
    sent = [json.loads(body) for body in ended.requests]
    assert [body for body in sent if body["messages"][0]["content"] != "poison"] == [row["body"] for row in good]

    # They are another job's.
    HeldFolder(tmp_path, "/mine/batch.jsonl").receive(stack, replace(ended.job, options=Options()))
    its = {"batch.jsonl", ".fanfold.json", *(file.name for file in files[:-2])}
    assert {file.name for file in tmp_path.iterdir()} == its
    with held(tmp_path, Owner(origin="/mine/batch.jsonl"), replace=False):  # it is the same file
        pass
