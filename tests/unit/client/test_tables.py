"""Rows in memory, as the file of their job."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO, StringIO
from math import nan
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow.parquet import write_table

from fanfold.errors import InputFileError, PackageMissingError
from fanfold.input.files import opened
from fanfold.input.tables import write_parquet, writer_of
from fanfold_core.input.records import JsonRow

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed import ReadableBuffer as Buffer

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
        ([{"text": "a"}, {"text": "b", "x": 1}], "row 1 has 'x', which the first row hasn't"),
        ([1, 2], "row 0 is of type int"),
    ],
)
def test_rows_that_fit_no_table_are_refused(data: list[Any], words: str) -> None:
    with pytest.raises(InputFileError, match=words):
        writer_of(data)(BytesIO())


def test_a_parquet_file_is_read_as_json_lines_with_its_types(tmp_path: Path) -> None:
    day = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)
    rows = [
        {"text": f"so ☂\n{number}", "n": number, "tags": ["a", None], "at": day, "price": Decimal("1.50"), "x": nan}
        for number in range(2_500)
    ]
    write_table(pa.Table.from_pylist(rows), tmp_path / "Rows.Parquet", row_group_size=700)
    parameters = {"JobDefaults": '{"encoding": "utf-16"}'}
    with opened(tmp_path / "Rows.Parquet", pytest.fail, parameters, {"input-column": "text"}) as found:
        (first, *_, last) = (row for piece in found.pieces() for row in found.content.rows(piece.data, found.layout))
    assert (found.source.name, found.layout.columns) == ("Rows.jsonl", ("text", "n", "tags", "at", "price", "x"))
    assert isinstance(first, JsonRow)
    assert first.values == {**rows[0], "at": "2024-02-29T12:30:00+00:00", "price": "1.50", "x": None}  # noqa: PD011 - of no frame
    assert last[:2] == ["so ☂\n2499", "2499"]


def test_a_parquet_file_is_read_some_rows_at_a_time_however_many_are_in_a_group(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    texts = pa.array(f"{number} {token_hex(100)}" for number in range(40_000))
    write_table(pa.table({"text": texts}), file, row_group_size=20_000, compression="none", use_dictionary=False)
    held, before = [], pa.total_allocated_bytes()

    class Stream(BytesIO):
        def write(self, line: Buffer) -> int:
            held.append(pa.total_allocated_bytes() - before)
            return len(memoryview(line))

    write_parquet(file, Stream())
    assert len(held) == 40_000
    assert max(held) < 3 * 1024 * 1024 < file.stat().st_size / 2


def test_a_parquet_file_that_cannot_be_read_or_written_as_json_is_named(tmp_path: Path) -> None:
    broken, binary = tmp_path / "broken.parquet", tmp_path / "binary.parquet"
    broken.write_bytes(b"PAR1\x15\x04noise")
    write_table(pa.table({"text": [b"\xff"]}), binary)
    for file, words in (
        (broken, "cannot read .*broken.parquet as a Parquet file"),
        (binary, "binary.parquet holds values of type bytes, which JSON doesn't have: write the file again without"),
        (tmp_path / "none.parquet", "none.parquet does not exist"),
    ):
        with pytest.raises(InputFileError, match=words), opened(file, pytest.fail, {}, {}):
            pass


def test_without_pyarrow_a_parquet_file_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(pa.table({"text": ["a"]}), tmp_path / "a.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    wanted = pytest.raises(PackageMissingError, match=r"a Parquet file needs .*: pip install 'fanfold\[arrow\]'")
    with wanted, opened(tmp_path / "a.parquet", pytest.fail, {}, {}):
        pass


@pytest.mark.parametrize("data", [5, None, b"text", {"text": "a"}])
def test_what_holds_no_rows_is_refused(data: object) -> None:
    with pytest.raises(TypeError, match="cannot submit"):
        writer_of(data)
