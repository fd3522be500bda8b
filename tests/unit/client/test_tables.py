"""Rows in memory, as the file of their job."""

from __future__ import annotations

import csv
from io import BytesIO, StringIO
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from fanfold.errors import InputFileError
from fanfold.input.files import LocalFile
from fanfold.input.sources import source_of
from fanfold.input.tables import writer_of

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
    parameters = {"Delimiter": ";", "Header": "absent", "Encoding": "utf-16"}
    with source_of(DICTS, pytest.fail, "some.txt") as source:
        found = LocalFile.read(source, parameters, {"delimiter": "tab"})
        assert (source.name, found.layout.columns, found.layout.input_index) == ("some.txt", ("id", "text"), 1)
    with source_of(["so good"], pytest.fail) as source:
        assert (source.name, LocalFile.read(source, {}, {}).layout.columns) == ("rows.csv", ("text",))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "there are no rows"),
        ([{"text": "a"}, "b"], "row 1 is of type str"),
        (["a", {"text": "b"}], "row 1 is of type dict"),
        ([{"text": "a"}, {"text": "b", "x": 1}], "row 1 has 'x', which the first row hasn't"),
        ([1, 2], "row 0 is of type int"),
    ],
)
def test_rows_that_fit_no_table_are_refused(data: list[Any], words: str) -> None:
    with pytest.raises(InputFileError, match=words):
        writer_of(data)(BytesIO())


@pytest.mark.parametrize("data", [5, None, b"text", {"text": "a"}])
def test_what_holds_no_rows_is_refused(data: object) -> None:
    with pytest.raises(TypeError, match="cannot submit"):
        writer_of(data)
