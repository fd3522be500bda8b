"""JSON Lines: rows are what a loop over the file's lines loads, wherever blocks and runs begin."""

import gzip
import json
from io import BytesIO
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.input.test_source import file_of

from fanfold_core.input import cutting
from fanfold_core.input.cutting import Cut, Limits, cut
from fanfold_core.input.errors import InputColumnError, LayoutError, NotCsvError, RecordTooLargeError
from fanfold_core.input.json.lines import LineScanner
from fanfold_core.input.layout import Layout
from fanfold_core.input.records import JsonRow, UnreadableRow
from fanfold_core.input.source import InputFile

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
OBJECTS = st.dictionaries(st.sampled_from(["id", "text", "größe", ""]), VALUES, max_size=4)
LINES = st.builds(
    lambda value, escapes, space: json.dumps(value, ensure_ascii=escapes).replace(": ", f":{space}"),
    OBJECTS | VALUES,
    st.booleans(),
    st.sampled_from([" ", "", "\t", "\r"]),
)
ODD = st.sampled_from(["", " ", "\t", "\r", "{", "so good", '{"text": "a', "NaN", "\u2028", "\x0b\x0c", "é" * 40])
ENDS = st.sampled_from(["\n", "\r\n", "\n\n", " \n", "\n\t\r\n"])
FILES = st.builds(
    lambda lines, last: "".join(line + end for line, end in lines) + last,
    st.lists(st.tuples(LINES | ODD, ENDS), max_size=12),
    LINES | ODD,
).map(lambda text: text.encode("utf-8", "replace"))


def loaded(data: bytes) -> list[Any]:
    """What the file holds: an object for each line, None for one that is none."""
    found = []
    for line in BytesIO(data):
        if not line.strip(b" \t\r\n"):
            continue
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        found.append(value if isinstance(value, dict) else None)
    return found


def rows_of(file: InputFile, layout: Layout, limits: Limits) -> tuple[list[list[str]], list[Cut]]:
    pieces = list(file.pieces(layout, limits))
    rows = [
        row for piece in pieces for row in file.rows(piece.data, layout, first_row=piece.first_row, start=piece.start)
    ]
    return rows, pieces


TEXT_AND_ID = Layout(("text", "id"), has_header=False, input_index=0, first_byte=0, blank_is_row=False)
LIMITS = st.builds(Limits, st.integers(1, 5), st.integers(1, 60), st.just(100_000))


@given(FILES, LIMITS, st.lists(st.integers(0, 400), max_size=12), st.sampled_from([2, 3, 7, 64, 65536]))
def test_rows_are_the_lines_of_the_file_wherever_blocks_end(
    data: bytes, limits: Limits, places: list[int], window: int
) -> None:
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    blocks = [data[start:end] for start, end in pairwise(bounds)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "_WINDOW", window)
        cuts = list(cut(blocks, start=0, first_row=0, scanner=LineScanner(), limits=limits))
        assert all(piece.data == data[piece.start : piece.end] for piece in cuts)
        for done in cuts:
            blocks = [data[done.end :]]
            rest = cut(
                blocks, start=done.end, first_row=done.first_row + done.rows, scanner=LineScanner(), limits=limits
            )
            assert list(rest) == [piece for piece in cuts if piece.start >= done.end]
    file = file_of(data, "a.jsonl")
    layout = TEXT_AND_ID
    rows = [row for piece in cuts for row in file.rows(piece.data, layout)]
    assert [row.values if isinstance(row, JsonRow) else None for row in rows] == loaded(data)
    assert [len(file.rows(piece.data, layout)) for piece in cuts] == [piece.rows for piece in cuts]
    assert [len(file.records(piece.data, piece.rows, layout)) for piece in cuts] == [piece.rows for piece in cuts]


@given(FILES)
def test_a_record_has_the_cells_of_its_row_and_what_is_no_column_behind_them(data: bytes) -> None:
    file, layout = file_of(data, "a.jsonl"), TEXT_AND_ID
    rows, records = file.rows(data, layout), file.records(data, 0, layout)
    for row, cells in zip(rows, records, strict=True):
        assert cells[:2] == row[:2]
        others = {name: value for name, value in getattr(row, "values", {}).items() if name not in layout.columns}
        surplus = [json.loads(cell) for cell in cells[2:]] if isinstance(row, JsonRow) else []
        assert surplus == ([others] if others else [])


def test_columns_are_the_keys_of_the_first_rows_and_values_keep_their_types() -> None:
    data = '\ufeff{"id": 7, "text": "ça va"}\r\n\n{"text": "no", "tags": ["a", 1.5], "ok": true, "none": null}'.encode()
    file = file_of(data, "a.jsonl")
    layout = file.layout()
    assert (layout.columns, layout.input_index, layout.bom) == (("id", "text", "tags", "ok", "none"), 1, True)
    rows, (piece,) = rows_of(file, layout, Limits())
    assert (piece.start, piece.rows) == (3, 2)
    assert rows == [["7", "ça va", "", "", ""], ["", "no", '["a",1.5]', "true", ""]]
    assert [cast("JsonRow", row).values["text"] for row in rows] == ["ça va", "no"]
    assert cast("JsonRow", rows[1]).values == {"text": "no", "tags": ["a", 1.5], "ok": True, "none": None}


