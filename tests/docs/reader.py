"""A reader who types what a page says, block by block."""

import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.docs.exemptions import check, exemption
from tests.docs.pages import Block


@dataclass(frozen=True)
class Stack:
    """What a page calls by a name of its own, and a stack by another."""

    ended: str
    cancelled: str
    dispatcher: str

    def named(self, command: str) -> str:
        """The command with the stack's own names. What is tried again is a job that was cancelled: it can succeed."""
        job = self.cancelled if re.search(r"\bretry\b", command) else self.ended
        command = re.sub(r"\bJOB\b|\btweets-6a5ef09ece7577f1\b", job, command)
        command = re.sub(
            r"(?<=fanfold )(status|results|errors|report|download|tail) tweets\b(?!-)", rf"\1 {job}", command
        )
        return re.sub(r"\bDISPATCHER\b", self.dispatcher, command)


@dataclass
class Reader:
    """Types commands in a folder, with an environment, and keeps a Python prompt open."""

    folder: Path
    environment: dict[str, str]
    stack: Stack
    start: Callable[..., dict[str, str]]
    namespace: dict[str, Any] = field(default_factory=dict)
    _exports: dict[str, str] = field(default_factory=dict)
    _section: int = 0

    def sit_down(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let Python have the folder and the environment, too."""
        monkeypatch.chdir(self.folder)
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)

    def type_commands(self, block: Block) -> None:
        """Run a block in bash, which stops at the first command that fails. What was exported holds for a section."""
        if block.section != self._section:
            self._section, self._exports = block.section, {}
        lines = [self._line(command) for command in commands(block.text)]
        script = "\n".join(["set -euo pipefail", "trap 'echo \"failed: $BASH_COMMAND\" >&2' ERR", *lines])
        environment = {**self.environment, **self._exports, "HOME": str(self.folder)}
        run = subprocess.run(
            ["bash", "-c", script],  # noqa: S607 - the reader's own
            cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            timeout=300,
        )  # fmt: skip
        assert run.returncode == 0, f"{block}: exit code {run.returncode}\n{script}\n{run.stdout}\n{run.stderr}"

    def type_python(self, block: Block) -> None:
        """Run a block in Python. A traceback has the page's own lines."""
        code = "\n" * (block.line - 1) + block.text
        exec(compile(code, block.page, "exec"), self.namespace)  # noqa: S102 - that is what it is for

    def _line(self, command: str) -> str:
        """What is typed for a command: itself, or nothing if it is checked instead, or runs in another terminal."""
        if exemption(command):
            check(command)
            return ":"
        if re.search(r"\bfanfold local up\b", command):
            check(command)  # it is the cloud that all pages have
            return ":"
        if re.search(r"\bfanfold local endpoint\b", command):
            self._exports = self.start("fanfold", "local", "endpoint")
            return ":"
        return self.stack.named(command)


def commands(text: str) -> Iterator[str]:
    r"""The commands of a block: a line, or several where the first is no whole command.

    >>> list(commands("make demo  # shows it\necho 'a\nb'\n"))
    ['make demo  # shows it', "echo 'a\nb'"]
    """
    begun: list[str] = []
    for line in text.splitlines():
        begun.append(line)
        if _is_whole(command := "\n".join(begun)):
            yield command
            begun = []
    assert not begun, f"no whole command: {begun}"


def _is_whole(command: str) -> bool:
    """Bash takes it, and has nothing to say of it (as of a document without its end)."""
    run = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True, check=False)  # noqa: S607
    return not command.endswith("\\") and run.returncode == 0 and not run.stderr
