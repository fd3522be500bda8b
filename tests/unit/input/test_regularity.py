"""Irregular records are those that a strict reader refuses, or that have other cells than the file has columns."""

import csv

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fanfold_core.input.hints import find_hints
from fanfold_core.input.records import Dialect, Records, format_records, read_records
from fanfold_core.input.regularity import Irregular, find_irregular

TEXTS = st.text(st.sampled_from('ab",\\ '), max_size=12)
DIALECTS = st.sampled_from([Dialect(), Dialect(escape="\\"), Dialect(skip_initial_space=True)])


@pytest.mark.parametrize(
    ("record", "dialect", "is_irregular"),
    [
        ('1,"so ""good"""', Dialect(), False),
        ('1,so "good"', Dialect(), True),
        ('1,"so" good', Dialect(), True),
        ('1, "so"', Dialect(), True),
        ('1, "so"', Dialect(skip_initial_space=True), False),
        (r'1,"so \"good\""', Dialect(), True),
        (r'1,"so \"good\""', Dialect(escape="\\"), False),
        (r"1,so \"good\"", Dialect(escape="\\"), False),
        ("1,'so,'", Dialect(quote="'"), False),
    ],
)
def test_quotes_are_regular_around_whole_cells_only(record: str, dialect: Dialect, is_irregular: bool) -> None:  # noqa: FBT001
    assert find_irregular(Records([record], dialect), 2).quotes == ([0] if is_irregular else [])


def test_records_that_are_not_as_wide_as_the_file_are_written_anew() -> None:
    records = Records(["1,so", "1", "1,so,", '"1,so"', '"1,so",good'], Dialect())
    assert find_irregular(records, 2) == Irregular([], {1: 1, 2: 3, 3: 1}, [], [1, 2, 3])


def test_records_with_spaces_that_are_skipped_are_written_anew() -> None:
    records = Records(["1,so", "1, so", ' 1,"so"', '1," so"', "1 ,so "], Dialect(skip_initial_space=True))
    assert find_irregular(records, 2) == Irregular([], {}, [], [1, 2])


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2), max_size=4))
def test_what_a_writer_of_csv_writes_is_regular(rows: list[list[str]]) -> None:
    text = format_records(rows, Dialect())
    assert find_irregular(Records.of(text, len(rows), Dialect(), blank_is_row=False), 2) == Irregular([], {}, [], [])


@given(st.lists(TEXTS.filter(bool), min_size=1, max_size=4), DIALECTS)
def test_a_record_that_stands_as_it_is_has_the_same_cells_to_a_strict_reader(
    lines: list[str], dialect: Dialect
) -> None:
    text = "\n".join(lines)
    assume(len(list(read_records(f"{text}\n.", dialect))) > len(list(read_records(text, dialect))))
    records = Records.whole(text, dialect)
    width = len(records[0])
    rewritten = find_irregular(records, width).rewritten
    for number, record in enumerate(records.texts):
        if number not in rewritten:
            (strict,) = csv.reader([record], strict=True)
            assert strict == records[number]


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ('id,text,lang\n1,"she wrote \\"ok\\"",en\n2,"a \\", b",en\n3,fine,en\n', "`escape`"),
        ('id,text\n1,"path C:\\\\"\n2,"ends with quote \\""\n3,"x"\n', "`escape`"),
        ('question, text\nwho, "hello, world"\nwhat, "x"\n', "`skip-initial-space`"),
        ("# created 4/22/2025\nid,text\n1,good\n2,bad\n", "`skip-rows`"),
        ("id;text\n1;good\n", "`delimiter`"),
        ("id,text\n1,good,\n2,bad,\n", ""),
        ("id,text,\n1,good\n2,bad\n", ""),
        ("text\nso good\n", ""),
        ("text\n\n", ""),
    ],
)
def test_an_option_that_makes_a_file_regular_is_named(text: str, option: str) -> None:
    hints = list(find_hints(text, Dialect()))
    assert len(hints) == bool(option)
    assert all(option in hint for hint in hints)


def test_cells_beyond_the_columns_are_a_surplus_unless_they_are_empty() -> None:
    assert find_irregular(Records(["1,so,", "1,so,good", "1,so,,x"], Dialect()), 2).surplus == [1, 2]
