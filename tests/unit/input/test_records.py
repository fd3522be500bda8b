"""Records are read and written as Python's csv module does it."""

import csv

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from fanfold_core.input.errors import OptionError
from fanfold_core.input.records import Dialect, Records, format_records, read_records

CELLS = st.text(st.sampled_from("ab\",;\t' \\\r\n\0é😀\x85\u2028"), max_size=6)
DIALECTS = st.sampled_from(
    [
        *(
            Dialect(),
            Dialect(";", "'"),
            Dialect("\t"),
            Dialect(" "),
            Dialect("|", "^"),
            Dialect(skip_initial_space=True),
        ),
        *(Dialect(escape="\\"), Dialect(";", "'", escape="a"), Dialect(skip_initial_space=True, escape="\\")),
    ]
)


@given(st.lists(st.lists(CELLS, max_size=4), max_size=4), DIALECTS)
def test_every_cell_comes_back_as_it_was_written(rows: list[list[str]], dialect: Dialect) -> None:
    assert list(read_records(format_records(rows, dialect.written), dialect.written)) == rows


@given(st.lists(st.lists(CELLS, max_size=4), max_size=4), DIALECTS)
def test_records_can_be_written_one_by_one(rows: list[list[str]], dialect: Dialect) -> None:
    text = "".join(format_records([cells], dialect.written) for cells in rows)
    assert list(read_records(text, dialect.written)) == rows


WHOLE = st.text(st.sampled_from("ab\",;' \\\r\n\0é\x0c\x85\u2028"), max_size=30)


@given(text=WHOLE, dialect=DIALECTS, blank_is_row=st.booleans())
@example(text='"\n"\n', dialect=Dialect(), blank_is_row=True)
@example(text='a\n"\n\n"\n', dialect=Dialect(), blank_is_row=False)
@example(text="a\\\r\n", dialect=Dialect(escape="\\"), blank_is_row=False)
def test_records_stand_as_they_do_in_the_file_whatever_cells_they_have(
    *, text: str, dialect: Dialect, blank_is_row: bool
) -> None:
    cells = [found for found in read_records(text, dialect) if found or blank_is_row]
    # A quote that is left open ends the job before there is a record.
    assume(len(list(read_records(f"{text}\n.", dialect))) > len(list(read_records(text, dialect))))
    records = Records.of(text, len(cells), dialect, blank_is_row=blank_is_row)
    assert list(records) == cells
    assert "".join(records.texts).replace("\r", "").replace("\n", "") == text.replace("\r", "").replace("\n", "")


@given(WHOLE, DIALECTS)
@example("\\\r", Dialect(escape="\\"))
def test_what_follows_a_record_behind_a_delimiter_is_a_cell_of_its_own(text: str, dialect: Dialect) -> None:
    records = list(read_records(text, dialect))
    assume(len(records) == 1 and records[0])
    assume(len(list(read_records(f"{text}\n.", dialect))) > 1)
    (stands,) = Records.of(text, 1, dialect, blank_is_row=False).texts
    assert list(read_records(f"{stands}{dialect.delimiter}more", dialect)) == [[*records[0], "more"]]


def test_spaces_after_a_delimiter_are_skipped_if_the_dialect_says_so() -> None:
    assert list(read_records('who, "hello, world"', Dialect(skip_initial_space=True))) == [["who", "hello, world"]]
    assert list(read_records('who, "hello, world"', Dialect())) == [["who", ' "hello', ' world"']]
    with pytest.raises(OptionError, match="option skip-initial-space is 'yes'; it must be no if the delimiter"):
        Dialect(" ", skip_initial_space=True)


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
    with pytest.raises(OptionError, match="different from the delimiter"):
        Dialect(delimiter="|", quote="|")
