"""Jobs by the names that the command line is given for them."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.fakes.ledger import MemoryLedger
from tests.fakes.messages import MemoryQueues
from tests.fakes.values import NOW, make_job
from tests.terminals import on_a_terminal
from tests.unit.cli.test_mistakes import FAILED, WRONG_USAGE, check

from fanfold import Errors, FailedRow, Fanfold, Job, NothingToRetryError
from fanfold.cli import main
from fanfold.cli.logs import LogLine
from fanfold.project import find_root
from fanfold.stacks import Stack
from fanfold.terminal import stderr, stdout
from fanfold_core.domain.job import State
from fanfold_core.domain.parts import Built, Piece, Totals
from fanfold_core.domain.statistics import Statistics
from fanfold_core.input.records import Dialect
from localaws.template import defaults

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Shell

    from fanfold_core.domain.job import JobRecord


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("status nothing", ("this stack has no job nothing", "`fanfold jobs`")),
        ("results JOB", ("job JOB is still running", "`fanfold status JOB --watch`", "--partial")),
        ("errors JOB", ("job JOB is still running", "`fanfold status JOB --watch`", "--partial")),
        ("report JOB", ("job JOB is still running", "`fanfold status JOB --watch`")),
        ("download JOB", ("job JOB is still running", "`fanfold status JOB --watch`")),
        (
            "retry JOB",
            ("job JOB is still running", "`fanfold status JOB --watch`", "`fanfold cancel JOB`, or cancel() in Python"),
        ),
    ],
)
def test_what_a_job_cannot_do_yet_is_said_with_how_to_wait_for_it(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, command: str, words: tuple[str, ...]
) -> None:
    ledger, job = MemoryLedger(lambda: NOW), make_job()
    ledger.create(job)
    stack = SimpleNamespace(ledger=ledger, queues=None, job_ids=lambda: iter([job.id]))
    monkeypatch.setattr(Stack, "find", lambda *_given: stack)
    check(shell(command.replace("JOB", job.id)), FAILED, tuple(part.replace("JOB", job.id) for part in words))


@pytest.mark.parametrize("command", ["status", "results", "errors", "tail", "cancel", "retry", "download"])
def test_a_folder_in_place_of_a_job_is_answered_by_what_reads_it(shell: Shell, command: str) -> None:
    words = ("cells is not the id of a job", "Read results.csv, summary.json there", "`fanfold report cells`")
    check(shell(f"{command} cells"), WRONG_USAGE, words)
    check(
        shell(f"{command} lines/results.jsonl"), WRONG_USAGE, ("are in lines. Read results.jsonl, summary.json there",)
    )
    check(shell(f"{command} celsl"), FAILED, ("stack fanfold: You must specify a region",))


@pytest.mark.parametrize(
    ("beginning", "found"),
    [
        ("tweets-", "tweets-1f.10"),
        ("tweets-1f", "tweets-1f.10"),
        ("tweets-1f.2", "tweets-1f.2"),
        ("reviews", "reviews-2e"),
    ],
)
def test_how_the_rounds_of_a_job_begin_means_the_newest_which_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], beginning: str, found: str
) -> None:
    rounds = ["reviews-2e", "tweets-1f.9", "tweets-1f.10", "tweets-1f.2", "tweets-1f"]
    stack: Any = SimpleNamespace(ledger=MemoryLedger(lambda: NOW), job_ids=lambda: iter(rounds))
    monkeypatch.setattr(Stack, "find", lambda *_given: stack)
    monkeypatch.setattr(stderr, "quiet", False)
    assert Fanfold("mine").job(beginning).id == found
    said = capsys.readouterr().err
    assert said == (f"{beginning}: job tweets-1f.10, the newest of 4 rounds\n" if found.endswith(".10") else "")


def test_the_job_that_since_names_is_found_once_and_before_files_are_read(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, job = MemoryLedger(lambda: NOW), make_job(state=State.SUCCEEDED)
    ledger.create(job)
    found = SimpleNamespace(ledger=ledger, job_ids=lambda: iter([job.id]), parameters=defaults(find_root()))
    monkeypatch.setattr(Stack, "find", lambda *_given: found)
    said = shell(f"submit tweets.csv folder/tweets.csv --since {job.id[:4]} --dry-run")
    assert f"those that can be taken over from {job.id} are not sent." in " ".join(said.lines)
    check(shell("submit tweets.csv --since nothing --dry-run"), FAILED, ("this stack has no job nothing",))


LINE = LogLine(NOW, "splitter", "INFO", "split", {}, {})


@pytest.mark.parametrize(
    ("state", "command", "lines", "words"),
    [
        (State.RUNNING, "tail JOB", [LINE], "job JOB goes on: add --follow to see its next lines"),
        (State.RUNNING, "tail JOB", [], "job JOB goes on: add --follow to see its next lines"),
        (State.SUCCEEDED, "tail JOB", [LINE], ""),
        (State.SUCCEEDED, "tail JOB", [], "no lines about job JOB: .* expire .* `aws logs tail /splitter --follow`"),
        (State.SUCCEEDED, "tail JOB --follow", [], "no lines about job JOB: "),
    ],
)
def test_a_log_says_how_to_follow_it_and_why_it_is_empty(  # noqa: PLR0913, PLR0917 (the table's columns)
    shell: Shell, monkeypatch: pytest.MonkeyPatch, state: State, command: str, lines: list[LogLine], words: str
) -> None:
    ledger, job = MemoryLedger(lambda: NOW), make_job(state=state)
    ledger.create(job)
    monkeypatch.setattr(Stack, "find", lambda *_given: SimpleNamespace(ledger=ledger, job_ids=lambda: iter([job.id])))
    for name in ("log_lines", "follow_log"):
        monkeypatch.setattr(sys.modules["fanfold.cli.jobs"], name, lambda *_given: iter(lines))
    monkeypatch.setattr(sys.modules["fanfold.cli.jobs"], "log_groups", lambda *_given: ["/splitter"])
    said = shell(command.replace("JOB", job.id))
    assert (said.code, len(said.stdout.splitlines())) == (0, len(lines))
    assert re.match(words.replace("JOB", job.id), "".join(said.lines))
    assert bool(words) == bool(said.lines)


ADA = "AWS:AROAEXAMPLE:ada@example.com"


def of_submitters(monkeypatch: pytest.MonkeyPatch, *submitters: str | None) -> list[str]:
    """A stack with jobs of files that these have submitted; the jobs' ids."""
    ledger = MemoryLedger(lambda: NOW)
    jobs = [ledger.create(make_job(f"version-{n}", submitted_by=by)).id for n, by in enumerate(submitters)]
    monkeypatch.setattr(Stack, "find", lambda *_given: SimpleNamespace(ledger=ledger, job_ids=lambda: iter(jobs)))
    return jobs


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_times_are_in_utc_and_say_so(shell: Shell, monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    (job,) = of_submitters(monkeypatch, None)
    monkeypatch.setattr(sys.modules["fanfold.cli.jobs"], "log_lines", lambda *_given: iter([LINE]))
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        header, line = (line.split("\t") for line in shell("jobs").stdout.splitlines())
        assert line[header.index("created (UTC)")] == f"{NOW:%Y-%m-%d %H:%M}"
        assert re.search(rf"^created +{NOW:%Y-%m-%d %H:%M:%S} UTC$", shell(f"status {job}").stdout, re.MULTILINE)
        assert json.loads(shell(f"status {job} --json").stdout)["created"] == NOW.isoformat()
        assert shell(f"tail {job}").stdout.startswith(f"{NOW:%H:%M:%S}Z splitter")
    finally:
        monkeypatch.undo()
        time.tzset()


def test_who_submitted_a_job_is_told_by_name_and_in_json_whole(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    job, other = of_submitters(monkeypatch, ADA, None)
    assert re.search(r"^submitted_by +ada@example\.com$", shell(f"status {job}").stdout, re.MULTILINE)
    assert json.loads(shell(f"status {job} --json").stdout)["submitted_by"] == ADA
    assert "submitted_by" not in shell(f"status {other}").stdout
    lines = [line.split("\t") for line in shell("jobs").stdout.splitlines()]
    assert [line[-1] for line in lines] == ["submitted_by", "ada@example.com", ""]
    assert [one["submitted_by"] for one in json.loads(shell("jobs --json").stdout)] == [ADA, None]


@pytest.mark.parametrize(
    ("submitters", "width", "is_shown"),
    [((ADA, None), 1000, True), ((ADA, None), 110, False), ((None, None), 1000, False)],
)
def test_a_terminal_lists_submitters_where_there_are_any_and_there_is_room(
    monkeypatch: pytest.MonkeyPatch, submitters: tuple[str | None, ...], width: int, *, is_shown: bool
) -> None:
    job, _ = of_submitters(monkeypatch, *submitters)
    with on_a_terminal(monkeypatch) as terminal:
        monkeypatch.setattr(stdout, "_width", width)
        monkeypatch.setattr("sys.argv", ["fanfold", "jobs"])
        with pytest.raises(SystemExit):
            main()
    shown = terminal.shown()
    assert job in shown
    assert ("submitted_by" in shown, "ada@example.com" in shown) == (is_shown, is_shown)


ONLY_THE_FILE = (
    "2 rows cannot be sent as they stand in the file, so a retry does not help: correct the file and upload it again."
)


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Callable[..., JobRecord]:
    """Makes a stack with a job that has ended, with failed rows of which two are invalid."""

    def make(failed: int, state: State = State.COMPLETED_WITH_ERRORS) -> JobRecord:
        ledger, job = MemoryLedger(lambda: NOW), make_job(state=state)
        ledger.create(job)
        totals = Totals(9, 9 - failed, failed, 2, Statistics(invalid=min(2, failed)))
        ledger.add_built(job, Built(Piece(0, 0), 0, totals))
        stack = SimpleNamespace(ledger=ledger, queues=MemoryQueues(), job_ids=lambda: iter([job.id]), is_local=False)
        monkeypatch.setattr(Stack, "find", lambda *_given: stack)
        monkeypatch.setattr(Job, "summary", lambda _job: {})
        monkeypatch.setattr(Job, "cost", lambda _job: None)
        monkeypatch.setattr(Job, "errors", lambda _job, **_how: [FailedRow(7, "input is empty", {"text": ""}, "")])
        return job

    return make


def test_a_retry_that_only_the_file_can_help_is_refused_before_anything_is_made(
    shell: Shell, ended: Callable[..., JobRecord], folder: Path
) -> None:
    job = ended(failed=2)
    said = shell(f"retry {job.id} --stack mine --out retried")
    assert (said.code, (folder / "retried").exists()) == (2, False)
    assert said.lines == [f"fanfold: job {job.id} has nothing to retry: {ONLY_THE_FILE}"]
    with pytest.raises(NothingToRetryError, match="correct the file"):
        Fanfold("mine").job(job.id).retry()


@pytest.mark.parametrize(
    ("failed", "state"),
    [(3, State.COMPLETED_WITH_ERRORS), (2, State.FAILED), (2, State.CANCELLED), (0, State.FAILED)],
)
def test_a_retry_that_may_help_begins(ended: Callable[..., JobRecord], failed: int, state: State) -> None:
    job = ended(failed, state)
    assert Fanfold("mine").job(job.id).retry().id == f"{job.id}.2"


def test_where_every_row_has_a_prediction_nothing_is_retried(shell: Shell, ended: Callable[..., JobRecord]) -> None:
    job = ended(0, State.SUCCEEDED)
    with pytest.raises(NothingToRetryError, match="nothing to retry: every row has a prediction"):
        Fanfold("mine").job(job.id).retry()
    said = shell(f"retry {job.id} --stack mine")
    assert (said.code, said.lines) == (0, [f"job {job.id} has no failed rows: nothing to retry"])


def test_a_job_that_failed_without_rows_may_be_retried_unless_its_files_name_is_wrong(
    shell: Shell, ended: Callable[..., JobRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ended(0, State.FAILED)
    status = Fanfold("mine").job(job.id).status()
    assert (status.is_retryable, status.advice.endswith("mend the cause, and a retry goes on.")) == (True, True)
    said = shell(f"status {job.id} --stack mine")
    assert f"a retry goes on. To retry: `fanfold retry {job.id} --stack mine`" in said.stdout
    other = dataclasses.replace(status, input="s3://in/5e/pic.png", reason="the file's name must end in .csv")
    monkeypatch.setattr(Job, "status", lambda _job: other)
    assert (other.is_retryable, other.advice) == (False, "")
    said = shell(f"retry {job.id} --stack mine")
    assert said.lines == [f"fanfold: job {job.id} has nothing to retry: the file's name must end in .csv"]
    assert said.code == 2


@pytest.mark.parametrize(("arguments", "stdout"), [("", ""), ("--json", "[]\n"), ("--csv", "row,error\n")])
def test_errors_of_a_job_that_failed_without_rows_say_why(
    shell: Shell, ended: Callable[..., JobRecord], monkeypatch: pytest.MonkeyPatch, arguments: str, stdout: str
) -> None:
    job = ended(0, State.FAILED)
    unread = dataclasses.replace(Fanfold("mine").job(job.id).status(), rows=0)
    monkeypatch.setattr(Job, "status", lambda _job: unread)
    monkeypatch.setattr(Job, "summary", lambda _job: {"reason": "it is no CSV", "details": "the first line is 'x'"})
    none = Errors(lambda: iter([b"row,error\n"]), Dialect())
    monkeypatch.setattr(Errors, "__iter__", lambda _errors: iter([]))
    monkeypatch.setattr(Job, "errors", lambda _job, **_how: none)
    said = shell(f"errors {job.id[:5]} --stack mine {arguments}")
    assert (said.code, said.stdout) == (0, stdout)
    assert said.lines[:2] == [f"{job.id}: it is no CSV", "the first line is 'x'"]


@pytest.mark.parametrize("command", ["status", "errors"])
def test_invalid_rows_are_told_from_those_that_a_retry_helps(
    shell: Shell, ended: Callable[..., JobRecord], command: str
) -> None:
    job = ended(failed=2)
    said = shell(f"{command} {job.id} --stack mine")
    told = "\n".join([said.stdout, *said.lines])
    assert ONLY_THE_FILE in told
    assert "fanfold retry" not in told
    job = ended(failed=3)
    said = shell(f"{command} {job.id} --stack mine")
    told = "\n".join([said.stdout, *said.lines])
    assert f"1 row failed at the endpoint: a retry sends it again. {ONLY_THE_FILE} To retry: " in told
    assert f"`fanfold retry {job.id} --stack mine`" in told
    if command == "status":
        assert re.search(r"^invalid +2$", said.stdout, re.MULTILINE)
