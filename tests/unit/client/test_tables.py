"""Rows in memory, as the file of their job."""

from __future__ import annotations

import csv
import json
import sys
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow.parquet import write_table

from fanfold.errors import InputFileError, PackageMissingError
from fanfold.input.files import opened
from fanfold.input.tables import writer_of
from fanfold_core.input.records import JsonRow

if TYPE_CHECKING:
    from pathlib import Path


ROWS = [["id", "text"], ["1", 'so "good", really'], ["2", "two\nlines"], ["3", ""]]
DICTS = [dict(zip(ROWS[0], row, strict=True)) for row in ROWS[1:]]


@pytest.mark.parametrize(
    "data",
    [DICTS, iter(DICTS), pd.DataFrame(DICTS), pa.Table.from_pylist(DICTS)],
    ids=["list", "iterator", "pandas", "arrow"],
)
def test_rows_are_written_as_they_are(data: object) -> None:
    stream = BytesIO()
    writer_of(data)(stream)
    assert list(csv.reader(StringIO(stream.getvalue().decode(), newline=""))) == ROWS


def test_rows_are_read_as_they_were_written_whatever_the_options_of_the_stack() -> None:
    parameters = {"JobDefaults": '{"delimiter": ";", "header": "absent", "encoding": "utf-16"}'}
    with opened(DICTS, pytest.fail, parameters, {"delimiter": "tab"}, "some.txt") as found:
        assert (found.source.name, found.layout.columns, found.layout.input_index) == ("some.txt", ("id", "text"), 1)
    with opened(["so good"], pytest.fail, {}, {}) as found:
        assert (found.source.name, found.layout.columns) == ("rows.csv", ("text",))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "there are no rows"),
        ([{"text": "a"}, "b"], "row 1 is of type str"),
        (["a", {"text": "b"}], "row 1 is of type dict"),
        ([{"text": "a"}, {"text": "b", "x": 1}], "row 1 has 'x', which the first row doesn't have"),
        ([1, 2], "row 0 is of type int"),
        ([{"text": b"a"}], "row 0 has bytes in 'text': give a text"),
        (pd.DataFrame({"text": ["so \ud800"]}, dtype=object), r"the data frame has '\\ud800', half of a character"),
        (pd.DataFrame({"text": [b"a"]}), "row 0 has bytes in 'text'"),
        (pl.DataFrame({"text": ["a"], "n": [b"a"]}), "row 0 has bytes in 'n'"),
        (pa.table({"text": [[b"a"]]}), "row 0 has bytes in 'text'"),
        ([{"text": ["so \ud800"]}], r"row 0 has '\\ud800', half of a character"),
        (pd.DataFrame({"text": [["so \ud800"]]}), r"the data frame has '\\ud800', half of a character"),
        (["a", "so \ud800"], r"row 1 has '\\ud800', half of a character"),
    ],
)
def test_rows_that_fit_no_table_are_refused(data: Any, words: str) -> None:
    with pytest.raises(InputFileError, match=words):
        writer_of(data)(BytesIO())


@pytest.mark.parametrize("series", [pd.Series(["a", None], name="said"), pl.Series("said", ["a", None])])
def test_a_column_of_texts_is_rows_of_which_a_missing_one_is_empty(series: Any) -> None:
    stream = BytesIO()
    writer_of(series)(stream)
    # In a file of one column, a blank line is an empty cell.
    assert stream.getvalue().decode().replace('""', "") == "text\na\n\n"


@pytest.mark.parametrize("missing", [None, float("nan"), np.float32("nan"), Decimal("NaN"), pd.NaT, pd.NA])
def test_a_missing_value_is_an_empty_cell_and_no_text(missing: object) -> None:
    stream = BytesIO()
    writer_of([{"text": "nan", "n": missing}, {"text": missing, "n": 0}])(stream)
    assert stream.getvalue() == b"text,n\nnan,\n,0\n"


def test_a_data_frame_whose_columns_have_several_names_is_refused() -> None:
    frame = pd.DataFrame([["so good", 1]], columns=pd.MultiIndex.from_tuples([("a", "text"), ("a", "n")]))
    with pytest.raises(InputFileError, match="several names for each column"):
        writer_of(frame)


def test_a_parquet_file_is_read_as_its_job_reads_it(tmp_path: Path) -> None:
    rows = [{"text": f"so ☂\n{number}", "n": number, "price": Decimal("1.50")} for number in range(2_500)]
    write_table(pa.Table.from_pylist(rows), tmp_path / "Rows.Parquet", row_group_size=700)
    parameters = {"JobDefaults": '{"encoding": "utf-16"}'}
    with opened(tmp_path / "Rows.Parquet", pytest.fail, parameters, {"input-column": "text"}) as found:
        (first, *_, last) = (row for piece in found.pieces() for row in found.content.rows(piece.data, found.layout))
        with found.head(2) as head, head.open(0) as stream:
            assert (head.name, head.options) == ("Rows.jsonl", {"encoding": "utf-8"})
            assert [json.loads(line) for line in stream] == [{**row, "price": "1.50"} for row in rows[:2]]
    assert (found.source.name, found.layout.columns) == ("Rows.Parquet", ("text", "n", "price"))
    assert isinstance(first, JsonRow)
    assert first.values == {**rows[0], "price": "1.50"}  # noqa: PD011 - of no frame
    assert last == ["so ☂\n2499", "2499", "1.50"]


