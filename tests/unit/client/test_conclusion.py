"""How commands tell in a line or two what a job came to."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tests.fakes.ledger import MemoryLedger
from tests.fakes.values import NOW, make_job

from fanfold.cli.conclusion import ExitCode, Followed, apart, describe_accuracy, follow_to_the_end
from fanfold.folder import HeldFolder
from fanfold.status import StatusReader
from fanfold.terminal import stderr
from fanfold_core.domain.job import State, Totals
from fanfold_core.domain.statistics import Statistics
from fanfold_core.domain.statistics.labels import Agreement

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_how_many_predictions_are_right_and_what_is_mistaken_most_takes_two_lines() -> None:
    pairs = Counter({("good", "good"): 900, ("bad", "good"): 99, ("good", "bad"): 1})
    assert describe_accuracy(Agreement.of(pairs).as_summary("stars")) == {
        "accuracy": "900 of 1,000 rows (90.0%); macro F1 0.474",
        "most frequent mistake": "bad predicted as good, 99 rows",
    }


def test_where_nothing_is_mistaken_or_compared_or_known_nothing_is_made_up() -> None:
    assert describe_accuracy(None) == {}
    right = describe_accuracy(Agreement.of(Counter({("good", "good"): 1})).as_summary("stars"))
    assert right == {"accuracy": "1 of 1 row (100.0%); macro F1 1.000", "most frequent mistake": ""}
    empty = describe_accuracy(Agreement.of(Counter(), unlabelled=3).as_summary("stars"))
    assert empty == {"accuracy": "no row has both a label in column 'stars' and a predicted one"}
    # More labels than the matrix has: what they are mistaken for isn't known, and more than have an F1.
    many = Counter({(f"label {row:03}", f"label {(row + 1) % 400:03}"): 1 + (row > 100) for row in range(400)})
    assert describe_accuracy(Agreement.of(many).as_summary("stars")) == {
        "accuracy": "0 of 699 rows (0.0%)",
        "most frequent mistake": "label 000 predicted as label 001, 1 row",
    }


CANCELLED = {
    "state": "CANCELLED", "reason": "cancelled", "rows": 9, "predicted": 1, "failed": 8, "not_answered": 7,
    "warnings": [], "results": "s3://out/results.csv",
}  # fmt: skip
LATE = CANCELLED | {"state": "COMPLETED_WITH_ERRORS"}


def test_rows_that_were_not_answered_are_told_from_those_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stderr, "quiet", False)
    jobs: list[Any] = [
        SimpleNamespace(
            id="a-1",
            wait=lambda: None,
            cost=lambda: None,
            write_files=lambda _folder: [],
            summary=lambda summary=summary: summary | {"job": "a-1"},
        )
        for summary in (CANCELLED, LATE)
    ]
    followed = [Followed(job, "a.csv", HeldFolder(tmp_path)) for job in jobs]
    assert follow_to_the_end(followed, "fanfold") == ExitCode.FAILED
    said = capsys.readouterr()
    header, *lines = (line.split("\t") for line in said.out.splitlines())
    assert header == ["file", "job", "state", "rows", "predicted", "failed", "not answered", "folder"]
    assert [line[3:7] for line in lines] == [["9", "1", "1", "7"]] * 2
    assert f"1 row failed, 7 not answered: {tmp_path / 'errors.csv'}" in said.err


def test_a_status_that_has_ended_says_how_many_rows_were_not_answered() -> None:
    ledger = MemoryLedger(lambda: NOW)
    job = make_job(state=State.CANCELLED)
    ledger.create(job)
    totals = Totals(rows=9, failed=8, statistics=Statistics(unanswered=7))
    ledger.totals = lambda job_id: iter([(0, totals)])  # type: ignore[method-assign] # noqa: ARG005 # as an assembler leaves them
    status = StatusReader(ledger, job.id).read()  # type: ignore[arg-type] # a ledger is a ledger
    assert (status.failed, status.not_answered) == (8, 7)
    assert apart(status.as_dict()) == {"failed": 1, "not answered": 7}
