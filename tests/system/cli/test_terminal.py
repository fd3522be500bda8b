"""The commands about jobs on a terminal: what a file and its job are called and hold is shown, whatever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.terminals import HOSTILE, on_a_terminal

from fanfold.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.system.conftest import Pipeline

    from localaws.cloud import LocalCloud

NAME = HOSTILE.replace("/", "|")


@pytest.fixture
def typed(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What a command shows on a terminal."""
    for name, value in {**cloud.environment, "FANFOLD_STACK": cloud.stack_name}.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> str:
        with on_a_terminal(monkeypatch) as terminal:
            monkeypatch.setattr("sys.argv", ["fanfold", *arguments])
            with pytest.raises(SystemExit):
                main()
        return terminal.shown()

    return run


def test_each_command_shows_what_a_terminal_would_act_upon(
    typed: Callable[..., str], pipeline: Pipeline, tmp_path: Path
) -> None:
    file = tmp_path / f"shown {NAME}.csv"
    file.write_text(f'text,"{HOSTILE}"\nso good,"{HOSTILE}"\n,"{HOSTILE}"\n', encoding="utf-8", newline="")
    told = r"\u202etxt.exe"
    ran = typed("run", str(file), "--out", str(tmp_path / f"out {NAME}"))
    assert ran.count(told) >= 4
    (job,) = [job for job in pipeline.client.stack.job_ids() if job.startswith("shown-")]
    assert told in typed("status", job)
    assert told in typed("status", job, "--json")
    assert job in typed("jobs")
    assert typed("results", job).count(told) >= 3
    assert told in typed("results", job, "--json")
    assert told in typed("results", job, "--row", "0")
    assert r"\u001b]52" in typed("errors", job)
    assert told in typed("errors", job, "--csv")
    assert "assembler" in typed("tail", job)
    assert told in typed("report", str(tmp_path / f"out {NAME}"), "--out", "anywhere")
    assert told in typed("status", NAME)