def test_a_line_that_is_no_object_is_a_row_that_says_so() -> None:
    lines = ['{"text": ', '{"tex', "[1]", '{"text": "\\ud800"}', '{"text": ' + "[" * 101 + "]" * 101 + "}"]
    file = file_of("\n".join([*['{"text": "a"}'] * 5, *lines]).encode(), "a.jsonl")
    rows, _ = rows_of(file, file.layout(), Limits())
    reasons = [row.reason for row in rows if isinstance(row, UnreadableRow)]
    assert reasons[:3] == [
        "row is not a JSON object: Expecting value at character 9",
        "row is not a JSON object: Unterminated string at character 1",
        "row is JSON, but not an object",
    ]
    assert [reason.partition(":")[0] for reason in reasons[3:]] == ["row cannot be read as JSON"] * 2
    assert [row[1:] for row in rows] == [*[[]] * 5, *([line.strip()] for line in lines)]


def test_a_number_that_json_does_not_have_is_null() -> None:
    file = file_of(b'{"text": "a", "score": NaN, "most": 1e999}', "a.jsonl")
    ((row,), _) = rows_of(file, file.layout(), Limits())
    assert cast("JsonRow", row).values == {"text": "a", "score": None, "most": None}


def test_bytes_that_are_no_text_cost_their_row_and_are_named() -> None:
    data = b'{"text": "a"}\n\n{"text": "caf\xe9"}\n{"text": "b"}\n'
    file = file_of(data, "a.jsonl")
    rows, _ = rows_of(file, file.layout(), Limits())
    assert [isinstance(row, UnreadableRow) for row in rows] == [False, True, False]
    assert cast("UnreadableRow", rows[1]).reason.startswith("row 1, byte 28: not utf-8")
    assert rows[1] == ["caf\ufffd"]
    replacing = file_of(data, "a.jsonl", encoding_errors="replace")
    assert rows_of(replacing, replacing.layout(), Limits())[0] == [["a"], ["caf\ufffd"], ["b"]]


def test_a_compressed_or_transcoded_file_has_the_same_rows() -> None:
    text = '{"text": "größe"}\n{"text": "b"}\n'
    plain = file_of(text.encode(), "a.jsonl")
    wanted, _ = rows_of(plain, plain.layout(), Limits())
    for file in (
        file_of(gzip.compress(text.encode()), "a.jsonl.gz"),
        file_of(text.encode("utf-16"), "a.ndjson", encoding="utf-16"),
        file_of(text.encode("cp1252"), "a.jsonl", encoding="cp1252"),
    ):
        assert rows_of(file, file.layout(), Limits(rows=1))[0] == wanted


def test_the_first_bytes_may_cut_a_line_in_two() -> None:
    file = file_of(b'{"text": "a"}\n{"text": "b', "a.jsonl", is_beginning=True)
    layout = file.layout()
    assert file.rows(file.first_rows(layout).data, layout) == [["a"]]


def test_the_options_of_csv_say_nothing_about_json_lines() -> None:
    file = file_of(b'{"text": "a\\\\,b", "n": " 1"}\n', "a.jsonl", header="absent", escape="\\", delimiter=";")
    layout = file.layout()
    (piece,) = file.pieces(layout, Limits())
    assert list(file.records(piece.data, 1, layout)) == file.rows(piece.data, layout) == [["a\\,b", " 1"]]


@pytest.mark.parametrize(
    ("data", "options", "error", "words"),
    [
        (b"", {}, LayoutError, "the file is empty"),
        (b" \n\r\n", {}, LayoutError, "the file is empty"),
        (b"id,text\n1,so good\n", {}, LayoutError, "0 JSON objects in the first 2 lines: write"),
        (b'[\n{"text": "a"},\n{"text": "b"}\n]', {}, LayoutError, "1 JSON object in the first 4 lines: write"),
        (b'{\n  "text": "a"\n}\n', {}, LayoutError, "0 JSON objects in the first 3 lines: write"),
        (b"PAR1\x15\x04", {}, NotCsvError, "the file is not JSON Lines, it looks like a Parquet file"),
        ('{"text": 1}\n'.encode("utf-16"), {}, LayoutError, "looks like text in utf-16: set the option `encoding`"),
        (b'{"a": 1, "b": 2}\n', {}, InputColumnError, "the file has 2 columns, and none has a usual name"),
        (b'{"a": 1, "b": 2}\n', {"input_column": "c"}, LayoutError, "no column is named 'c': the columns are 'a', 'b'"),
        (b'{"a": 1}\n', {"input_expression": "{text: c}"}, LayoutError, "no key of the first 1 row is 'c'"),
    ],
)
def test_a_file_that_is_no_json_lines_is_refused_in_words(
    data: bytes, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        file_of(data, "a.jsonl", **options).layout()


def test_an_expression_may_ask_for_keys_within_values() -> None:
    data = b'{"meta": {"title": "a"}, "tags": [{"name": "b"}]}\n'
    layout = file_of(data, "a.jsonl", input_expression="{text: meta.title, text_pair: tags[0].name}").layout()
    assert layout.columns == ("meta", "tags")


def test_keys_beyond_what_a_job_can_keep_are_no_columns_and_said() -> None:
    data = json.dumps({"text": "a", **{f"{number:05d}" * 20: 1 for number in range(700)}}).encode()
    layout = file_of(data, "a.jsonl").layout()
    assert (len(layout.columns), layout.columns[0]) == (656, "text")
    assert "45 of them are no columns" in " ".join(layout.warnings)


def test_a_line_larger_than_any_row_may_be_is_named() -> None:
    blocks = [b'{"text": "a"}\n', b'{"text": "' + b"x" * 200]
    cuts = cut(blocks, start=0, first_row=7, scanner=LineScanner(), limits=Limits(bytes=50, record_bytes=100))
    assert next(cuts).rows == 1
    with pytest.raises(RecordTooLargeError, match="row 8 is larger than the limit of 100 bytes"):
        next(cuts)
