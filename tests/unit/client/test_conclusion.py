"""How commands tell in a line or two what a job came to."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tests.fakes.ledger import MemoryLedger
from tests.fakes.values import NOW, make_job

from fanfold.cli.conclusion import ExitCode, Followed, apart, describe_accuracy, follow_to_the_end
from fanfold.errors import DownloadError
from fanfold.folder import HeldFolder, Owner, held
from fanfold.jobs import Job
from fanfold.results import Results
from fanfold.results.formats import CsvFormat
from fanfold.stacks import ListedJob
from fanfold.status import StatusReader
from fanfold.terminal import stderr
from fanfold_core.domain.job import State
from fanfold_core.domain.parts import Built, Piece, Totals
from fanfold_core.domain.statistics import Statistics
from fanfold_core.domain.statistics.labels import Agreement
from fanfold_core.input.records import Dialect

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
    "invalid": 1, "warnings": [], "results": "s3://out/results.csv",
    "input": "s3://in/a.csv",
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
            departure=lambda: "good: 10% → 90% since job a-0",
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
    assert said.err.count("than in the last job of this name: good: 10% → 90% since job a-0") == 2
    assert f"1 row failed, 7 not answered: {tmp_path / 'errors.csv'}" in said.err
    advice = (
        "7 rows had no answer when the job ended: a retry sends them. 1 row cannot be sent as it stands in the file"
    )
    assert said.err.count(advice) == 2
    assert said.err.count("upload it again. To retry: `fanfold retry a-1 --stack fanfold`\n") == 2
    assert follow_to_the_end(followed[:1], None) == ExitCode.FAILED
    said = capsys.readouterr()
    assert "1 row cannot be sent as it stands in the file" in said.err
    assert "fanfold retry" not in said.err


def test_a_status_that_has_ended_says_how_many_rows_were_not_answered() -> None:
    ledger = MemoryLedger(lambda: NOW)
    job = make_job(state=State.CANCELLED)
    ledger.create(job)
    totals = Totals(rows=9, predicted=1, failed=8, statistics=Statistics(unanswered=6, invalid=1))
    ledger.add_built(job, Built(Piece(0, 0), 0, totals))
    status = StatusReader(ledger, job.id).read()  # type: ignore[arg-type] # a ledger is a ledger
    assert (status.done, status.predicted, status.failed, status.not_answered, status.invalid) == (3, 1, 8, 6, 1)
    assert apart(status.as_dict()) == {"failed": 2, "not answered": 6}
    assert status.is_retryable
    assert status.advice == (
        "6 rows had no answer when the job ended: a retry sends them. 1 row failed at the endpoint: a retry sends it "
        "again. 1 row cannot be sent as it stands in the file, so a retry does not help: correct the file and upload "
        "it again."
    )


def test_a_job_tells_how_its_labels_depart_from_the_last_job_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = MemoryLedger(lambda: NOW)
    now, before, other = (make_job(f"version-{number}", state=State.SUCCEEDED) for number in range(3))
    for job in (now, before, other):
        ledger.create(job)
    keys = {now.id: now.source.key, before.id: f"5e0c/{now.source.key.rpartition('/')[2]}", other.id: "other.csv"}
    listed = [ListedJob(job_id, "SUCCEEDED", keys[job_id]) for job_id in (now.id, other.id, before.id)]
    stack: Any = SimpleNamespace(ledger=ledger, is_local=False, latest_jobs=lambda: iter(listed))
    labels = {now.id: {"good": 900, "bad": 100}, before.id: {"good": 500, "bad": 500}, other.id: {"good": 500}}
    monkeypatch.setattr(Job, "summary", lambda job: {"labels": labels[job.id]})
    assert Job(stack, now.id).departure() == f"bad: 50% → 10% since job {before.id}"
    assert Job(stack, before.id).departure() == ""
    labels[before.id] = labels[now.id]
    assert Job(stack, now.id).departure() == ""

    def summary(job: Job) -> dict[str, Any]:
        if job.id == before.id:
            raise DownloadError("it has expired")
        return {"labels": labels[job.id]}

    monkeypatch.setattr(Job, "summary", summary)
    assert Job(stack, now.id).departure() == ""


def test_an_interrupted_local_run_says_how_many_rows_it_has_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stderr, "quiet", False)
    blocks = [b"text,label,error\n", b'"so\ngood",GOOD,\n', b"so bad,BAD,\n"]
    found = Results(lambda: iter(blocks), CsvFormat(1, Dialect()), Dialect())

    def interrupted() -> None:
        raise KeyboardInterrupt

    job: Any = SimpleNamespace(
        id="a-1",
        wait=interrupted,
        status=lambda: SimpleNamespace(done=1, rows=9),
        results=lambda *, partial: found if partial else None,
    )
    with held(tmp_path / "out", Owner("a.csv"), replace=False) as folder:
        assert follow_to_the_end([Followed(job, "a.csv", folder)], None) == ExitCode.INTERRUPTED
    assert capsys.readouterr().err.splitlines() == [
        "interrupted: saving the rows that are done (Ctrl-C again to skip)",
        f"job a-1 ended with its local cloud. 2 rows of 9 saved: {tmp_path / 'out' / 'a-1.partial.csv'}",
    ]