def test_a_parquet_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    broken, binary = tmp_path / "broken.parquet", tmp_path / "binary.parquet"
    broken.write_bytes(b"PAR1\x15\x04noise")
    write_table(pa.table({"text": [b"\xff"]}), binary)
    for file, words in (
        (broken, "broken.parquet: the Parquet file is truncated"),
        (binary, "binary.parquet: column 'text' holds binary data, which JSON doesn't have: write the file without it"),
        (tmp_path / "none.parquet", "none.parquet does not exist"),
    ):
        with pytest.raises(InputFileError, match=words), opened(file, pytest.fail, {}, {}):
            pass


def test_without_its_packages_a_parquet_file_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(pa.table({"text": ["a"]}), tmp_path / "a.parquet")
    monkeypatch.setitem(sys.modules, "arro3.io", None)
    wanted = pytest.raises(PackageMissingError, match=r"a Parquet file needs .*: pip install 'fanfold\[parquet\]'")
    with wanted, opened(tmp_path / "a.parquet", pytest.fail, {}, {}):
        pass


@pytest.mark.parametrize("data", [5, None, b"text", {"text": "a"}])
def test_what_holds_no_rows_is_refused(data: object) -> None:
    with pytest.raises(TypeError, match="cannot submit"):
        writer_of(data)


NESTED = {"text": ["so", "good"], "n": [{"a": ["é"], "b": 1}, None], "some": [["x", "y, z"], []]}


@pytest.mark.parametrize(
    "data",
    [
        [dict(zip(NESTED, row, strict=True)) for row in zip(*NESTED.values(), strict=True)],
        pd.DataFrame(NESTED),
        pd.DataFrame(NESTED, index=[7, 7]),
        pl.DataFrame(NESTED),
        pa.table(NESTED),
    ],
    ids=["dicts", "pandas", "pandas of one index", "polars", "arrow"],
)
def test_values_within_a_cell_are_json_text(data: Any) -> None:
    stream = BytesIO()
    writer_of(data)(stream)
    assert list(csv.reader(StringIO(stream.getvalue().decode(), newline=""))) == [
        ["text", "n", "some"],
        ["so", '{"a":["é"],"b":1}', '["x","y, z"]'],
        ["good", "", "[]"],
    ]


@pytest.mark.parametrize(
    ("cells", "written"),
    [
        ([np.array([1.5, float("nan")]), (np.float32(0.5), {"b", "a"})], ["[1.5,null]", '[0.5,["a","b"]]']),
        (
            [{"day": date(2024, 1, 2), 3: Decimal("1.50")}, [float("inf")]],
            ['{"day":"2024-01-02","3":"1.50"}', "[null]"],
        ),
        ([[1], 2], ["[1]", "2"]),
        ([[1], None], ["[1]", ""]),
    ],
)
def test_what_json_does_not_have_is_text_within_a_cell_or_nothing(cells: list[Any], written: list[str]) -> None:
    for data in (
        [{"id": 1, "t": cell} for cell in cells],
        pd.DataFrame({"id": 1, "t": pd.Series(cells, dtype=object)}),
    ):
        stream = BytesIO()
        writer_of(data)(stream)
        assert [row["t"] for row in csv.DictReader(StringIO(stream.getvalue().decode(), newline=""))] == written


def test_a_data_frame_stays_as_it_is() -> None:
    frame = pd.DataFrame([[["a"], ["b"]]], columns=["x", "x"])
    stream = BytesIO()
    writer_of(frame)(stream)
    assert (stream.getvalue(), frame.iloc[0].tolist()) == (b'x,x\n"[""a""]","[""b""]"\n', [["a"], ["b"]])


def test_types_that_polars_or_arrow_write_to_no_csv_are_text_or_refused() -> None:
    stream = BytesIO()
    writer_of(pl.DataFrame({"text": [timedelta(1)]}))(stream)
    assert stream.getvalue() == b'text\n"1 day, 0:00:00"\n'
    map_of_keys = pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64()))
    writer_of(pa.table({"text": map_of_keys}))(stream := BytesIO())
    assert stream.getvalue() == b'"text"\n"{""a"":1}"\n'
    intervals = pa.array([(1, 2, 3)], pa.month_day_nano_interval())
    with pytest.raises(InputFileError, match=r"the Arrow table cannot be written as a CSV \(.*\): make its"):
        writer_of(pa.table({"text": intervals}))(BytesIO())


def test_a_relation_of_duckdb_is_an_arrow_table() -> None:
    stream = BytesIO()
    writer_of(duckdb.sql("select 1 as id, ['so good'] as text"))(stream)
    assert stream.getvalue() == b'"id","text"\n1,"[""so good""]"\n'


def test_an_open_file_is_no_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"text\r\nso good\r\n")
    with (tmp_path / "a.csv").open() as text, (tmp_path / "a.csv").open("rb") as binary:
        for file in (text, binary, StringIO("text\n")):
            with pytest.raises(InputFileError, match="an open file cannot be submitted: give its path"):
                writer_of(file)
