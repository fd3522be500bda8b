"""A Parquet file is a stream of JSON Lines, read within limits; and of one that cannot be read, words tell why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from io import BytesIO
from math import inf, nan
from random import Random
from typing import IO, TYPE_CHECKING, Any
from uuid import UUID

import pyarrow as pa
import pytest
from pyarrow.parquet import write_table

from fanfold_core.domain.options import Options
from fanfold_core.input.cutting import UNLIMITED, Budget, Limits
from fanfold_core.input.errors import FileTooLargeError, ParquetError, TooManyRowsError
from fanfold_core.input.parquet import stream
from fanfold_core.input.records import JsonRow
from fanfold_core.input.source import InputFile

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20
ROWS = [{"text": f"so ☂\n{number}", "n": number, "tags": ["a", None]} for number in range(5_000)]
WHERE = pa.map_(pa.string(), pa.decimal128(3, 1))


def parquet(data: pa.Table | dict[str, Any], **options: Any) -> bytes:
    out = BytesIO()
    write_table(data if isinstance(data, pa.Table) else pa.table(data), out, **options)
    return out.getvalue()


class File:
    """A file that remembers which ranges of it were asked for."""

    def __init__(self, content: bytes, budget: Budget = UNLIMITED, **options: Any) -> None:
        self.content, self.asked = content, list[tuple[int, int]]()
        self.input = InputFile("a.parquet", len(content), Options(**options), self.open, budget=budget)

    def open(self, start: int, end: int | None = None, /) -> IO[bytes]:
        self.asked.append((start, len(self.content) if end is None else end))
        return BytesIO(self.content[start:end])

    @property
    def text(self) -> bytes:
        with self.input.blocks(0) as blocks:
            return b"".join(blocks)


def rows_of(content: bytes, **options: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in File(content, **options).text.splitlines()]


FILE = parquet(pa.Table.from_pylist(ROWS), row_group_size=700)


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


def test_a_file_that_takes_too_long_to_go_on_in_is_refused() -> None:
    file = File(parquet({"text": ["so good" * 20] * 20_000}), input_column="text").input
    rest = file.pieces(file.layout(), Limits(), start=2 * MIB, out_of_time=lambda: True)
    with pytest.raises(ParquetError, match="too large to be read up to its end in one go: write it as several files"):
        next(rest)


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


def test_a_file_that_grows_beyond_all_memory_is_named_and_takes_none_here() -> None:
    # 128 rows of 10 MiB, which are one value of a few KiB.
    values = pa.DictionaryArray.from_arrays(pa.array([0] * 200, pa.int32()), pa.array(["a" * 10 * MIB]))
    expanded = File(parquet({"text": values}, store_schema=False, compression="zstd"))
    assert len(expanded.content) < MIB
    with pytest.raises(ParquetError, match="cannot be read within 1,024 MiB of memory: write it again, with smaller"):
        expanded.input.layout()
    # Where the reader keeps the one value, rows are written as they are needed.
    kept = File(parquet({"text": values}, compression="zstd"), Budget(max_bytes=30 * MIB))
    with pytest.raises(FileTooLargeError, match="31,457,280 bytes of text"):
        assert not kept.text


def test_rows_and_bytes_are_counted_as_they_come() -> None:
    file = File(FILE, Budget(max_rows=1_000), input_column="text").input
    with pytest.raises(TooManyRowsError, match="more than 1,000 rows"):
        list(file.pieces(file.layout(), Limits(rows=500)))


def test_each_byte_is_asked_for_about_once_in_few_requests() -> None:
    random = Random(7)
    columns = {f"c{number}": [random.random() for _ in range(150_000)] for number in range(12)}
    content = parquet(columns, row_group_size=60_000, compression="none", use_dictionary=False)
    assert len(content) > 13 * MIB
    file = File(content)
    assert file.text.count(b"\n") == 150_000
    assert len(file.asked) <= len(content) // (64 * MIB // 24) + 6
    assert sum(end - start for start, end in file.asked) < len(content) * 1.2


def test_no_process_is_left_behind_and_none_gets_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    class Process(subprocess.Popen[bytes]):
        def __init__(self, *given: Any, **options: Any) -> None:
            super().__init__(*given, **options)
            started.append((self, options["env"]))

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr(stream, "Popen", Process)
    file = File(FILE)
    with file.input.blocks(0) as blocks:
        next(blocks)
    with suppress(ParquetError):
        assert not File(FILE[:-1]).text
    assert file.text
    assert len(started) == 3
    for process, environment in started:
        assert process.returncode is not None
        assert process.stdin is not None
        assert process.stdin.closed
        assert [name for name in environment if name.startswith("AWS_")] == []
        assert environment.keys() > {"PYTHONPATH"}
    assert "AWS_SECRET_ACCESS_KEY" in os.environ


def test_what_keeps_a_range_from_being_read_is_no_flaw_of_the_file() -> None:
    def throttled(_start: int, _end: int | None = None, /) -> IO[bytes]:
        raise ConnectionError("slow down")

    with pytest.raises(ConnectionError, match="slow down"):
        InputFile("a.parquet", len(FILE), Options(), throttled).layout()
    # It has lost its end since its size was told.
    shrunk = InputFile("a.parquet", len(FILE), Options(), lambda start, end=None: BytesIO(FILE[:-9][start:end]))
    with pytest.raises(ParquetError, match="has become smaller while it was read"):
        shrunk.layout()


def test_a_bug_of_the_converter_is_no_flaw_of_the_file(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(RuntimeError, match="has failed"), stream.json_lines(File(FILE).open, "many") as blocks:  # type: ignore[arg-type]
        list(blocks)
    assert "ValueError" in capfd.readouterr().err


def test_without_its_packages_the_one_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "arro3", None)
    with pytest.raises(ModuleNotFoundError, match="arro3"):
        File(FILE).input.layout()


def test_a_function_imports_nothing_of_it_before_there_is_such_a_file() -> None:
    asked = (
        "import sys, fanfold_core.app.split; print({*sys.modules} & {'arro3', 'fanfold_core.input.parquet'} or None)"
    )
    ended = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert ended.stdout == "None\n"


@pytest.fixture(autouse=True)
def _no_noise(capfd: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Iterator[None]:
    """A panic, an abort and an end in the middle say nothing where users or logs would see it."""
    yield
    if "bug" not in request.node.name:
        assert capfd.readouterr().err == ""
