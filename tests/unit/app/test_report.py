"""The report: what it says of a job, and what it leaves out because it says nothing."""

import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from tests.fakes.values import make_chunk

from fanfold_core.app.report import render_report
from fanfold_core.domain.counting import of_requests, of_rows
from fanfold_core.domain.outcomes import Timing
from fanfold_core.domain.parts import Totals
from fanfold_core.domain.results import RowAnswer, RowAnswers, SpanOutcome
from fanfold_core.domain.spans import Span
from fanfold_core.domain.statistics import Statistics
from fanfold_core.domain.statistics.labels import Agreement, Mistake

BEGAN = datetime(2026, 11, 23, 8, tzinfo=UTC)
DOLLARS = {"Lambda": 0.00004, "SQS": 0.00001, "S3": 0.002}


def answered(*waits: int) -> Statistics:
    """Statistics of requests that took so many milliseconds."""
    at = int(BEGAN.timestamp()) + 5
    known = [SpanOutcome(Span(n, 1), "[]", None, 1, timing=Timing(at, wait)) for n, wait in enumerate(waits)]
    return of_requests(BEGAN, make_chunk(), known, known)


def page(totals: Totals, **told: Any) -> str:
    """The page."""
    summary = {
        "job": "a-1", "state": "SUCCEEDED", "reason": "", "details": "", "assumed": [], "warnings": [], "seconds": 11.2,
        "created": BEGAN.isoformat(), "ended": BEGAN.isoformat(), "endpoint_seconds": 4, "dollars": DOLLARS,
        "prices": "us-east-1", "retry_of": None, "submitted_by": None,
        "input": "s3://bucket/a.csv", "input_version": "1", "model": "",
        "revision": "", "endpoint": "endpoint", "endpoint_config": "", "fanfold": "1.0", "evaluation": None,
        "results": "s3://out/results.csv",
    }  # fmt: skip
    return render_report({**summary, **told}, totals)


def report(totals: Totals, **told: Any) -> str:
    """The page as text, without its styles."""
    return " ".join(re.sub(r"<[^>]*>", " ", page(totals, **told).partition("</style>")[2]).split())


def rows(answers: list[RowAnswer], texts: list[str]) -> Statistics:
    return of_rows(0, [[text] for text in texts], 0, RowAnswers.of(answers))


def test_rows_to_judge_the_predictions_by_are_shown() -> None:
    scores = [0.9, 0.55, 0.8, 0.7, 0.6, 0.99]
    answers = [
        RowAnswer({"label": "GOOD" if row % 2 else "BAD", "score": score}, "") for row, score in enumerate(scores)
    ]
    texts = [f"text {row} {'long ' * row * 9}" for row in range(6)]
    said = report(Totals(6, 6, 0, 6, rows(answers, texts)))
    least = said.partition("Least certain")[2].partition("Samples")[0]
    assert re.findall(r"\d\.\d{3}", least) == ["0.550", "0.600", "0.700", "0.800", "0.900", "0.990"]
    samples = said.partition("Samples")[2].partition("Scores")[0]
    assert [int(row) for row in re.findall(r"text (\d)", samples)] == [0, 2, 4, 1, 3, 5]
    assert re.search(r"4 to 7 characters 0\.900 1 row .*128 to 255 characters .*", said)


def test_rows_that_were_not_answered_are_no_failures_and_a_retry_is_not_advised_where_it_cannot_help() -> None:
    failed = rows([RowAnswer(None, "input is empty"), *[RowAnswer(None, "cancelled")] * 3], ["", "a", "b", "c"])
    said = report(
        Totals(4, 0, 4, 0, failed + Statistics(invalid=1, unanswered=3)), state="CANCELLED", reason="cancelled"
    )
    assert "Failed 1 25.0% Not answered 3 75.0%" in said
    assert "3 rows had no answer when the job ended: a retry sends them. 1 row cannot be sent as it stands" in said
    assert "errors.csv" in said


