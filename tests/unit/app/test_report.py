"""The report: what it says of a job, and what it leaves out because it says nothing."""

import re
from datetime import UTC, datetime
from typing import Any

from fanfold_core.app.report import render_report
from fanfold_core.domain.counting import of_requests, of_rows
from fanfold_core.domain.job import Totals
from fanfold_core.domain.outcomes import Timing
from fanfold_core.domain.results import RowAnswer, RowAnswers, SpanOutcome
from fanfold_core.domain.spans import Span
from fanfold_core.domain.statistics import Statistics

BEGAN = datetime(2026, 11, 23, 8, tzinfo=UTC)
DOLLARS = {"Lambda": 0.00004, "SQS": 0.00001, "S3": 0.002}


def answered(*waits: int) -> Statistics:
    """Statistics of requests that took so many milliseconds."""
    at = int(BEGAN.timestamp()) + 5
    known = [SpanOutcome(Span(n, 1), "[]", None, 1, timing=Timing(at, wait)) for n, wait in enumerate(waits)]
    return of_requests(BEGAN, known, known)


def page(totals: Totals, **told: Any) -> str:
    """The page."""
    summary = {
        "job": "a-1", "state": "SUCCEEDED", "reason": "", "details": "", "assumed": [], "warnings": [], "seconds": 11.2,
        "created": BEGAN.isoformat(), "ended": BEGAN.isoformat(), "endpoint_seconds": 4, "dollars": DOLLARS,
        "prices": "us-east-1", "retry_of": None, "input": "s3://bucket/a.csv", "input_version": "1", "model": "",
        "results": "s3://out/results.csv",
        "revision": "", "endpoint": "endpoint", "endpoint_config": "", "fanfold": "1.0",
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


def test_rows_that_were_not_sent_are_no_failures_and_a_retry_is_not_advised_where_it_cannot_help() -> None:
    failed = rows([RowAnswer(None, "input is empty"), *[RowAnswer(None, "cancelled")] * 3], ["", "a", "b", "c"])
    said = report(Totals(4, 0, 4, 0, failed + Statistics(invalid=1, unsent=3)), state="CANCELLED", reason="cancelled")
    assert "Failed 1 25.0 % Not sent 3 75.0 %" in said
    assert "1 row cannot be sent as it stands in the file. A retry does not help" in said
    assert "errors.csv" in said


def test_without_errors_there_is_no_errors_file_and_nothing_said_of_them() -> None:
    said = report(Totals(1, 1, 0, 1, rows([RowAnswer({"label": "GOOD"}, "")], ["so good"])))
    assert "errors.csv" not in said
    assert "Not sent" not in said
    assert "Errors" not in said


def test_what_reads_alike_is_drawn_alike_and_once() -> None:
    one = report(Totals(1, 1, 0, 1, answered(11_000)))
    assert re.search("all within 11 s ", one)
    assert "50% within" not in one
    totals = Totals(4, 4, 0, 4, answered(2_000, 2_000, 10_600, 11_400))
    assert "90% within 11 s 95% within 11 s 99% within 11 s slowest 11 s" in report(totals)
    assert page(totals).count('style="width:100.0%"') == 4


def test_services_that_cost_next_to_nothing_share_a_line() -> None:
    said = report(Totals())
    assert "S3 $0.0020 Lambda, SQS &lt;$0.0001 total $0.0021" in said
