"""What the console says of a file before it is uploaded is what its job will take it for."""

import bz2
import gzip
import json
import lzma
import random
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from io import BytesIO

import pyarrow as pa
import pytest
from pyarrow.parquet import write_table

from fanfold.console.preview import HEAD_BYTES, Preview, preview_file
from fanfold_core.input.errors import FileNameError, InputError, NotCsvError

CONTENT = 'id,Text,who\n1,so good,é\n\n2,"two\nlines",b\n'


def seen(content: bytes, name: str = "tweets.csv", **options: str) -> Preview:
    head = content[:HEAD_BYTES]
    given = {option.replace("_", "-"): value for option, value in options.items()}
    parameters = {"JobDefaults": '{"input-column": "", "header": "auto"}'}
    found = preview_file(name, head, complete=head == content, parameters=parameters, options=given)
    # How much was read depends on how the file is written.
    return replace(found, rows_read=0, bytes_read=None)


def test_columns_and_first_rows_are_shown_and_the_input_is_found() -> None:
    assert seen(CONTENT.encode()) == Preview(
        ("id", "Text", "who"),
        1,
        has_header=True,
        rows=[["1", "so good", "é"], ["2", "two\nlines", "b"]],
        assumed="The first line is the header, and the texts are in column 1, 'Text', because of its usual name.",
    )


@pytest.mark.parametrize(
    ("content", "name", "encoding"),
    [
        (gzip.compress(CONTENT.encode(), mtime=0), "tweets.csv.gz", ""),
        (bz2.compress(CONTENT.encode()), "tweets.csv.bz2", ""),
        (lzma.compress(CONTENT.encode()), "tweets.csv.xz", ""),
        (CONTENT.encode("utf-16"), "tweets.csv", "utf-16"),
        (CONTENT.encode("cp1252"), "tweets.csv", "cp1252"),
        (b"\xef\xbb\xbf" + CONTENT.encode(), "tweets.csv", ""),
    ],
)
def test_a_file_is_the_same_however_it_is_written(content: bytes, name: str, encoding: str) -> None:
    options = {"encoding": encoding} if encoding else {}
    assert seen(content, name, **options) == seen(CONTENT.encode())


