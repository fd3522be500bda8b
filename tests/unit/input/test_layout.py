"""Header, input column and first row are found as the options say, or the error names what was found instead."""

from typing import Any

import pytest

from fanfold_core.input.columns import Asked
from fanfold_core.input.cutting import Cut
from fanfold_core.input.encodings import check_decodes, is_byte_cuttable
from fanfold_core.input.errors import (
    InputError,
    LayoutError,
    OpenQuoteError,
    OptionError,
    RecordTooLargeError,
    UndecodableError,
)
from fanfold_core.input.layout import Layout, detect_layout
from fanfold_core.input.records import Dialect
from fanfold_core.input.scanning import Scanner

BOM = b"\xef\xbb\xbf"


def detected(head: bytes, **changed: Any) -> Layout:
    options: dict[str, Any] = {
        "complete": True,
        "encoding": "utf-8",
        "dialect": Dialect(),
        "header": "auto",
        "input_column": None,
    }
    return detect_layout(head, **(options | changed))


@pytest.mark.parametrize("name", ["inputs", "TEXT", " input ", '" Text "'])
def test_a_first_record_with_a_default_name_is_the_header(name: str) -> None:
    layout = detected(f"id,{name}\n1,a\n".encode())
    assert (layout.has_header, layout.input_index, layout.columns[0]) == (True, 1, "id")
    assert layout.first_byte == len(f"id,{name}\n")
    assert not layout.blank_is_row


def test_a_file_of_bare_tweets_loses_none() -> None:
    layout = detected(b"@airline thanks!\nbye\n")
    assert (layout.columns, layout.has_header, layout.input_index, layout.first_byte) == (("column_1",), False, 0, 0)
    assert layout.blank_is_row
    assert layout.assumed == ("The file has one column, and its first line is a row: it is no column's usual name.",)


def test_columns_without_header_are_numbered() -> None:
    assert detected(b"a,b,c\n", input_column="0").columns == ("column_1", "column_2", "column_3")


@pytest.mark.parametrize("head", [b"text\r\na", b"text\ra", b"text\na", b"\r\n\n\rtext\na"])
def test_rows_begin_after_the_header_and_the_blank_lines_before_it(head: bytes) -> None:
    layout = detected(BOM + head)
    assert layout.has_header
    assert (BOM + head)[layout.first_byte :] == b"a"


def test_blank_lines_before_rows_without_header_are_rows() -> None:
    assert detected(BOM + b"\n\nfirst\n").first_byte == len(BOM)


def test_a_byte_order_mark_is_text_in_another_encoding() -> None:
    assert detected(BOM + b"text\n", encoding="cp1252").has_header is False


def test_a_header_may_have_quoted_line_ends_and_any_encoding() -> None:
    layout = detected(
        '"a\r\nb";"Café"\n1;2\n'.encode("cp1252"), encoding="cp1252", dialect=Dialect(";"), input_column="CAFÉ"
    )
    assert layout.columns == ("a\r\nb", "Café")
    assert layout.input_index == 1


@pytest.mark.parametrize(("header", "has_header"), [("auto", True), ("present", True), ("absent", False)])
def test_an_index_always_works(header: str, has_header: bool) -> None:  # noqa: FBT001
    layout = detected(b"id,tweet\n1,a\n", header=header, input_column="1")
    assert (layout.input_index, layout.has_header) == (1, has_header)


def test_header_absent_makes_a_row_even_of_a_default_name() -> None:
    assert detected(b"text\na\n", header="absent").first_byte == 0


def test_the_only_column_is_the_input_whatever_its_header_says() -> None:
    layout = detected(b"tweet\na\n", header="present")
    assert (layout.columns, layout.input_index, layout.blank_is_row) == (("tweet",), 0, True)


