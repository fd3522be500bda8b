"""results.parquet: a folder that all readers take for one table, whoever writes its files and however often."""

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.app.conftest import System, sent
from tests.unit.domain.test_kinds import names, values

from fanfold_core.app.table import fix_columns, table_numbers, write_table
from fanfold_core.app.table.parquet import write_parquet
from fanfold_core.aws.messages import Assemble
from fanfold_core.domain.job import JobRecord, State
from fanfold_core.domain.keys import result_key, table_key
from fanfold_core.domain.statistics.kinds import JSON, Kind, Kinds, settled
from fanfold_core.input.json.text import write_json

TEN_ROWS = [{"id": str(row), "text": f"text {row}", "label": "GOOD", "error": None} for row in range(10)]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of few lines, made of results.jsonl in several parts."""
    monkeypatch.setattr("fanfold_core.app.table._TABLE_BYTES", 150)
    monkeypatch.setattr("fanfold_core.app.split._LEAST_PART", 20)
    monkeypatch.setattr("tests.fakes.store.LEAST_PART", 20)


def split(system: System, content: bytes | None = None) -> JobRecord:
    return system.split(*filter(None, [content]), results_format="parquet")


def answer_all(system: System, job: JobRecord) -> None:
    for chunk in system.chunks(job):
        system.answer(job, chunk.number, *sent(chunk.rows))


def results(system: System, job: JobRecord) -> list[dict[str, Any]]:
    lines = system.store.read(result_key(job.id, "results.jsonl")).decode().splitlines()
    return [json.loads(line) for line in lines]


def downloaded(system: System, job: JobRecord, folder: Path) -> Path:
    numbers = table_numbers(system.store, job)
    assert set(numbers) == job.tables
    for number in numbers:
        file = folder / table_key(job.id, number).rpartition("/")[2]
        file.write_bytes(system.store.read(table_key(job.id, number)))
    return folder


def rows_of(system: System, job: JobRecord) -> list[dict[str, Any]]:
    tables = [system.store.read(table_key(job.id, number)) for number in sorted(job.tables)]
    return [row for table in tables for row in pq.read_table(BytesIO(table), use_threads=False).to_pylist()]


@pytest.mark.usefixtures("small")
def test_all_readers_take_the_folder_for_one_table(system: System, tmp_path: Path) -> None:
    job = split(system)
    answer_all(system, job)
    job = system.finish(job)
    folder = downloaded(system, job, tmp_path)
    assert (job.state, len(job.parts) > 1, len(job.tables) > 2) == (State.SUCCEEDED, True, True)
    assert results(system, job) == TEN_ROWS
    table = pq.read_table(folder)
    assert table.schema.equals(pa.schema(dict.fromkeys(("id", "text", "label", "error"), pa.string())))
    assert table.to_pylist() == TEN_ROWS
    assert pd.read_parquet(folder)["text"].tolist() == [row["text"] for row in TEN_ROWS]
    found = duckdb.read_parquet(f"{folder}/*.parquet").fetchall()
    assert sorted(found) == [tuple(row.values()) for row in TEN_ROWS]


def test_the_summary_says_where_the_table_is(system: System) -> None:
    for results_format, folder in (("parquet", "results.parquet/"), ("jsonl", None)):
        job = system.split(results_format=results_format)
        answer_all(system, job)
        system.finish(job)
        summary = json.loads(system.store.read(result_key(job.id, "summary.json")))
        assert summary["parquet"] == (folder and system.store.location(result_key(job.id, folder)))
        assert (summary["results"].rpartition("/")[2], summary["warnings"]) == ("results.jsonl", [])


@pytest.mark.usefixtures("small")
@settings(max_examples=20)
@given(st.data())
def test_files_in_any_order_and_twice_make_the_same_table(data: st.DataObject) -> None:
    system = System()
    job = split(system)
    answer_all(system, job)
    system.messages()
    system.assembler.assemble(job.id)
    rounds = 0
    while messages := [message for message in system.messages() if isinstance(message, Assemble)]:
        rounds += 1
        for message in data.draw(st.permutations([*messages, *messages])):
            system.build(message)
    job = system.ledger.job(job.id)
    assert (rounds, job.state) == (2, State.SUCCEEDED)
    assert rows_of(system, job) == TEN_ROWS
    assert len(system.announcements.made) == 1


@pytest.mark.usefixtures("small")
def test_whoever_assembles_a_job_again_sends_what_is_missing(system: System) -> None:
    job = split(system)
    answer_all(system, job)
    system.messages()
    system.assembler.assemble(job.id)
    lost = 0
    # Of each round, all messages but the first are lost.
    while (messages := system.messages()) and (system.ledger.job(job.id).state is State.CLOSING):
        system.build(messages[0])
        lost += len(messages) - 1
        system.assembler.assemble(job.id)
    assert lost > 5
    assert rows_of(system, system.ledger.job(job.id)) == TEN_ROWS


@pytest.mark.usefixtures("small")
def test_rows_without_an_answer_are_in_the_table(system: System) -> None:
    job = split(system)
    system.answer(job, 0, *sent(4))
    system.follow_up.close(job.id, State.CANCELLED, "by its user")
    job = system.finish(job)
    assert job.state is State.CANCELLED
    rows = rows_of(system, job)
    assert [row["label"] for row in rows] == ["GOOD"] * 4 + [None] * 6
    assert [row["error"] for row in rows] == [None] * 4 + ["cancelled"] * 6


@pytest.mark.usefixtures("small")
def test_of_an_uploaded_file_that_is_gone_predictions_are_in_the_table(system: System) -> None:
    job = split(system)
    answer_all(system, job)
    system.store.delete(job.source.bucket, job.source.key)
    job = system.finish(job)
    assert job.state is State.FAILED
    rows = rows_of(system, job)
    assert [(row["id"], row["label"]) for row in rows] == [(None, "GOOD")] * 10


@pytest.mark.parametrize("content", [b"id,text\r\n", b"one,two\r\n1,2\r\n"], ids=["no rows", "a file that fails"])
def test_without_rows_there_is_an_empty_table(system: System, content: bytes) -> None:
    job = system.finish(split(system, content))
    assert rows_of(system, job) == []
    names = pq.read_table(BytesIO(system.store.read(table_key(job.id, 0))), use_threads=False).schema.names
    assert names == (["id", "text", "error"] if job.layout else ["error"])


@pytest.mark.usefixtures("small")
def test_of_a_table_that_cannot_be_written_the_other_files_are_there(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("fanfold_core.app.assemble.write_table", fail)
    job = split(system)
    system.answer(job, 0, *sent(4))
    system.follow_up.close(job.id, State.CANCELLED, "by its user")
    with pytest.raises(OSError, match="No space left"):
        system.finish(job)
    job = system.assembler.abandon(job.id)
    assert (job.state, "its results cannot be written" in job.reason) == (State.FAILED, True)
    assert len(results(system, job)) == 10
    assert len(system.store.read(result_key(job.id, "errors.csv")).splitlines()) == 1 + 6


@pytest.mark.usefixtures("small")
def test_a_message_for_a_file_that_no_table_has_changes_nothing(system: System) -> None:
    job = split(system)
    answer_all(system, job)
    system.assembler.assemble(job.id)
    for part in system.assembler.parts(job):
        system.assembler.build(job.id, part)
    without_table = system.follow_up.close(system.split().id, State.CANCELLED, "by its user")
    for job_id, number in ((job.id, 10_000), (without_table.id, 0)):
        before = system.ledger.job(job_id)
        assert before.state is State.CLOSING
        assert system.assembler.build_table(job_id, number) == before


@settings(max_examples=30)
@given(st.lists(st.integers(0, 60), max_size=12), st.integers(1, 90))
def test_wherever_results_are_cut_each_line_is_in_one_file(lengths: list[int], table_bytes: int) -> None:
    rows = [{"text": "x" * length} for length in lengths]
    system = System()
    job = split(system)
    system.store.write(
        result_key(job.id, "results.jsonl"), "".join(f"{write_json(row)}\n" for row in rows).encode(), ""
    )
    fix_columns(system.store, job, Kinds())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("fanfold_core.app.table._TABLE_BYTES", table_bytes)
        patched.setattr("fanfold_core.app.table._BLOCK", 7)
        numbers = table_numbers(system.store, job)
        for number in numbers:
            write_table(system.store, job, number)
    found = rows_of(system, replace(job, tables=frozenset(numbers)))
    assert [row["text"] for row in found] == ["x" * length for length in lengths]


@settings(max_examples=100)
@given(st.lists(st.dictionaries(names, values, max_size=3), max_size=5), st.integers(1, 60))
def test_whatever_rows_hold_the_table_has_it(rows: list[dict[str, Any]], batch_bytes: int) -> None:
    columns = {name: settled(kind) for name, kind in kinds_by_name(rows).items()} | {"never": "text"}
    lines = "".join(f"{write_json(row)}\n" for row in rows).encode()
    stream = BytesIO()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("fanfold_core.app.table.parquet._BATCH_BYTES", batch_bytes)
        patched.setattr("fanfold_core.app.table.parquet._BATCH_VALUES", 4)
        write_parquet([memoryview(lines)], columns, stream)
    found = pq.read_table(stream, use_threads=False).to_pylist()
    for row, of_table in zip(rows, found, strict=True):
        assert of_table.keys() == columns.keys()
        for name, kind in columns.items():
            value = of_table[name]
            read = json.loads(value) if kind == JSON and value is not None else value
            assert same(read, row.get(name)), (name, kind, value, row.get(name))


def kinds_by_name(rows: list[dict[str, Any]]) -> dict[str, Kind]:
    kinds = Kinds.of(rows, set())
    return {name: kinds[name] for name in kinds}


def same(found: Any, value: Any) -> bool:
    """Whether a table's value is the row's: an object may have gained keys without a value, a number lost digits."""
    if isinstance(found, dict) and isinstance(value, dict):
        return all(same(found.get(name), value.get(name)) for name in {*found, *value})
    if isinstance(found, list) and isinstance(value, list):
        return len(found) == len(value) and all(map(same, found, value))
    return bool(found == (float(value) if isinstance(found, float) else value)) and (found is None) is (value is None)
