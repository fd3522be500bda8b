"""Guarded records have no formula in them for any spreadsheet, wherever it splits them."""

import csv
import re
import time
import unicodedata
from io import StringIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fanfold_core.input.records import Dialect, format_records, read_records

DIALECTS = [Dialect(), Dialect(";"), Dialect("\t"), Dialect("|"), Dialect(",", "'"), Dialect(";", "^")]
FORMULA = "HYPERLINK(0)"
CELLS = st.text(st.sampled_from("=+-@＝−1a.\"',;|\t\r\n\0 \ufeff\u200b]"), max_size=8)  # noqa: RUF001 # the point


def written(cell: str, dialect: Dialect | None = None) -> str:
    (record,) = read_records(format_records([[cell]], dialect or Dialect(), guards=True), dialect or Dialect())
    return record[0]


@pytest.mark.parametrize("sign", "=+-@＝＋－＠﹦﹢﹣﹫⁼⁺⁻−")  # noqa: RUF001 # the point
@pytest.mark.parametrize(
    "before",
    ["", " ", "\t", "\n", "\r", "\r\n", "\0", "\x1b", "\ufeff", "\u200b", "\u00a0", "\u2060", "\u3000", " \t\ufeff "],
)
def test_a_formula_is_text_whatever_stands_before_its_sign(before: str, sign: str) -> None:
    cell = f"{before}{sign}{FORMULA}"
    assert written(cell).startswith(f"'{cell[:1]}")
    assert written(cell).replace("'", "") == cell


@pytest.mark.parametrize("cell", ["\tso good", "\rso good", "\nso good", "\0so good"])
def test_a_cell_that_begins_with_a_control_character_is_text(cell: str) -> None:
    assert written(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "cell",
    ["-1.5", "+3", "-.5", "-1e-05", "-2.", "0", "", " so good", "so = good", "a@b", "[0.1, -2, -3.5e-07]", "\u200bso"],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_numbers_and_texts_stay_as_they_are(cell: str, delimiter: str) -> None:
    assert written(cell, Dialect(delimiter)) == cell


@pytest.mark.parametrize(
    ("cell", "delimiter", "guarded"),
    [
        ("so;=1+1", ",", "so;'=1+1"),
        ("so,=1+1", ";", "so,'=1+1"),
        ("so,=1+1", ",", "so,=1+1"),  # its quotes hold it together
        ("so; \u200b+1", ",", "so;' \u200b+1"),
        ('so;"=1+1;x"', ",", 'so;\'"=1+1;x"'),
        ("so\t@SUM(A1)", ",", "so\t'@SUM(A1)"),
        ("so\n=1+1", ",", "so\n'=1+1"),
        ("so\r＝1+1", ",", "so\r'＝1+1"),  # noqa: RUF001 # the point
        ("so;-1", ",", "so;'-1"),
    ],
)
def test_a_part_is_text_for_a_spreadsheet_that_splits_its_cell(cell: str, delimiter: str, guarded: str) -> None:
    assert written(cell, Dialect(delimiter)) == guarded


# As RFC 4180 and OWASP have it.
def test_all_cells_are_in_quotes() -> None:
    assert format_records([["1", 'so "good"', ""]], Dialect(), guards=True) == '"1","so ""good""",""\r\n'


def is_formula(field: str) -> bool:
    seen = field.lstrip("".join(char for char in set(field) if unicodedata.category(char)[0] in "CZ"))
    harmless = re.match(r"[+-](\d+\.?\d*|\.\d+)([],;|}\"']|\Z)", seen)
    return not harmless and unicodedata.normalize("NFKC", seen[:1]) in {*"=+-@−"}  # noqa: RUF001 # the point


@given(st.lists(st.lists(CELLS, min_size=1, max_size=3), min_size=1, max_size=2), st.sampled_from(DIALECTS))
@example([["1", 'so;"=1+1;x"']], DIALECTS[0])
@example([["so", ';\t"\n=1']], DIALECTS[0])
def test_no_spreadsheet_finds_a_formula_wherever_it_splits(rows: list[list[str]], dialect: Dialect) -> None:
    text = format_records(rows, dialect, guards=True)
    assert [[cell.replace("'", "") for cell in row] for row in read_records(text, dialect)] == [
        [cell.replace("'", "") for cell in row] for row in rows
    ]
    for separator in ",;\t":
        for row in csv.reader(StringIO(text, newline=""), delimiter=separator):
            assert [field for field in row if is_formula(field)] == []
    assert format_records(read_records(text, dialect), dialect, guards=True) == text, "once is enough"


@pytest.mark.parametrize("cell", ["\n" * 300_000, ";" + " " * 300_000, "-" + "1" * 300_000 + "x", ';"' * 150_000])
def test_a_large_cell_takes_no_longer_than_its_size(cell: str) -> None:
    began = time.process_time()
    written(cell)
    assert time.process_time() - began < 5