@pytest.mark.parametrize(
    ("head", "options", "words"),
    [
        (b"so good\nso bad\n", {"input_column": "txt"}, "no column is named 'txt': give 0, the number of the file's"),
        (b"id,words\n", {"input_column": "Tweets"}, "no column is named 'Tweets': give the name of one of those in"),
        (b"id,words\n", {"input_column": "2"}, "no column 2: the file has 2, counted from 0"),
        (b"id,words\n", {"input_column": "tweet", "header": "absent"}, "header=absent says that there are no names"),
        (b"text,Text\n", {}, "2 columns are named 'text': give the number"),
        (b",".join([b"x" * 99] * 30), {"header": "present"}, "x…' and 20 more"),
        (b"", {}, "the file is empty"),
        (BOM, {}, "the file is empty"),
        (b"\n\r\n\r", {}, "only blank lines"),
        (b"\n\r\n\r", {"complete": False}, "begins with too many blank lines"),
        ("text\nä".encode("utf-16"), {}, "looks like text in utf-16: set the option `encoding` to utf-16, or"),
        ("text\nä".encode("utf-16-be"), {}, "looks like text in utf-16-be: set the option `encoding` to utf-16-be, or"),
        ("text\nä".encode("utf-32-le"), {}, "looks like text in utf-32-le: set the option `encoding` to utf-32-le, or"),
        (b"PK\x03\x04\x14\x00a.csv", {}, "looks like a zip archive: unzip it"),
        (b"\x1f\x8b\x08\x00", {}, "looks like a file compressed with gzip whose name doesn't end in .gz"),
        (b"PAR1\x15\x04", {}, "looks like a Parquet file"),
        (b"\x89PNG\r\n\x1a\n", {}, "looks like a PNG image"),
        ("词,文\n一,好\n".encode("utf-16-le"), {}, "looks like text in utf-16-le"),
        ("слово,текст\n1,хорошо\n".encode("utf-16-be"), {}, "looks like text in utf-16-be"),
        (b"\0" * 99, {}, "looks like binary data"),
        (b"<!DOCTYPE html>\n<html>", {}, "looks like an HTML page, perhaps a server's error message"),
        (BOM + b'\n<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>', {}, "looks like an XML document"),
        (b'{"text": "so, good"}\n{"text": "bad"}\n', {}, "looks like JSON Lines: upload it"),
        (b'[\n {"text": "so good"},\n {"text": "bad"}]', {}, "looks like JSON: convert it"),
        (b"MZ" + b"binary\0" * 99, {}, "looks like binary data"),
    ],
)  # fmt: skip
def test_a_file_unlike_its_options_is_refused_in_words(head: bytes, options: dict[str, Any], words: str) -> None:
    with pytest.raises(LayoutError, match=words.replace("(", r"\(")):
        detected(head, **options)


def test_text_may_hold_a_nul_or_begin_like_a_file_format() -> None:
    assert detected(b"PAR1 is a great golf course\nnul \0 here\n").columns == ("column_1",)


def test_a_first_record_with_an_open_quote_is_refused() -> None:
    with pytest.raises(OpenQuoteError, match="row 0"):
        detected(b'text,"id\n1,2\n')


@pytest.mark.parametrize("head", [b'text,"id\n', b"text", b"text\r"])
def test_a_first_record_that_may_go_on_after_the_head_is_refused(head: bytes) -> None:
    with pytest.raises(RecordTooLargeError, match="row 0 is larger than the limit of"):
        detected(head, complete=False)


def test_a_header_that_does_not_decode_is_refused_with_the_byte() -> None:
    with pytest.raises(UndecodableError, match="first line, byte 11: the file is not utf-8 here"):
        detected(BOM + b"text,Caf\xe9\n")


@pytest.mark.parametrize(
    "encoding", ["utf-8", "UTF8", "utf_8_sig", "ascii", "latin-1", "cp1252", "koi8-r", "mac-roman"]
)
def test_supersets_of_ascii_can_be_cut_as_bytes(encoding: str) -> None:
    assert is_byte_cuttable(encoding)


