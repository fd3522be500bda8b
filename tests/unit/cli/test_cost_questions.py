"""What a file may cost is said, and asked about, before it is sent to a stack."""

from __future__ import annotations

import gzip
import re
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner, Result

from fanfold.cli import inputs
from fanfold.cli.inputs import ask_about_cost, opened_all
from fanfold.errors import DownloadError, JobStillOpenError, UserError
from fanfold.project import find_root
from fanfold.terminal import stderr
from localaws import template

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ten.csv"
    path.write_text("text\n" + "".join(f"so good {row}\n" for row in range(10)), encoding="utf-8")
    return path


class Asking:
    """A command that asks what the file may cost, on a stack whose latest jobs have these summaries."""

    def __init__(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stack = SimpleNamespace(is_local=False, parameters=template.defaults(find_root()))
        self.summaries: list[dict[str, int] | UserError] = []
        self._file, self._monkeypatch = file, monkeypatch
        monkeypatch.setattr(inputs, "parameters_of", lambda *_given: self.stack.parameters)
        monkeypatch.setattr(inputs, "Fanfold", lambda _stack: SimpleNamespace(stack=self.stack, jobs=self._jobs))

    def _jobs(self) -> Iterator[SimpleNamespace]:
        for summary in self.summaries:
            yield SimpleNamespace(summary=partial(self._read, summary))

    def _read(self, summary: dict[str, int] | UserError) -> dict[str, int]:
        if isinstance(summary, UserError):
            raise summary
        return summary

    def __call__(
        self, stdin: str = "", *, is_agreed: bool = False, terminal: bool = True, files: int = 1, **options: str | None
    ) -> Result:
        @click.command()
        def command() -> None:
            self._monkeypatch.setattr("sys.stdin.isatty", lambda: terminal)
            with opened_all([self._file] * files, None, None, options) as found:
                ask_about_cost(found, "mine", is_agreed=is_agreed)

        return CliRunner().invoke(command, input=stdin)


@pytest.fixture
def asked(file: Path, monkeypatch: pytest.MonkeyPatch) -> Asking:
    monkeypatch.setattr(stderr, "quiet", False)
    return Asking(file, monkeypatch)


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1)])
def test_a_file_that_costs_much_is_asked_about(
    asked: Asking, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    assert asked().exit_code == 0
    monkeypatch.setattr(inputs, "DOLLARS_UNASKED", 0.00001)
    said = asked(answer)
    assert (said.exit_code, isinstance(said.exception, UserError)) == (code, bool(code))
    assert "Estimated cost on AWS: at least $0.0001 for services" in said.stderr
    assert asked(is_agreed=True).exit_code == 0
    alone = asked(terminal=False)
    assert (alone.exit_code, "add --yes" in alone.stderr) == (2, True)
    asked.stack.is_local = True
    free = asked(terminal=False)
    assert (free.exit_code, "Estimated" in free.stderr) == (0, False)


def test_the_endpoint_counts_at_the_speed_of_the_latest_job_that_tells_it(asked: Asking) -> None:
    slow = {"predicted": 1_000, "endpoint_seconds": 500_000}
    asked.summaries = [
        JobStillOpenError("now"),
        DownloadError("expired"),
        {"predicted": 9, "endpoint_seconds": 1},
        slow,
        {"predicted": 1_000, "endpoint_seconds": 1},
    ]
    said = asked(terminal=False)
    # Ten rows of 500 seconds each, at $0.736 an hour.
    assert re.search(
        r"at least \$1\.02 .* 5,000 s of an ml\.g4dn\.xlarge\); \$1\.02 if the endpoint wakes", said.stderr
    )
    assert (said.exit_code, "At 0.002 rows per second, as in the latest job." in said.stderr) == (2, True)
    twice = asked(terminal=False, files=2)
    assert "10,000 s of an ml.g4dn.xlarge" in twice.stderr
    del asked.summaries[3]
    assert asked(terminal=False).exit_code == 0


def test_rows_that_may_be_taken_over_are_counted_which_is_said(asked: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "DOLLARS_UNASKED", 0.00001)
    words = "All rows are counted; those that can be taken over from ten-1f are not sent."
    assert (words in asked(since="ten-1f").stderr, words in asked().stderr) == (True, False)


def test_a_limit_below_the_estimate_is_said_of_each_file_whoever_has_agreed(asked: Asking) -> None:
    asked.summaries = [{"predicted": 1_000, "endpoint_seconds": 1_000}]
    # Ten rows of a second each, and the 15 minutes until the instance is gone, at $0.736 an hour.
    words = re.compile(
        r"ten\.csv: max-dollars=0\.18 is below the estimate of about \$0\.2\d+: when it is reached, the job ends as "
        r"CANCELLED with the rows that are done\n"
    )
    for files in (1, 2):
        said = asked(max_dollars="0.18", is_agreed=True, files=files)
        assert (said.exit_code, len(words.findall(said.stderr))) == (0, files)
    assert words.search(asked(max_dollars="0.18").stderr)
    for enough in ("0.30", "0", None):
        assert "max-dollars" not in asked(max_dollars=enough, is_agreed=True).stderr
    asked.stack.is_local = True
    assert "max-dollars" not in asked(max_dollars="0.18", is_agreed=True).stderr


def test_who_has_agreed_does_not_wait_for_a_compressed_file_to_be_read(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = file.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(file.read_bytes()))
    monkeypatch.setattr(stderr, "quiet", False)
    asked = Asking(packed, monkeypatch)
    asked.summaries = [{"predicted": 1_000, "endpoint_seconds": 1_000}]
    assert "max-dollars=0.18" in asked(max_dollars="0.18").stderr
    monkeypatch.setattr(inputs, "project", lambda _file: pytest.fail("the file is read"))
    assert asked(max_dollars="0.18", is_agreed=True).exit_code == 0


def test_many_rows_are_asked_about_before_the_endpoints_speed_is_known(
    asked: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "ROWS_UNASKED", 10)
    said = asked(terminal=False)
    assert said.exit_code == 2
    assert "the endpoint's instances come on top. How long the endpoint takes is known after the first" in said.stderr
    assert "add --limit 2000" in said.stderr
    asked.summaries = [{"predicted": 1_000, "endpoint_seconds": 1}]
    assert asked(terminal=False).exit_code == 0
    monkeypatch.setattr(inputs, "ROWS_UNASKED", 11)
    asked.summaries = []
    assert asked(terminal=False).exit_code == 0
