"""A file is the same, whatever it is compressed with; and of one that is damaged, nothing is passed over."""

from __future__ import annotations

import bz2
import gzip
import itertools
import lzma
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from fanfold_core.domain.options import Options
from fanfold_core.input.cutting import Limits
from fanfold_core.input.errors import CompressionError, InputError, LayoutError, UndecodableError
from fanfold_core.input.formats import COMPRESSIONS, TABLE_ENDINGS, FileName
from fanfold_core.input.sniffing import check_is_csv
from fanfold_core.input.source import BLOCK_BYTES, InputFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from fanfold_core.input.formats import Compression

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
ROWS = [[str(number), f"so good, {'ß' * (number % 50)}"] for number in range(40_000)]
CONTENT = b"id,text\n" + "".join(f'{number},"{text}"\n' for number, text in ROWS).encode()
every_compression = pytest.mark.parametrize("compression", COMPRESSIONS, ids=lambda known: known.name)


def file_of(content: bytes, name: str = "a.csv", *, is_beginning: bool = False, **options: str) -> InputFile:
    return InputFile(
        name,
        len(content),
        Options(**options),  # type: ignore[arg-type]
        lambda start, end=None: BytesIO(content[start:end]),
        is_beginning=is_beginning,
    )


def compressed(compression: Compression, content: bytes = CONTENT) -> bytes:
    return COMPRESSORS[compression.suffix](content)


def rows_of(file: InputFile) -> list[list[str]]:
    layout = file.layout()
    return [row for piece in file.pieces(layout, Limits()) for row in file.rows(piece.data, layout)]


@every_compression
def test_a_compressed_file_holds_what_was_compressed(compression: Compression) -> None:
    file = file_of(compressed(compression), f"a.csv{compression.suffix}")
    assert (file.is_copied, rows_of(file)) == (True, ROWS)


@every_compression
def test_streams_after_each_other_are_one_file_wherever_they_were_cut(compression: Compression) -> None:
    cuts = (0, 3, 9, 10, 5_000, BLOCK_BYTES, len(CONTENT))
    parts = [compressed(compression, CONTENT[start:end]) for start, end in itertools.pairwise(cuts)]
    assert rows_of(file_of(b"".join(parts), f"a.csv{compression.suffix}")) == ROWS


@every_compression
def test_zeros_after_a_stream_are_no_content(compression: Compression) -> None:
    first, second = compressed(compression, CONTENT[:77]), compressed(compression, CONTENT[77:])
    padded = first + bytes(4) + second + bytes(512)
    assert rows_of(file_of(padded, f"a.csv{compression.suffix}")) == ROWS


@every_compression
def test_a_file_of_one_row_is_read(compression: Compression) -> None:
    file = file_of(compressed(compression, b"text\ngood"), f"a.CSV{compression.suffix.upper()}")
    assert rows_of(file) == [["good"]]