@pytest.mark.parametrize(
    "encoding",
    [
        "utf-16",
        "utf-32-be",
        "utf-7",
        "shift_jis",
        "gb18030",
        "big5",
        "euc_jp",
        "iso2022_jp",
        "iso2022_kr",
        "cp037",
        "hz",
        "raw_unicode_escape",
        "mac_arabic",
    ],
)
def test_other_encodings_become_utf_8_first(encoding: str) -> None:
    assert not is_byte_cuttable(encoding)


@pytest.mark.parametrize("encoding", ["utf-9", "", "hex", "rot13", "a\0b"])
def test_an_unknown_encoding_is_refused_in_words(encoding: str) -> None:
    with pytest.raises(OptionError, match="option encoding is") as caught:
        is_byte_cuttable(encoding)
    assert isinstance(caught.value, InputError)


@pytest.mark.parametrize(("rows", "row"), [(5, "row 103"), (4, "row 102")], ids=["blank-is-row", "blank-is-none"])
def test_the_row_that_does_not_decode_is_named(rows: int, row: str) -> None:
    data = b'"\xc3\xa4\n"\n\nb\n"c\nd\xe4"\n\xe4'
    with pytest.raises(UndecodableError, match=f"{row}, byte 1,013: the file is not utf-8 here"):
        check_decodes(Cut(1000, 1000 + len(data), 100, rows, data), "utf-8", Scanner(Dialect(), rows == 5))


def test_text_in_the_files_encoding_decodes() -> None:
    check_decodes(Cut(0, 4, 0, 1, b"caf\xe9"), "cp1252", Scanner(Dialect(), blank_is_row=False))
    check_decodes(Cut(0, 4, 0, 1, b"cafe"), "utf-8", Scanner(Dialect(), blank_is_row=False))


def test_columns_that_an_expression_asks_for_make_the_first_record_the_header() -> None:
    layout = detected(b"id,question,context\n1,a,b\n", asked=Asked("prompt", frozenset({"question", "context"})))
    assert (layout.has_header, layout.columns) == (True, ("id", "question", "context"))
    layout = detected(b"1,a,b\n", asked=Asked("prompt", frozenset({"column_2"})))
    assert (layout.has_header, layout.columns) == (False, ("column_1", "column_2", "column_3"))


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (
            b"id,question\n1,a\n",
            "no column is named 'context', which the option `prompt` uses: the",
        ),
        (b"context,context\n1,a\n", "2 columns are named 'context'"),
    ],
)
def test_a_column_that_an_expression_asks_for_and_that_is_not_there_is_named(head: bytes, words: str) -> None:
    with pytest.raises(LayoutError, match=words):
        detected(head, header="present", asked=Asked("prompt", frozenset({"context"})))


def test_of_the_columns_that_an_expression_asks_for_the_last_one_is_the_input() -> None:
    assert detected(b"id,a,b,c\n", asked=Asked("prompt", frozenset({"c", "a"})), header="present").input_index == 3
    assert detected(b"id,a,b,c\n1,2,3,4\n", asked=Asked("prompt", frozenset())).input_index == 3


