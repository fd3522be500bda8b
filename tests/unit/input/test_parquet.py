"""A Parquet file is a stream of JSON Lines, read within limits; and of one that cannot be read, words tell why."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import inf, nan
from random import Random
from typing import TYPE_CHECKING
from uuid import UUID

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from pyarrow.parquet import write_table
from tests.unit.input.parquet_files import FILE, ROWS, File, parquet, rows_of

from fanfold_core.input.cutting import Limits
from fanfold_core.input.errors import ParquetError
from fanfold_core.input.records import JsonRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WHERE = pa.map_(pa.string(), pa.decimal128(3, 1))


def test_rows_come_in_their_order_whatever_the_option_says_of_an_encoding() -> None:
    assert rows_of(FILE) == rows_of(FILE, encoding="utf-16") == ROWS
    file = File(FILE, encoding="utf-16", input_column="text").input
    layout = file.layout()
    (piece,) = file.pieces(layout, Limits())
    assert (file.is_copied, file.chunk_encoding, layout.columns) == (True, "utf-8", ("text", "n", "tags"))
    rows = file.rows(piece.data, layout)
    assert [row.values for row in rows if isinstance(row, JsonRow)] == ROWS


def test_pieces_after_any_cut_are_the_same() -> None:
    file, limits = File(FILE, input_column="text").input, Limits(rows=999)
    layout = file.layout()
    pieces = list(file.pieces(layout, limits))
    assert [piece.rows for piece in pieces] == [999] * 5 + [5]
    for at, piece in enumerate(pieces):
        rest = file.pieces(layout, limits, start=piece.start, first_row=piece.first_row)
        assert list(rest) == pieces[at:]


def test_what_json_has_keeps_its_type_and_all_else_is_text() -> None:
    zone = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)
    day = zone.replace(tzinfo=None, second=1, microsecond=500)
    many = UUID("550e8400-e29b-41d4-a716-446655440000")
    columns = {
        "whole": (pa.array([2**63 - 1]), 2**63 - 1),
        "unsigned": (pa.array([2**64 - 1], pa.uint64()), 2**64 - 1),
        "half": (pa.array([0.1], pa.float32()), 0.1),
        "nan": (pa.array([nan]), None),
        "inf": (pa.array([-inf]), None),
        "bool": (pa.array([True]), True),
        "none": (pa.nulls(1), None),
        "text": (pa.array([None], pa.string()), None),
        "quotes": (pa.array(['"\u2028\\\0ß'], pa.large_string()), '"\u2028\\\0ß'),
        "date": (pa.array([date(2024, 2, 29)]), "2024-02-29"),
        "time": (pa.array([time(12, 30)]), "12:30:00"),
        "day": (pa.array([day]), "2024-02-29T12:30:01.000500"),
        "utc": (pa.array([zone], pa.timestamp("ms", "UTC")), "2024-02-29T12:30:00Z"),
        "zone": (pa.array([zone], pa.timestamp("us", "Europe/Berlin")), "2024-02-29T13:30:00+01:00"),
        "spell": (pa.array([timedelta(seconds=90)]), "PT90S"),
        "decimal": (pa.array([Decimal("-0.50")]), "-0.50"),
        "exact": (pa.array([Decimal("12345678901234567890.12")]), "12345678901234567890.12"),
        "uuid": (pa.array([many.bytes], pa.binary(16)), str(many)),
        "kind": (pa.array(["x"]).dictionary_encode(), "x"),
        "dates": (pa.array([[date(2024, 2, 29), None]]), ["2024-02-29", None]),
        "pair": (pa.array([[Decimal("1.5"), None]], pa.list_(pa.decimal128(3, 1), 2)), ["1.5", None]),
        "large": (pa.array([[Decimal("1.5")]], pa.large_list(pa.decimal128(3, 1))), ["1.5"]),
        "inner": (pa.array([{"a": Decimal("1.5"), "b": {"c": [0.5]}}]), {"a": "1.5", "b": {"c": [0.5]}}),
        "map": (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())), {"k": 1}),
    }
    (row,) = rows_of(parquet({name: array for name, (array, _) in columns.items()}))
    assert row == {name: value for name, (_, value) in columns.items()}


PLAIN = pa.table({"text": [f"so good {number}" for number in range(300)], "n": [1.5, None] * 150})
OTHERS: dict[str, Callable[[Path], object]] = {
    "brotli": lambda file: write_table(PLAIN, file, compression="brotli"),
    "lz4": lambda file: write_table(PLAIN, file, compression="lz4"),
    "gzip": lambda file: write_table(PLAIN, file, compression="gzip", data_page_version="2.0", write_page_index=True),
    "delta": lambda file: write_table(
        PLAIN, file, use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY", "n": "BYTE_STREAM_SPLIT"}
    ),
    "pandas": lambda file: PLAIN.to_pandas().to_parquet(file),
    "polars": lambda file: pl.DataFrame(PLAIN).write_parquet(file, compression="zstd"),
    "duckdb": lambda file: duckdb.from_arrow(PLAIN).write_parquet(str(file)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_files_are_read_whatever_program_wrote_them(name: str, tmp_path: Path) -> None:
    OTHERS[name](tmp_path / "a.parquet")
    assert rows_of((tmp_path / "a.parquet").read_bytes()) == PLAIN.to_pylist()


def test_times_are_read_as_spark_writes_them() -> None:
    at = pa.array([datetime(2024, 2, 29, 12, 30, tzinfo=UTC)], pa.timestamp("ns", "UTC"))
    (row,) = rows_of(parquet({"at": at}, use_deprecated_int96_timestamps=True, store_schema=False))
    assert row == {"at": "2024-02-29T12:30:00"}


def invalid_text() -> pa.Array:
    buffers = pa.array(["xx"]).buffers()
    return pa.Array.from_buffers(pa.string(), 1, [None, buffers[1], pa.py_buffer(b"\xff\xfe")])


DAMAGED = FILE[:100] + bytes(len(FILE) // 2 - 100) + FILE[len(FILE) // 2 :]
HUGE = 2**31 - 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"text\nso good\n", "its name ends in .parquet, but it is not a Parquet file: rename it"),
        (b"PA", "it is not a Parquet file"),
        (FILE[:-1], "the Parquet file is truncated: upload the complete file"),
        (b"PAR1", "the Parquet file is truncated"),
        (FILE[:-4] + b"PARE", "the Parquet file is encrypted: write it without encryption"),
        (b"PARE" + FILE[4:-4] + b"PARE", "the Parquet file is encrypted"),
        (DAMAGED, "the Parquet file cannot be read: see whether another program reads it"),
        (FILE[:-8] + HUGE.to_bytes(4, "little") + b"PAR1", "the Parquet file cannot be read"),
        (FILE[:-8] + bytes(4) + b"PAR1", "the Parquet file cannot be read"),
        (b"PAR1" + bytes(100) + (100).to_bytes(4, "little") + b"PAR1", "the Parquet file cannot be read"),
        (parquet({"text": pa.array([], pa.string())}), "the Parquet file has no rows"),
        (parquet({}), "the Parquet file has no columns"),
        (parquet(pa.table([[1], [2]], names=["a", "a"])), "several columns called 'a': rename all but one"),
        (
            parquet({"x": pa.StructArray.from_arrays([[1], [2]], names=["a", "a"])}),
            "several fields of a column called 'a'",
        ),
        (
            parquet({"a b": [b"\xff"]}),
            "column 'a b' holds binary data, which JSON doesn't have: write the file without",
        ),
        (parquet({"x": [{"Binary": [b"\xff"]}]}), "column 'x' holds binary data"),
        (parquet({"x": pa.array([[("k", Decimal("1.5"))]], WHERE)}), "column 'x' holds decimals in a map"),
        (parquet({"x": pa.array([[(1, 1)]], pa.map_(pa.int64(), pa.int64()))}), "the Parquet file cannot be read"),
        (parquet({"x": pa.array([2**63 - 1], pa.timestamp("us"))}), "the Parquet file cannot be read"),
        (parquet({"x": invalid_text()}), "the Parquet file cannot be read"),
        # Here the reader panics.
        (parquet({"x": pa.array([Decimal("1.5")]).dictionary_encode()}), "the Parquet file cannot be read"),
    ],
    ids=range(21),
)
def test_what_cannot_be_read_or_said_in_json_is_an_error_with_words(content: bytes, words: str) -> None:
    with pytest.raises(ParquetError, match=words) as raised:
        File(content).input.layout()
    # What the reader says may quote the file.
    assert "ordinal" not in str(raised.value)


def test_the_words_of_the_reader_are_told_to_those_who_may_read_the_file() -> None:
    with pytest.raises(ParquetError) as raised:
        File(parquet({"x": pa.array([2**63 - 1], pa.timestamp("us"))})).input.layout()
    assert str(2**63 - 1) in raised.value.quoted
    assert str(2**63 - 1) not in str(raised.value)


@pytest.mark.parametrize("seed", range(16))
def test_whatever_is_damaged_in_a_file_ends_in_words(seed: int) -> None:
    """470 others did, too: they were read, or refused within a second."""
    random, content = Random(seed), bytearray(FILE)
    footer = int.from_bytes(FILE[-8:-4], "little")
    for _ in range(random.randint(1, 6)):
        content[random.randrange(len(FILE) - footer - 8, len(FILE) - 4)] = random.randrange(256)
        content[random.randrange(4, len(FILE) - 8)] = random.choice([0, 255])
    with suppress(ParquetError):
        assert File(bytes(content)).text


def test_a_column_may_be_called_like_a_type() -> None:
    assert rows_of(parquet({"Binary": [{'Map("Decimal': 1}]})) == [{"Binary": {'Map("Decimal': 1}}]


@pytest.fixture(autouse=True)
def _no_noise(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """What the reader says of a file stands where users and logs don't see it."""
    yield
    assert capfd.readouterr().err == ""
