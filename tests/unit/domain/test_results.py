"""Columns and lines of results.csv and errors.csv."""

from itertools import permutations
from typing import Any

import pytest

from fanfold_core.domain.answers import MOST_FIELDS, NOT_FLAT
from fanfold_core.domain.job import Chunk
from fanfold_core.domain.results import (
    Columns,
    RowAnswer,
    RowAnswers,
    SpanAnswer,
    SpanOutcome,
    answers,
    columns,
    effective,
    error_line,
    requests,
    result_lines,
)
from fanfold_core.domain.spans import Span
from fanfold_core.input.records import Dialect, Records, format_records, read_records

SHOWN = columns(("text",), {"label"})


def predicted(start: int, labels: str) -> SpanAnswer:
    return SpanAnswer(Span(start, len(labels)), [{"label": label} for label in labels], None)


def refused(start: int, rows: int = 1) -> SpanAnswer:
    return SpanAnswer(Span(start, rows), None, "refused")


def line(cells: list[str], answer: RowAnswer, shown: Columns) -> list[str]:
    records = Records([format_records([cells], Dialect()).removesuffix("\r\n")], Dialect())
    (only,) = read_records(result_lines(records, RowAnswers.of([answer]), shown, guards=False), Dialect())
    return only


def test_label_and_score_come_first_and_then_the_alphabet() -> None:
    assert columns(("text",), {"zeta", "score", "alpha", "label"}).results_header == [
        "text", "label", "score", "alpha", "zeta", "error",
    ]  # fmt: skip


def test_labels_have_their_names_wherever_an_answer_holds_them_and_others_stay_as_they_are() -> None:
    names = {"LABEL_0": "negative", "LABEL_1": "negative", "negative": "never again"}
    found: list[Any] = [
        {"label": "LABEL_0", "score": 0.9, "text": "LABEL_0"},
        {"label": "LABEL_1"},
        {"label": "LABEL_2"},
        {"label": 0},
        [{"label": "LABEL_0", "score": 0.9}, {"label": "LABEL_2", "score": 0.1}],
        "LABEL_0",
        None,
    ]
    renamed = RowAnswers(found, ["", "", "", "", "", "", "LABEL_0"]).relabelled(names)
    assert renamed.results == [
        {"label": "negative", "score": 0.9, "text": "LABEL_0"},
        {"label": "negative"},
        {"label": "LABEL_2"},
        {"label": 0},
        [{"label": "negative", "score": 0.9}, {"label": "LABEL_2", "score": 0.1}],
        "LABEL_0",
        None,
    ]
    assert renamed.errors[-1] == "LABEL_0"


def test_a_column_that_the_file_has_already_is_prefixed() -> None:
    shown = columns(("label", "error", "row", "fanfold_row"), {"label", "score"})
    assert shown.results_header == ["label", "error", "row", "fanfold_row", "fanfold_label", "score", "fanfold_error"]
    assert shown.errors_header[:2] == ["fanfold_fanfold_row", "fanfold_error"]


def test_a_result_field_called_error_keeps_its_name_and_the_errors_get_another() -> None:
    assert columns(("text",), {"error"}).results_header == ["text", "error", "fanfold_error"]


@pytest.mark.parametrize("fields", [{"label", NOT_FLAT}, {f"f{number}" for number in range(MOST_FIELDS + 1)}])
def test_results_without_flat_fields_stand_as_json_in_one_column(fields: set[str]) -> None:
    shown = columns(("text",), fields)
    assert shown.results_header == ["text", "prediction", "error"]
    assert line(["so"], RowAnswer([{"é": 1.5}], ""), shown) == ["so", '[{"é":1.5}]', ""]


def test_values_are_written_as_people_read_them() -> None:
    shown = columns(("text",), {"a", "b", "c", "d", "e"})
    result = {"a": 0.1, "b": True, "c": None, "d": "x,\ny", "e": 12345678901234567890}
    assert line(["t"], RowAnswer(result, ""), shown) == [
        "t",
        "0.1",
        "true",
        "",
        "x,\ny",
        "12345678901234567890",
        "",
    ]


def test_a_predicted_row_stands_as_it_does_in_the_file() -> None:
    records = Records(['1,"so"', "2, 5 wide", '"3","a\r\nb"'], Dialect())
    final = RowAnswers([{"label": label} for label in ("A", "B,C", '"D"')], [""] * 3)
    assert result_lines(records, final, columns(("id", "text"), {"label"}), guards=False) == (
        '1,"so",A,\r\n2, 5 wide,"B,C",\r\n"3","a\r\nb","""D""",\r\n'
    )


def test_a_guarded_row_is_written_anew() -> None:
    final = RowAnswers([{"label": "@A", "score": -0.5}], [""])
    shown = columns(("id", "text"), {"label", "score"})
    assert (
        result_lines(Records(['"1",=1+1'], Dialect()), final, shown, guards=True) == '"1","\'=1+1","\'@A","-0.5",""\r\n'
    )


def test_a_short_row_is_padded_and_surplus_cells_stand_in_errors_only() -> None:
    shown = columns(("a", "b"), {"label"})
    failed = RowAnswer(None, "row has 3 cells")
    assert line(["1"], failed, shown) == ["1", "", "", "row has 3 cells"]
    assert line(["1", "2", "3"], failed, shown) == ["1", "2", "", "row has 3 cells"]
    assert error_line(7, ["1", "2", "3"], failed, shown) == ["7", "row has 3 cells", "1", "2", '["3"]']
    assert error_line(7, [], failed, shown) == ["7", "row has 3 cells", "", "", ""]


def test_every_row_has_one_answer_whatever_the_order_of_outcomes() -> None:
    outcomes = [predicted(0, "AB"), predicted(2, "C"), refused(3), refused(2), SpanAnswer(Span(0, 4), None, None)]
    expected = [
        RowAnswer({"label": "A"}, ""),
        RowAnswer({"label": "B"}, ""),
        RowAnswer({"label": "C"}, ""),
        RowAnswer(None, "refused"),
    ]
    for order in permutations(outcomes):
        assert list(answers(5, order, "cancelled")) == [*expected, RowAnswer(None, "cancelled")]


def test_the_larger_spans_prediction_counts_where_two_overlap() -> None:
    for order in permutations([predicted(0, "AAAA"), predicted(0, "BB"), predicted(2, "CC"), refused(1, 2)]):
        assert list(answers(4, order, "")) == [RowAnswer({"label": "A"}, "")] * 4


def test_only_what_the_chunks_coverage_names_counts() -> None:
    predicted, late = (SpanOutcome(Span(row, 1), "[1]", None, 1) for row in (0, 1))
    refused, later = (SpanOutcome(Span(row, 1), None, "refused", 3) for row in (1, 2))
    chunk = Chunk(0, 0, 9, 0, 4, predicted=frozenset({Span(0, 1)}), failed=frozenset({Span(1, 1)}))
    outcomes = [predicted, late, refused, later, SpanOutcome(Span(3, 1), None, None, 1)]
    assert list(effective(outcomes, chunk)) == [predicted, refused]


def test_a_spans_requests_are_counted_once_however_much_is_known_of_it() -> None:
    marked = SpanOutcome(Span(0, 2), None, None, requests=2)
    known = [marked, SpanOutcome(Span(0, 2), None, "no", 3), SpanOutcome(Span(2, 1), "[1]", None, 1)]
    assert requests(known) == {Span(0, 2): 3, Span(2, 1): 1}