@pytest.mark.parametrize(
    ("head", "options", "columns", "rows", "delimiter"),
    [
        (b"sep=;\r\nid;text\r\n1;gut\r\n", {}, ("id", "text"), b"1;gut\r\n", ";"),
        (BOM + b'"sep=\t"\nid\ttext\n1\tgut\n', {}, ("id", "text"), b"1\tgut\n", "\t"),
        (b"SEP=,\nid,text\n1,gut\n", {}, ("id", "text"), b"1,gut\n", ","),
        (b"sep=;\nid|text\n1|gut\n", {"dialect": Dialect("|")}, ("id", "text"), b"1|gut\n", ""),
        (b"sep=;\nso good\n", {}, ("column_1",), b"so good\n", ";"),
        (b"sep=;;\nid,text\n1,gut\n", {"skip_rows": 1}, ("id", "text"), b"1,gut\n", ""),
        (b"sep=;\n# said\nid;text\n1;gut\n", {"skip_rows": 2}, ("id", "text"), b"1;gut\n", ";"),
        (b'# "said\r\n\r\nid,text\r1,gut\n', {"skip_rows": 2}, ("id", "text"), b"1,gut\n", ""),
        (BOM + b"# a\rso good\n", {"skip_rows": 1}, ("column_1",), b"so good\n", ""),
    ],
)
def test_lines_before_the_header_are_no_rows_and_may_name_the_delimiter(
    head: bytes, options: dict[str, Any], columns: tuple[str, ...], rows: bytes, delimiter: str
) -> None:
    layout = detected(head, **options)
    assert (layout.columns, head[layout.first_byte :], layout.delimiter) == (columns, rows, delimiter)
    said = f"Cells are delimited by {delimiter!r}, as the file's first line says."
    assert (said in layout.assumed) == bool(delimiter)


@pytest.mark.parametrize(("complete", "where"), [(True, "in the file"), (False, "in the first 9 bytes of the file")])
def test_more_lines_to_skip_than_there_are_is_refused(complete: bool, where: str) -> None:  # noqa: FBT001
    words = f"there are not so many lines {where} as the option `skip-rows` says: 4"
    with pytest.raises(LayoutError, match=words):
        detected(b"text\na\nb\n", complete=complete, skip_rows=4)


def test_empty_cells_that_a_row_has_or_lacks_at_its_end_are_no_error() -> None:
    layout = detected(b"id,text,day\n")
    assert layout.fit(["1", "a", "b"]) == ["1", "a", "b"]
    assert layout.fit(["1", "a", "b", "", ""]) == ["1", "a", "b"]
    assert layout.fit(["1", "a"]) == ["1", "a", ""]
    assert layout.fit(["1"]) is None
    assert layout.fit(["1", "a", "b", "", "c"]) is None


def test_a_delimiter_at_the_end_of_a_bare_text_is_not_dropped() -> None:
    assert detected(b"so good,\n", dialect=Dialect(";")).fit(["so good", ""]) is None
    assert detected(b"text\nso good\n").fit(["so good", ""]) == ["so good"]


@pytest.mark.parametrize(
    "text", ["слова", "言葉, 词", "λέξεις", "शब्द अच्छा है", "לדבר", "กข", "so {good}", "<3 it", "[sic]"]
)
def test_text_in_any_script_is_text(text: str) -> None:
    assert detected(f"text\n{text}\n".encode()).columns == ("text",)


def test_a_first_row_that_is_no_text_is_no_error_of_the_header() -> None:
    content = b"caf\xe9\nfine\nfine\n"
    layout = detected(content)
    assert (layout.first_byte, layout.has_header) == (0, False)
    (warning,) = layout.warnings
    assert warning.startswith(
        "Of the first 3 rows, 1 cannot be read as utf-8, the first is row 0 (from 0): such a row ends in errors"
    )
    assert warning.endswith("name it with the option `encoding`; cp1252 could read it.")
    assert "is sent with replacement characters" in detected(content, encoding_errors="replace").warnings[0]
    assert detected(content, encoding_errors="strict").warnings == ()


def test_a_file_of_which_most_rows_are_no_text_is_in_another_encoding() -> None:
    with pytest.raises(UndecodableError, match="2 of the first 3 rows: the file is not utf-8 here; set its encoding"):
        detected(b"text\ncaf\xe9\nfine\ncaf\xe9\n")


def test_advice_never_repeats_the_encoding_that_was_given() -> None:
    with pytest.raises(UndecodableError, match=r"not cp1252 here; set its encoding .* \(for example utf-8\)"):
        detected(b"text,\x81\n1,2\n", encoding="cp1252")
