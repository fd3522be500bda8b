"""Records are read and written as Python's csv module does it."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_core.domain.errors import OptionError
from fanfold_core.domain.records import Dialect, format_records, read_records

CELLS = st.text(st.sampled_from("ab\",;\t' \r\n\0é😀\x85\u2028"), max_size=6)
DIALECTS = st.sampled_from([Dialect(), Dialect(";", "'"), Dialect("\t"), Dialect(" "), Dialect("|", "^")])


@given(st.lists(st.lists(CELLS, max_size=4), max_size=4), DIALECTS)
def test_every_cell_comes_back_as_it_was_written(rows: list[list[str]], dialect: Dialect) -> None:
    assert list(read_records(format_records(rows, dialect), dialect)) == rows


@given(st.lists(st.lists(CELLS, max_size=4), max_size=4), DIALECTS)
def test_records_can_be_written_one_by_one(rows: list[list[str]], dialect: Dialect) -> None:
    text = "".join(format_records([cells], dialect) for cells in rows)
    assert list(read_records(text, dialect)) == rows


def test_a_blank_line_is_a_record_without_cells() -> None:
    assert list(read_records("a\r\n\r\rb\n\n", Dialect())) == [["a"], [], [], ["b"], []]


def test_line_ends_inside_quotes_stay_as_they_are() -> None:
    assert list(read_records('"a\r\nb\rc\nd"\r\n', Dialect())) == [["a\r\nb\rc\nd"]]


def test_a_cell_may_be_larger_than_the_csv_module_allows_by_default() -> None:
    csv.field_size_limit(131_072)
    large = "x" * 1_000_000
    assert list(read_records(f'"{large}",{large}', Dialect())) == [[large, large]]


@pytest.mark.parametrize("character", ["", "ab", "é", "\n", "\r", "\0"])
def test_a_dialect_has_one_ascii_character_each(character: str) -> None:
    with pytest.raises(OptionError, match="option delimiter"):
        Dialect(delimiter=character)
    with pytest.raises(OptionError, match="option quote"):
        Dialect(quote=character)


def test_delimiter_and_quote_differ() -> None:
    with pytest.raises(OptionError, match="another character than the delimiter"):
        Dialect(delimiter="|", quote="|")
