"""A Parquet file is read in few requests and little memory, by a process that nobody has to know of."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from io import BytesIO
from random import Random
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from tests.unit.input.parquet_files import FILE, MIB, File, parquet

from fanfold_core.domain.options import Options
from fanfold_core.input.cutting import Budget, Limits
from fanfold_core.input.errors import FileTooLargeError, ParquetError, TooManyRowsError
from fanfold_core.input.parquet import stream
from fanfold_core.input.source import InputFile

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_a_file_that_takes_too_long_to_go_on_in_is_refused() -> None:
    file = File(parquet({"text": ["so good" * 20] * 20_000}), input_column="text").input
    rest = file.pieces(file.layout(), Limits(), start=2 * MIB, out_of_time=lambda: True)
    with pytest.raises(ParquetError, match="too large to be read up to its end in one go: write it as several files"):
        next(rest)


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


@pytest.mark.parametrize("levels", [900, 3_000])
def test_columns_that_are_nested_deeper_than_any_stack_are_a_flaw_of_the_file(levels: int) -> None:
    column = pa.array([1])
    for _ in range(levels):
        column = pa.StructArray.from_arrays([column], names=["a"])
    with pytest.raises(ParquetError, match="the Parquet file cannot be read"):
        File(parquet({"x": column}, store_schema=False)).input.layout()


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
    assert len(file.asked) <= len(content) // (4 * MIB) + 6
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
