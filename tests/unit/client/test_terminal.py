"""A terminal is sent text and nothing that it acts upon; files and pipes get what there is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.terminals import HOSTILE, SPELT, Terminal, on_a_terminal

from fanfold.cli import main
from fanfold.cli.output import echo, show_bytes, show_facts, show_json, show_table
from fanfold.status import JobState, JobStatus
from fanfold.terminal import bytes_bar, job_bar, show_progress, spinner, stderr, visible

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PRINTED: dict[str, Callable[[], None]] = {
    "line": lambda: echo(HOSTILE),
    "line with a style": lambda: echo(HOSTILE, "red"),
    "fact": lambda: show_facts({HOSTILE: 1, "b": HOSTILE}),
    "table": lambda: show_table([{"a": HOSTILE, HOSTILE: 5}], ["a", HOSTILE], right=(HOSTILE,)),
    "file": lambda: show_bytes(iter([f"a,b\r\n{HOSTILE}\r".encode(), b"\n"])),
    "message": lambda: stderr.print(f"fanfold: {HOSTILE}", style="red", soft_wrap=True),
}


@pytest.fixture(autouse=True)
def _progress_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stderr, "quiet", False)


@pytest.mark.parametrize("what", PRINTED)
def test_what_a_terminal_would_act_upon_is_shown(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with on_a_terminal(monkeypatch) as terminal:
        PRINTED[what]()
    assert SPELT in terminal.shown()


def test_json_on_a_terminal_stays_the_same_json(monkeypatch: pytest.MonkeyPatch) -> None:
    with on_a_terminal(monkeypatch) as terminal:
        show_json({"text": HOSTILE})
    shown = terminal.shown()
    assert r"\u202etxt.exe\u2066" in shown
    assert r"\u009b2J" in shown


def test_what_takes_long_is_said_where_nothing_can_move_and_what_is_short_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with spinner("packing"):
        pass
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("fanfold.terminal._SECONDS_UNSAID", 0.01)
    said, until = "", time.monotonic() + 30
    with spinner("building the layers (about a minute)"):
        while not said.endswith("\n") and time.monotonic() < until:
            time.sleep(0.01)
            said += capsys.readouterr().err
    assert said == "building the layers (about a minute) …\n"


@pytest.mark.parametrize("what", ["line", "fact", "file"])
def test_what_goes_elsewhere_stays_as_it_is(what: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    PRINTED[what]()
    sys.stdout.flush()
    assert HOSTILE.encode() in capfdbinary.readouterr().out


def test_lines_and_tabs_and_other_languages_are_text() -> None:
    assert visible("a\tb\r\nça va 👍🏽 שלום नमस्ते a\u200db") == "a\tb\r\nça va 👍🏽 שלום नमस्ते a\u200db"
    assert visible("\udc9b\ud800") == r"\udc9b\ud800"


def test_a_bar_shows_what_a_job_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    status = JobStatus(
        "j", JobState.RUNNING, "", 5, 1, 1, 0, None, datetime.now(UTC), None, "", None, "", "", "", trouble=HOSTILE
    )
    with on_a_terminal(monkeypatch) as terminal:
        with spinner("starting"), bytes_bar("uploading", 5) as sent:
            sent(5)
        with job_bar() as show:
            show(status)
            show(replace(status, done=5))
    assert f"last error, retried until the job's deadline: {SPELT}\n" in terminal.shown()


def test_elsewhere_what_takes_long_is_said_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Times are far apart, since what is said begins a moment later.
    began = time.monotonic()
    with spinner("starting") as say:
        for seconds in (1, 29, 90, 110, 180):
            monkeypatch.setattr("fanfold.terminal.time.monotonic", lambda at=began + seconds: at)
            say(f"after {seconds} s")
    assert capsys.readouterr().err == "after 90 s\nafter 180 s\n"


def run_on_a_terminal(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    with on_a_terminal(monkeypatch) as terminal:
        monkeypatch.setattr("sys.argv", ["fanfold", *arguments])
        with pytest.raises(SystemExit):
            main()
    return terminal.shown()


def test_names_columns_and_cells_of_a_file_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = HOSTILE.replace("/", "|")
    file = tmp_path / f"{name}.csv"
    file.write_text(f'text,"{HOSTILE}"\n"{HOSTILE}",1\n', encoding="utf-8")
    tried = run_on_a_terminal(monkeypatch, "run", str(file), "--dry-run", "--input-column", HOSTILE.replace("\r", ""))
    assert visible(f"{name}.csv: ") in tried
    tried = run_on_a_terminal(monkeypatch, "run", str(file), "--dry-run", "--input-column", "text")
    assert visible(f"{name}.csv: 2 columns") in tried
    assert r"\u202etxt.exe" in tried.partition('"body"')[2]
    assert "does not exist" in run_on_a_terminal(monkeypatch, "run", str(tmp_path / name))
    assert r"\u202etxt.exe" in run_on_a_terminal(monkeypatch, f"run{HOSTILE}")
    assert r"\u202etxt.exe" in run_on_a_terminal(monkeypatch, "estimate", str(file), "--delimiter", HOSTILE)


def test_log_lines_warnings_and_stack_traces_are_shown() -> None:
    script = """
import logging, sys, threading, time, warnings
from fanfold.terminal import guard_terminals, spinner
guard_terminals()
guard_terminals()
words = sys.argv[1]
logging.warning("logged %s", words)
with spinner("a bar moves"):
    logging.warning("meanwhile %s", words)
warnings.warn(f"warned {words}")
def fail():
    raise ValueError(f"in a thread {words}")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
print(f"printed {words}")
raise ValueError(f"raised {words}")
"""
    terminal = Terminal()
    run = subprocess.Popen([sys.executable, "-c", script, HOSTILE], stdout=terminal.slave, stderr=terminal.slave)
    with os.fdopen(terminal.slave, "wb"):
        assert run.wait(60) == 1
    shown = terminal.shown()
    for beginning in ("logged", "meanwhile", "warned", "in a thread", "printed", "raised"):
        assert f"{beginning} {SPELT}" in shown


def test_a_program_that_imports_fanfold_has_standard_error_to_itself_unless_it_asks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = "from fanfold.terminal import stderr; stderr.print('first')"
    quiet = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert quiet.stderr == ""
    monkeypatch.setattr(stderr, "quiet", True)
    with spinner("a bar moves"), job_bar():
        stderr.print("first")
    show_progress()
    stderr.print("second")
    assert capsys.readouterr().err == "second\n"