def test_the_confusion_matrix_has_its_right_cells_on_the_diagonal_and_each_shaded_by_its_share() -> None:
    pairs = Counter({("good", "good"): 9_000, ("good", "bad"): 1_000, ("bad", "good"): 1})
    of_both = Agreement.of(pairs, [Mistake(0.97, 4, "bad", "good", "<b>so bad</b>")], 2, 1)
    found = page(Totals(), evaluation=of_both.as_summary("stars")).partition("</style>")[2]
    assert re.findall(r'<td( class="right")?><span style="opacity:([\d.]+)"></span>([\d,]+)</td>', found) == [
        (' class="right"', "0.0", "0"),
        ("", "0.4", "1"),
        ("", "0.126", "1,000"),
        (' class="right"', "0.379", "9,000"),
    ]
    said = report(Totals(), evaluation=of_both.as_summary("stars"))
    assert "9,000 of 10,001 rows (90.0%) have the label in column stars ; macro F1 0.474." in said
    assert "2 rows with no true label: left out. 1 row with no predicted label: left out." in said
    assert "good 10,000 100.0% 90.0% 0.947 bad 1 0.0% 0.0% 0.000" in said
    assert "4 &lt;b&gt;so bad&lt;/b&gt; bad → good 0.970" in said


def test_labels_beyond_the_matrix_share_a_line_of_it_that_is_not_right_or_wrong() -> None:
    pairs = Counter({(f"label {row:02}", f"label {row:02}"): 1 for row in range(25)})
    found = page(Totals(), evaluation=Agreement.of(pairs).as_summary("stars"))
    assert found.count('<td class="right">') == 20
    assert found.count("all others") == 2
    assert "The 12 labels with most rows; all are in summary.json." in found


def test_labels_that_have_no_names_are_explained() -> None:
    def of_label(label: str) -> str:
        return report(Totals(1, 1, 0, 1, rows([RowAnswer({"label": label}, "")], ["so good"])))

    assert "The option labels names them." in of_label("LABEL_2")
    assert "The option labels names them." not in of_label("positive")


def test_without_errors_there_is_no_errors_file_and_nothing_said_of_them() -> None:
    said = report(Totals(1, 1, 0, 1, rows([RowAnswer({"label": "GOOD"}, "")], ["so good"])))
    assert "errors.csv" not in said
    assert "Not sent" not in said
    assert "Errors" not in said


def test_what_reads_alike_is_drawn_alike_and_once() -> None:
    one = report(Totals(1, 1, 0, 1, answered(11_000)))
    assert "The request was answered within 11 s, including time in the queue." in one
    assert "within 11 s slowest" not in one
    totals = Totals(4, 4, 0, 4, answered(2_000, 2_000, 10_600, 11_400))
    assert "90% within 11 s 95% within 11 s 99% within 11 s slowest 11 s" in report(totals)
    assert page(totals).count('style="width:100.0%"') == 4


def test_services_that_cost_next_to_nothing_share_a_line() -> None:
    said = report(Totals())
    assert "S3 $0.0020 Lambda, SQS $0.0001 total without the endpoint $0.0021" in said


def test_a_timeline_is_drawn_where_it_has_something_to_tell() -> None:
    at = int(BEGAN.timestamp())
    for seconds, is_drawn in ((1, False), (2, True)):
        known = [SpanOutcome(Span(0, 1), "[]", None, 1, timing=Timing(at + seconds, 100))]
        said = report(Totals(1, 1, 0, 1, of_requests(BEGAN, make_chunk(), known, known)))
        assert ("When rows were answered" in said) is is_drawn


def test_what_asks_for_something_comes_first_and_names_of_options_stand_out() -> None:
    found = rows([RowAnswer({"label": "GOOD"}, ""), RowAnswer(None, "set `a` or `b")], ["so good", "so bad"])
    shown = page(Totals(2, 1, 1, 2, found), assumed=["`header` is <absent>"])
    assert shown.index("<h2>Labels") < shown.index("<h2>Errors") < shown.index("<h2>Samples")
    assert "set <code>a</code> or `b</h3>" in shown
    assert "<code>header</code> is &lt;absent&gt;" in shown
    assert "GOOD 1 row 100.0%" in report(Totals(2, 1, 1, 2, found))