@pytest.mark.parametrize(
    ("end", "compress"),
    [("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress), (".xz", partial(lzma.compress, preset=0))],
)
def test_of_a_large_file_the_beginning_is_enough(end: str, compress: Callable[[bytes], bytes]) -> None:
    # Random, so that it stays large.
    text = random.Random(1).randbytes(HEAD_BYTES * 2).hex()
    rows = "".join(f"{at},é and {text[at : at + 80]},x\n" for at in range(0, len(text), 80))
    content = compress(f"id,text,who\n{rows}".encode())
    assert len(content) > HEAD_BYTES
    assert len(seen(content, f"tweets.csv{end}").rows) == 5


def test_what_is_seen_of_json_lines_can_be_told_to_the_page() -> None:
    found = asdict(seen(b'{"id": 1, "text": "so good"}\n', "a.jsonl"))
    assert found["rows"] == [["1", "so good"]]


def test_of_a_parquet_file_all_is_looked_at_or_nothing() -> None:
    write_table(pa.table({"id": [1, 2], "text": ["so good", "so bad"]}), out := BytesIO())
    content = out.getvalue()
    found = preview_file("a.parquet", content, complete=True, parameters={}, options={"input-column": "text"})
    assert (found.columns, found.input_index, found.bytes_read) == (("id", "text"), 1, None)
    assert (found.rows, found.rows_read) == ([["1", "so good"], ["2", "so bad"]], 2)
    unseen = preview_file("a.parquet", content[:100], complete=False, parameters={}, options={})
    assert (unseen.columns, unseen.rows, unseen.question) == ((), [], "")
    assert "is not looked at before it is uploaded" in unseen.hint


def test_where_an_expression_makes_the_input_no_column_is_it() -> None:
    parameters = {"JobDefaults": json.dumps({"input-expression": "join(' ', [Text, who])"})}
    found = preview_file("a.csv", CONTENT.encode(), complete=True, parameters=parameters, options={})
    assert (found.columns, found.input_index) == (("id", "Text", "who"), None)
    with pytest.raises(InputError, match="'Text'"):
        preview_file("a.csv", b"id,who\n1,x\n", complete=True, parameters=parameters, options={})


def test_where_no_name_tells_the_input_there_are_columns_to_choose_from() -> None:
    content = b"id,words\n1,so good\n"
    for header in ("auto", "present"):
        found = seen(content, header=header)
        assert (found.columns, found.input_index, found.rows) == (("id", "words"), None, [["1", "so good"]])
        assert "say which with the option `input-column`" in found.question
    assert "option `input-column`" in seen(content, label_column="0").question
    chosen = seen(content, input_column="1")
    assert (chosen.input_index, chosen.question) == (1, "")
    assert chosen.assumed.startswith("The first line is the header: its cell of column 0 stands above numbers.")


def test_this_files_options_count_before_the_stacks() -> None:
    parameters = {"JobDefaults": '{"input-column": "who", "header": "present", "delimiter": ","}'}
    head = CONTENT.encode()
    assert preview_file("a.csv", head, complete=True, parameters=parameters, options={}).input_index == 2
    assert (
        preview_file("a.csv", head, complete=True, parameters=parameters, options={"input-column": "0"}).input_index
        == 0
    )


@pytest.mark.parametrize(
    ("content", "name", "options", "words"),
    [
        (b"", "a.csv", {}, "the file is empty"),
        (b"PK\x03\x04...", "a.csv", {}, "a zip archive: unzip it"),
        (CONTENT.encode(), "a.csv", {"input_column": "tweet"}, "no column is named 'tweet'"),
        (CONTENT.encode(), "a.csv", {"encoding": "klingon"}, "a text encoding that Python knows"),
        (CONTENT.encode(), "a.csv.gz", {}, "not a valid gzip file"),
        (b"a,b", "a.csv", {"encoding": "utf-16"}, "utf-16"),
        (b'id,"text', "a.csv", {}, "quote"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_the_words_of_its_job(
    content: bytes, name: str, options: dict[str, str], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        seen(content, name, **options)


@pytest.mark.parametrize(("likely", "content"), [("cp1252", "id,text\n1,café\n"), ("latin-1", "text\na\x81b\n")])
def test_text_in_another_encoding_is_refused_and_the_encoding_to_choose_is_named(likely: str, content: str) -> None:
    with pytest.raises(
        InputError, match=f"1 of the first 1 row: the file is not utf-8 here. Try the encoding {likely}"
    ):
        seen(content.encode(likely))
    assert seen(content.encode(likely), encoding=likely).rows == seen(content.encode()).rows


def test_a_character_that_the_first_bytes_cut_in_two_is_no_mistake() -> None:
    content = "text\n" + "é" * HEAD_BYTES
    found = seen(b"a" + content.encode(), header="present")
    assert (found.columns, found.rows) == (("atext",), [])


@pytest.mark.parametrize("head", ["id;words\n1;good\n", "words\tid\n", "a|b\nc|d\n"])
def test_a_file_of_one_column_whose_first_line_may_have_several_gets_a_hint(head: str) -> None:
    assert "if cells end there, set the option `delimiter`" in seen(head.encode()).hint
    assert seen(head.encode(), delimiter=head.lstrip("abcdghinorsw")[0]).hint == ""
    assert seen(b"text\nso good\n").hint == ""


@pytest.mark.parametrize("name", ["real.xlsx", "table.csv.zip", "tweets", "csv", "tweets.gz"])
def test_a_file_that_is_no_csv_by_its_name_is_refused(name: str) -> None:
    with pytest.raises(FileNameError, match=r"name must end in \.csv.*export a workbook or other data as CSV"):
        seen(b"text\nso good\n", name)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("table.csv.zip", b"PK\x03\x04...", "a zip archive: unzip it"),
        ("real.xlsx", b"PK\x03\x04....xl/workbook.xml", "an Excel workbook .*: in Excel, save it as CSV UTF-8"),
        ("photo.jpg", b"\xff\xd8\xff", "a JPEG image: export it as CSV"),
    ],
)
def test_what_is_in_a_file_says_what_to_do_by_whatever_name(name: str, content: bytes, words: str) -> None:
    for called in (name, "tweets.csv"):
        with pytest.raises(NotCsvError, match=words):
            seen(content, called)


@pytest.mark.parametrize("name", ["tweets.CSV", "tweets.tsv", "tweets.txt"])
def test_text_with_rows_may_go_by_other_names(name: str) -> None:
    assert seen(b"text\nso good\n", name).rows == [["so good"]]
    assert seen(gzip.compress(b"text\nso good\n"), f"{name}.gz").rows == [["so good"]]


def test_a_compressed_file_that_is_not_whole_is_refused_unless_its_end_is_yet_to_come() -> None:
    head = gzip.compress(CONTENT.encode())[:-1]
    with pytest.raises(InputError, match="the gzip file is truncated"):
        preview_file("a.csv.gz", head, complete=True, parameters={}, options={})
    assert preview_file("a.csv.gz", head, complete=False, parameters={}, options={}).columns == ("id", "Text", "who")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("parameters", "[1]", "a JSON object"),
        ("input_expression", "join(", "a JMESPath expression"),
        ("payload_expression", "{", "a JMESPath expression"),
        ("result_expression", "[", "a JMESPath expression"),
        ("rows_per_request", "1001", "a number from 1 to 1000"),
        ("guard_formulas", "perhaps", "one of yes, no"),
    ],
)
def test_options_that_the_job_would_refuse_are_refused(option: str, value: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        seen(b"text\nso good\n", **{option: value})
