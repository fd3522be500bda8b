"""Two results of one file, compared row by row; and how labels are spread in two jobs."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from itertools import chain
from typing import TYPE_CHECKING

import pytest

from fanfold.cli import main
from fanfold.comparison import Comparison
from fanfold.errors import OtherInputError
from fanfold.results import Results
from fanfold.results.formats import CsvFormat, JsonLinesFormat
from fanfold_core.domain.results import columns
from fanfold_core.input.records import Dialect, format_records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

OWN = ("id", "text")
FIELDS = ("label", "score")
BEFORE = [
    ["1", "so good", "GOOD", "0.9", ""],
    ["2", "so\nso", "GOOD", "0.5", ""],
    ["3", "so bad", "BAD", "0.75", ""],
    ["4", "", "", "", "input is empty"],
    ["5", "well", "GOOD", "0.6", ""],
    ["6", "hm", "", "", "cancelled"],
]
AFTER = [
    ["1", "so good", "GOOD", "0.9", ""],
    ["2", "so\nso", "BAD", "0.51", ""],
    ["3", "so bad", "BAD", "0.5", ""],
    ["4", "", "", "", "no text"],
    ["5", "well", "", "", "too long"],
    ["6", "hm", "BAD", "0.8", ""],
]


def results(
    rows: Sequence[Sequence[str]],
    own: tuple[str, ...] = OWN,
    fields: Iterable[str] = FIELDS,
    dialect: Dialect = Dialect(),  # noqa: B008 (it is frozen)
) -> Results:
    header = columns(own, fields).results_header
    content = format_records([header, *rows], dialect).encode()
    return Results(lambda: iter([content]), CsvFormat(len(own), dialect), dialect)


def folder(path: Path, rows: Sequence[Sequence[str]]) -> str:
    path.mkdir()
    (path / "results.csv").write_bytes(b"".join(results(rows).blocks()))
    (path / "summary.json").write_text(json.dumps({"columns": 2, "delimiter": ",", "quote": '"'}), encoding="utf-8")
    return str(path)


def compared(before: Results, after: Results) -> tuple[Comparison, list[list[str]]]:
    found = Comparison(before, after)
    return found, list(csv.reader(io.StringIO("".join(found.changes()), newline="")))


@pytest.mark.parametrize("dialect", [Dialect(), Dialect(";", "'")])
def test_changed_rows_are_counted_by_their_labels_and_told_with_both_answers(dialect: Dialect) -> None:
    found, told = compared(results(BEFORE), results(AFTER, dialect=dialect))
    assert found.as_dict() == {
        "rows": 6,
        "changed": 3,
        "labels": [
            {"from": "GOOD", "to": "BAD", "rows": 1},
            {"from": "GOOD", "to": None, "rows": 1},
            {"from": None, "to": "BAD", "rows": 1},
        ],
        "other": 0,
        "rescored": 1,
        "furthest": 2,
        "distance": 0.25,
        "only_before": 0,
        "only_after": 0,
    }
    names = [f"{when}_{name}" for when in ("before", "after") for name in (*FIELDS, "error")]
    assert told == [
        ["row", *OWN, *names],
        ["1", "2", "so\nso", "GOOD", "0.5", "", "BAD", "0.51", ""],
        ["4", "5", "well", "GOOD", "0.6", "", "", "", "too long"],
        ["5", "6", "hm", "", "", "cancelled", "BAD", "0.8", ""],
    ]


@pytest.mark.parametrize("rows", [0, 2, 5])
def test_of_a_whole_file_and_its_first_rows_those_are_compared_that_both_have(rows: int) -> None:
    expected, _ = compared(results(BEFORE[:rows]), results(AFTER[:rows]))
    for before, after, only in ((BEFORE[:rows], AFTER, "only_after"), (BEFORE, AFTER[:rows], "only_before")):
        found, told = compared(results(before), results(after))
        assert found.as_dict() == expected.as_dict() | {only: len(BEFORE) - rows}
        assert len(told) == 1 + expected.changed


def test_results_that_are_the_same_have_no_changes() -> None:
    found, told = compared(results(BEFORE), results(BEFORE))
    assert (found.changed, found.rescored, found.furthest, len(told)) == (0, 0, None, 1)


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (results([*BEFORE[:4], ["5", "Well", "GOOD", "0.6", ""], BEFORE[5]]), r"other texts from row 4 \(from 0\) on"),
        (results(BEFORE, ("id", "tweet")), r"files with other columns: \['id', 'text'\] and \['id', 'tweet'\]"),
    ],
)
def test_results_of_other_inputs_are_not_compared_and_it_is_said_from_which_row_on(after: Results, words: str) -> None:
    with pytest.raises(OtherInputError, match=words):
        compared(results(BEFORE), after)


def test_a_column_of_the_file_that_is_called_label_is_not_the_models() -> None:
    own = ("label", "text")
    found, told = compared(results([["x", "a", "GOOD", "1", ""]], own), results([["x", "a", "BAD", "1", ""]], own))
    assert found.pairs == {("GOOD", "BAD"): 1}
    assert told[0][3:5] == ["before_fanfold_label", "before_score"]


def test_without_labels_all_fields_but_the_score_are_compared() -> None:
    fields = ("people", "places", "score")
    before = results([["1", "a", "0.5", "Ann", "Paris", ""], ["2", "b", "0.5", "Jo", "", ""]], fields=fields)
    after = results([["1", "a", "0.7", "Ann", "Paris", ""], ["2", "b", "0.5", "Jo", "Rome", ""]], fields=fields)
    found, told = compared(before, after)
    assert (found.changed, found.rescored, [line[0] for line in told[1:]]) == (1, 1, ["1"])


def test_a_job_without_a_prediction_has_lost_all_of_them() -> None:
    failed = results([[*row[:2], "failed"] for row in BEFORE], fields=())
    found, _ = compared(results(BEFORE), failed)
    assert found.pairs == {("GOOD", None): 3, ("BAD", None): 1}


def test_however_many_rows_change_a_few_are_held() -> None:
    def many(end: str) -> Results:
        header = columns(OWN, FIELDS).results_header

        def blocks() -> Iterator[bytes]:
            rows = ([str(row), "text " * 400, f"label {row} {end}", "0.5", ""] for row in range(3_000))
            return (format_records([cells], Dialect()).encode() for cells in chain([header], rows))

        return Results(blocks, CsvFormat(2, Dialect()), Dialect())

    before, after = many("a"), many("b")
    tracemalloc.start()
    found = Comparison(before, after)
    lines = sum(1 for _ in found.changes())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (lines, len(found.pairs), found.other) == (3_001, 1_000, 2_000)
    assert most < 5_000_000, "all rows are 12 MB, and a local cloud of other tests may be at work, too"


def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["fanfold", "compare", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


def test_the_command_compares_folders_and_writes_what_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = folder(tmp_path / "a", BEFORE), folder(tmp_path / "b", AFTER)
    file = tmp_path / "changed.csv"
    code, out, err = said(monkeypatch, capsys, before, f"{after}/results.csv", "--out", str(file))
    assert (code, out) == (0, "from\tto\trows\nGOOD\tBAD\t1\nGOOD\t(no prediction)\t1\n(no prediction)\tBAD\t1\n")
    assert "3 of 6 rows changed" in err
    assert "1 row with the same label and another score, at most 0.25 (row 2, from 0)" in err
    assert file.read_bytes().count(b"\r\n") == 4
    first = folder(tmp_path / "c", AFTER[:2])
    assert (
        f"1 of 2 rows changed\nnot compared: 4 more rows of {before}\n" in said(monkeypatch, capsys, before, first)[2]
    )
    code, out, _ = said(monkeypatch, capsys, before, after, "--json")
    assert (code, json.loads(out)["changed"]) == (0, 3)


def test_a_comparison_that_fails_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = folder(tmp_path / "a", BEFORE), folder(tmp_path / "b", AFTER[3:])
    code, out, err = said(monkeypatch, capsys, before, after, "--out", str(tmp_path / "changed.csv"))
    assert (code, out) == (1, "")
    assert err == "fanfold: the results are of other texts from row 0 (from 0) on\n"
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}


def test_results_in_json_lines_do_not_say_which_keys_are_their_own() -> None:
    lines = Results(lambda: iter([b'{"id":1,"label":"GOOD","error":null}\n']), JsonLinesFormat(), Dialect())
    with pytest.raises(OtherInputError, match="option `results-format` set to csv"):
        list(Comparison(lines, lines).changes())