@every_compression
def test_a_compressed_file_that_ends_too_early_is_refused(compression: Compression) -> None:
    content = compressed(compression)
    for kept in (1, 5, len(content) // 2, len(content) - 1):
        with pytest.raises(CompressionError, match=f"the {compression.name} file is truncated: upload"):
            rows_of(file_of(content[:kept], f"a.csv{compression.suffix}"))


@every_compression
def test_a_damaged_file_is_refused_and_so_is_what_follows_a_stream_and_is_none(compression: Compression) -> None:
    content = compressed(compression)
    middle = len(content) // 2
    second_is_damaged = content + bytes(byte ^ 0xFF for byte in content[:10]) + content[10:]
    words = f"its name ends in {compression.suffix}, but it is not a valid {compression.name} file"
    for damaged in (
        CONTENT,
        content[:middle] + bytes(byte ^ 0xFF for byte in content[middle : middle + 9]) + content[middle + 9 :],
        content + b"id,text\n1,more\n",
        second_is_damaged,
    ):
        with pytest.raises(CompressionError, match=words):
            rows_of(file_of(damaged, f"a.csv{compression.suffix}"))


@every_compression
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_first_bytes_give_the_rows_that_end_within_them(compression: Compression, encoding: str) -> None:
    content = compressed(compression, CONTENT.decode().encode(encoding))
    file = file_of(
        content[: len(content) * 9 // 10], f"a.csv{compression.suffix}", is_beginning=True, encoding=encoding
    )
    layout = file.layout()
    rows = file.rows(file.first_rows(layout).data, layout)
    assert rows == ROWS[: len(rows)]
    assert 5 < len(rows) < len(ROWS)


@every_compression
def test_reading_goes_on_from_any_cut(compression: Compression) -> None:
    file = file_of(compressed(compression), f"a.csv{compression.suffix}")
    layout = file.layout()
    pieces = list(file.pieces(layout, Limits(rows=9_999)))
    for before, after in itertools.pairwise(pieces):
        row = before.first_row + before.rows
        again = file.pieces(layout, Limits(rows=9_999), start=before.end, first_row=row)
        assert next(again) == after


@every_compression
def test_no_block_is_larger_than_asked_for_however_much_a_byte_becomes(compression: Compression) -> None:
    content = compressed(compression, bytes(3_000_000))
    sizes = [len(block) for block in compression.decompressed([content], most=100_000)]
    assert (sum(sizes), max(sizes) <= 100_000) == (3_000_000, True)


@every_compression
def test_a_compressed_file_by_another_name_is_recognised(compression: Compression) -> None:
    said = f"a file compressed with {compression.name} whose name doesn't end in {compression.suffix}"
    with pytest.raises(LayoutError, match=said):
        check_is_csv(compressed(compression))


@every_compression
def test_names_say_what_a_file_is_and_what_it_is_uploaded_as(compression: Compression) -> None:
    end = compression.suffix
    for name, is_table, delimiter, uploaded in [
        ("tweets.csv", True, None, "tweets.csv"),
        (f"tweets.CSV{end}", True, None, f"tweets.CSV{end}"),
        ("tweets.txt", True, "tab", "tweets.txt"),
        (f"tweets.tsv{end}", True, "tab", f"tweets.tsv{end}"),
        (f"tweets.jsonl{end}", True, None, f"tweets.jsonl{end}"),
        ("tweets.NDJSON", True, None, "tweets.NDJSON"),
        (f"tweets{end}", False, None, f"tweets.csv{end}"),
        ("tweets.Parquet", True, None, "tweets.Parquet"),
        (f"tweets.parquet{end}", False, None, f"tweets.parquet.csv{end}"),
        ("csv", False, None, "csv.csv"),
    ]:
        parsed = FileName.parse(name)
        said = (parsed.is_table, parsed.options.get("delimiter"), parsed.uploaded)
        assert said == (is_table, delimiter, uploaded), name
    assert end in TABLE_ENDINGS


def test_the_first_bytes_of_a_plain_file_may_cut_a_row_or_a_character_or_a_line_end_in_two() -> None:
    content = "text\r\n1\r\nzwei ß\r\n".encode()
    for end in range(len("text\r\n1\r\n"), len(content)):
        file = file_of(content[:end], is_beginning=True)
        assert file.rows(file.first_rows(file.layout()).data, file.layout()) == [["1"]]


def test_text_that_ends_in_half_a_character_is_refused_unless_its_end_is_yet_to_come() -> None:
    file = file_of("text\n1\n".encode("utf-16")[:-1], encoding="utf-16")
    with pytest.raises(UndecodableError):
        rows_of(file)
    assert rows_of(replace(file, is_beginning=True)) == [["1"]]


def test_a_file_that_takes_too_long_to_go_on_in_is_refused() -> None:
    file = file_of(gzip.compress(CONTENT), "a.csv.gz")
    pieces = file.pieces(file.layout(), Limits(), start=len(CONTENT) - 9, out_of_time=lambda: True)
    with pytest.raises(InputError, match="too large to be read without byte ranges"):
        next(pieces)
