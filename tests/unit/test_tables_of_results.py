"""Results as tables of Arrow, as Parquet files, and as a table in Athena."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import duckdb
import pyarrow as pa
import pytest
import sqlglot
from moto import mock_aws
from pyarrow.parquet import ParquetFile, read_table

from fanfold.errors import DownloadError, UserError
from fanfold.results import Results, tables
from fanfold.results.athena import write_table
from fanfold.results.formats import CsvFormat, JsonLinesFormat
from fanfold_core.input.json.text import cell_of
from fanfold_core.input.records import Dialect, format_records

if TYPE_CHECKING:
    from collections.abc import Iterator


def table_of(rows: list[list[str]], own: int = 1) -> Results:
    content = format_records(rows, Dialect()).encode()
    return Results(lambda: iter([content]), CsvFormat(own, Dialect()), Dialect())


def lines_of(*rows: object) -> Results:
    content = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    return Results(lambda: iter([content]), JsonLinesFormat(), Dialect())


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "", "-2"], "int64"),
        (["1.0", "", "0.5"], "double"),
        (["true", "", "false"], "bool"),
        (["1", "true", "0.5"], "string"),
        (["NA", "1", ""], "string"),
        (["2024-02-29", "2024-03-01", ""], "string"),
        (["[1]", "", "{}"], "string"),
        (["", "", ""], "string"),
    ],
)
@pytest.mark.parametrize("piece", [1, 1 << 20])
def test_the_type_of_a_column_fits_all_its_cells_wherever_the_file_is_cut(
    cells: list[str], kind: str, piece: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tables, "_RECORDS_BYTES", piece)
    found = table_of([["text", "x", "error"], *(['so\r\n"good", 007', cell, ""] for cell in cells)])
    table = found.to_arrow()
    assert [str(field.type) for field in table.schema] == ["string", kind, "string"]
    assert table["text"].to_pylist() == ['so\r\n"good", 007'] * 3
    assert [cell_of(value) for value in table["x"].to_pylist()] == cells
    found.to_parquet(tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet") == table


@pytest.mark.parametrize("piece", [1, 1 << 20])
def test_columns_of_json_lines_have_the_type_that_fits_all_rows(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_RECORDS_BYTES", piece)
    table = lines_of(
        {"n": 1, "at": "2024-02-29", "tags": [], "meta": {"a": 1}, "error": "input is empty"},
        {"n": None, "at": "soon", "tags": ["a"], "meta": {"b": ["2024-02-29"]}, "score": 1, "error": None},
        {"n": 2.5, "at": "2024-03-01T12:00:00", "meta": None, "never": None, "score": 2, "error": None},
    ).to_arrow()
    assert {field.name: str(field.type) for field in table.schema} == {
        "n": "double",
        "at": "string",
        "tags": "list<item: string>",
        "meta": "struct<a: int64, b: list<item: string>>",
        "error": "string",
        "score": "int64",
        "never": "string",
    }
    assert table["n"].to_pylist() == [1.0, None, 2.5]
    assert table["at"].to_pylist() == ["2024-02-29", "soon", "2024-03-01T12:00:00"]
    assert table["meta"].to_pylist()[1:] == [{"a": None, "b": ["2024-02-29"]}, None]


def test_a_row_of_several_megabytes_is_read() -> None:
    text = "so\r\ngood" * 400_000
    assert table_of([["text", "x", "error"], [text, "1", ""], ["b", "2", ""]]).to_arrow().to_pylist() == [
        {"text": text, "x": 1, "error": ""},
        {"text": "b", "x": 2, "error": ""},
    ]


def test_values_of_several_types_are_said_to_fit_no_table(tmp_path: Path) -> None:
    mixed = lines_of({"x": 1}, {"x": "a"})
    for read in (mixed.to_arrow, lambda: mixed.to_parquet(tmp_path / "x.parquet")):
        with pytest.raises(DownloadError, match=r"fit no table \(.*x.*\): read them row by row instead"):
            read()
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path: Path) -> None:
    lines = [iter([b'{"text": "a"}\n']), iter([b'{"text": "a"}\n']), iter([b'{"text": 1}\n'])]
    with pytest.raises(DownloadError, match="fit no table"):
        Results(lambda: lines.pop(0), JsonLinesFormat(), Dialect()).to_parquet(tmp_path / "x.parquet")
    assert (lines, list(tmp_path.iterdir())) == ([], [])


def test_results_without_rows_are_a_table_without_rows(tmp_path: Path) -> None:
    for found, names in ((table_of([["text", "error"]]), ["text", "error"]), (lines_of(), [])):
        found.to_parquet(tmp_path / "none.parquet")
        assert read_table(tmp_path / "none.parquet").schema.names == names


@pytest.mark.parametrize("read_as", [CsvFormat(1, Dialect()), JsonLinesFormat()], ids=["csv", "jsonl"])
def test_a_parquet_file_is_written_of_a_few_megabytes_at_a_time(
    read_as: CsvFormat | JsonLinesFormat, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tables, "_RECORDS_BYTES", 1 << 16)
    if isinstance(read_as, CsvFormat):
        rows, head = (
            format_records([["so good " * 8, "0.98", ""]] * 1_000, Dialect()).encode(),
            [b"text,score,error\r\n"],
        )
    else:
        rows, head = b'{"text": "%s", "score": 0.98, "error": null}\n' % (b"so good " * 8) * 1_000, []
    held = []

    def blocks() -> Iterator[bytes]:
        yield from head
        for _ in range(100):
            held.append(pa.total_allocated_bytes())
            yield rows

    before = pa.total_allocated_bytes()
    Results(blocks, read_as, Dialect()).to_parquet(tmp_path / "a.parquet")
    assert ParquetFile(tmp_path / "a.parquet").metadata.num_rows == 100_000
    assert max(held) - before < 10 * len(rows)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="lake")
        yield SimpleNamespace(client=lambda _: client, input_bucket="in-bucket", output_bucket="out-bucket")


@pytest.mark.parametrize(
    ("results", "columns"),
    [
        (
            table_of([["Text", "text", "größe (cm)", "ok", "score", "error"], ["a", "b", "7", "true", "0.5", ""]], 3),
            ["text VARCHAR", "text_2 VARCHAR", "gr_e_cm_ VARCHAR", "ok BOOLEAN", "score DOUBLE", "error VARCHAR"],
        ),
        (
            lines_of({"id": 7, "end": "x", "tags": ["a"], "meta": {"K": 1}, "error": None}, {"id": 8, "error": "why"}),
            ["id BIGINT", "end VARCHAR", "tags VARCHAR", "meta VARCHAR", "error VARCHAR"],
        ),
    ],
    ids=["csv", "jsonl"],
)
def test_a_table_in_athena_has_the_columns_of_its_files(
    results: Results, columns: list[str], stack: Any, tmp_path: Path
) -> None:
    table = write_table(results, stack, "tweets-1f.2", "s3://lake/of-all/Re-views")
    assert table.file == "s3://lake/of-all/Re-views/tweets-1f.parquet"
    file = tmp_path / "a.parquet"
    stack.client("s3").download_file("lake", "of-all/Re-views/tweets-1f.parquet", str(file))
    # DuckDB reads the file, SQLGlot the statement, as others do.
    read = duckdb.read_parquet(str(file))
    assert [f"{name} {kind}" for name, kind in zip(read.columns, read.types, strict=True)] == columns
    (statement,) = sqlglot.parse(table.statement, dialect="athena", error_level=sqlglot.ErrorLevel.RAISE)
    assert statement is not None
    found = [one.sql("duckdb") for one in statement.find_all(sqlglot.exp.ColumnDef)]
    assert [one.replace('"', "").replace(" TEXT", " VARCHAR") for one in found] == columns
    assert [one.name for one in statement.find_all(sqlglot.exp.Table)] == ["re_views"]
    assert [one.this.name for one in statement.find_all(sqlglot.exp.LocationProperty)] == ["s3://lake/of-all/Re-views/"]
    assert [one.this.name for one in statement.find_all(sqlglot.exp.FileFormatProperty)] == ["PARQUET"]


def test_lists_and_objects_are_json_in_athena_and_null_is_null(stack: Any) -> None:
    rows = lines_of({"tags": ["a", "☂"], "meta": {"K": 1}, "error": None}, {"tags": None, "error": "why"})
    write_table(rows, stack, "tweets-1f", "s3://lake/tweets/")
    content = stack.client("s3").get_object(Bucket="lake", Key="tweets/tweets-1f.parquet")["Body"].read()
    assert read_table(pa.BufferReader(content)).to_pylist() == [
        {"tags": '["a","☂"]', "meta": '{"K":1}', "error": None},
        {"tags": None, "meta": None, "error": "why"},
    ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a file without room")
def test_a_table_for_which_there_is_no_room_is_said_with_what_to_do(
    stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fanfold.results.athena.TemporaryFile", partial(open, "/dev/full", "w+b"))
    with pytest.raises(UserError, match=r"^cannot copy the table to a temporary file \(No space .*TMPDIR"):
        write_table(lines_of({"text": "so good", "error": None}), stack, "tweets-1f", "s3://lake/tweets/")


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("lake/tweets/", "lake/tweets/ cannot be a table in Athena: name a folder as s3://BUCKET/FOLDER/"),
        ("s3://lake/", "cannot be a table"),
        ("s3://lake//tweets/", "cannot be a table"),
        ("s3://lake/_tweets/", "cannot be a table"),
        ("s3://lake/it's/", "cannot be a table"),
        ("s3://in-bucket/tweets/", "in-bucket is a bucket of the stack"),
        ("s3://out-bucket/results", "choose another one for tables"),
    ],
)
def test_a_folder_that_can_be_no_table_is_refused(location: str, words: str) -> None:
    stack: Any = SimpleNamespace(input_bucket="in-bucket", output_bucket="out-bucket")
    with pytest.raises(DownloadError, match=re.escape(words)):
        write_table(table_of([["text", "error"]]), stack, "tweets-1f", location)
