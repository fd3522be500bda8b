"""Results as a table of Parquet through the real handlers: one schema, and the rows that results.jsonl has."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.pipeline import models
from tests.pipeline.pipeline import Ended, Model, Pipeline
from tests.unit.input.parquet_files import parquet

from fanfold_core.domain.job import State
from fanfold_core.domain.keys import table_key

MakePipeline = Callable[[Model], Pipeline]
PARQUET = {"results-format": "parquet"}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of some lines, made of results.jsonl in several parts."""
    monkeypatch.setattr("fanfold_core.app.table._TABLE_BYTES", 3_000)
    monkeypatch.setattr("fanfold_core.app.split._LEAST_PART", 1_000)
    monkeypatch.setattr("tests.fakes.store.LEAST_PART", 1_000)


def read(played: Pipeline, ended: Ended, folder: Path, of_json: str = "") -> pa.Table:
    """The folder as its readers see it; its rows are those of results.jsonl, but that one column has them as JSON."""
    for number in ended.job.tables:
        (folder / f"part-{number:05d}.parquet").write_bytes(played.handlers.store.read(table_key(ended.job.id, number)))
    table = pq.read_table(folder)
    names = dict.fromkeys(table.schema.names)
    rows = [
        {name: json.loads(value) if name == of_json and value else value for name, value in row.items()}
        for row in table.to_pylist()
    ]
    assert rows == [names | json.loads(line) for line in ended.results.decode().splitlines()]
    return table


def written(rows: list[Any]) -> bytes:
    return "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows).encode()


@pytest.mark.usefixtures("small")
def test_values_keep_the_types_of_json_in_all_files(pipeline: MakePipeline, tmp_path: Path) -> None:
    def predict(texts: list[str]) -> Any:
        found = [{"embedding": [0.5, len(text), 1e-5], "size": len(text), "top": {"ok": True}} for text in texts]
        # What comes late has no other type than what came before.
        return [{**one, "size": 0.5} if text.startswith("99") else one for one, text in zip(found, texts, strict=True)]

    rows: list[Any] = [
        {"id": number, "text": f"{number} {'☂' * 40}", "none": None, "tags": []} for number in range(100)
    ]
    rows[7] = '{"text": '
    rows[20] |= {"tags": ["a", None], "text": "poison"}
    rows[50] |= {"big": 2**70, "odd": 1, "label": "own"}
    rows[99] |= {"odd": "two"}
    played = pipeline(lambda body: models.failing(400) if b"poison" in body else models.answering(predict)(body))
    ended = played.run(written(rows), {**PARQUET, "input-column": "text"}, "a.jsonl")
    assert (ended.state, len(ended.job.parts) > 1, len(ended.job.tables) > 3) == (
        State.COMPLETED_WITH_ERRORS,
        True,
        True,
    )
    table = read(played, ended, tmp_path, "odd")
    assert {name: str(kind) for name, kind in zip(table.schema.names, table.schema.types, strict=True)} == {
        "id": "int64",
        "text": "string",
        "none": "string",
        "tags": "list<element: string>",
        "big": "double",
        "label": "string",
        "odd": "string",
        "prediction": "struct<embedding: list<element: double>, size: double, top: struct<ok: bool>>",
        "error": "string",
    }
    assert table.schema.names[:2] == ["id", "text"]
    assert table.schema.names[-2:] == ["prediction", "error"]
    assert [table["odd"][row].as_py() for row in (50, 99)] == ["1", '"two"']


@pytest.mark.usefixtures("small")
def test_the_cells_of_a_csv_are_text_and_a_vector_is_a_list_of_numbers(pipeline: MakePipeline, tmp_path: Path) -> None:
    content = b"id,text,id,label\n" + b"".join(b"%d,text %d,007,\n" % (row, row) for row in range(200))
    played = pipeline(models.answering(lambda texts: [{**good, "embedding": [0.5, 1]} for good in models.good(texts)]))
    ended = played.run(content, {**PARQUET, "input-column": "text"})
    table = read(played, ended, tmp_path)
    own = dict.fromkeys(["id", "text", "id_2", "label"], pa.string())
    vector = pa.list_(pa.field("element", pa.float64()))
    found = {"fanfold_label": pa.string(), "score": pa.float64(), "embedding": vector, "error": pa.string()}
    assert table.schema.equals(pa.schema({**own, **found}))


def test_of_a_parquet_file_columns_come_back_with_their_types(pipeline: MakePipeline, tmp_path: Path) -> None:
    given = pa.table(
        {
            "text": ["so good", "so bad"],
            "n": pa.array([1, None], pa.int32()),
            "x": [0.5, None],
            "ok": [True, False],
            "inner": [{"a": [1], "b": "x"}, None],
        }
    )
    played = pipeline(models.answering(models.good))
    ended = played.run(parquet(given), {**PARQUET, "input-column": "text"}, "a.parquet")
    table = read(played, ended, tmp_path).select(given.schema.names)
    assert table.to_pylist() == given.to_pylist()
    assert [str(kind) for kind in table.schema.types] == [
        "string",
        "int64",
        "double",
        "bool",
        "struct<a: list<element: int64>, b: string>",
    ]


def test_keys_beyond_what_a_table_takes_are_said_to_be_left_out(pipeline: MakePipeline) -> None:
    rows: list[Any] = [
        {"text": f"text {row}", **{f"k{row}-{number}": [{}] for number in range(40)}} for row in range(40)
    ]
    rows[0]["zzz"] = 1
    played = pipeline(models.answering(models.good))
    ended = played.run(written(rows), {**PARQUET, "input-column": "text"}, "a.jsonl")
    (warning,) = (one for one in ended.summary["warnings"] if "results.parquet" in one)
    assert warning == (
        "The rows have more keys than a table takes: results.parquet has only some of them as columns, and "
        "results.jsonl all."
    )
    table = pq.read_table(BytesIO(played.handlers.store.read(table_key(ended.job.id, 0))), use_threads=False)
    assert table.num_columns == 1_000
    assert table["label"].to_pylist() == [models.label(row["text"]) for row in rows]
    assert "zzz" not in table.schema.names
    assert table["k0-0"].to_pylist() == ["[{}]", *[None] * 39]
