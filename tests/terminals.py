"""A terminal, and text that would make it act."""

import os
import pty
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from fanfold.terminal import stderr, stdout

# Puts something in the clipboard, makes a link, clears the screen, sets the title, deletes, and turns the text around.
HOSTILE = "\x1b]52;c;ZXZpbA==\x07 \x1b]8;;http://evil\x1b\\ \x1b[2J \x9b2J \x9d0;evil\x9c \x7f\b\r \u202etxt.exe\u2066"
SPELT = (
    r"\u001b]52;c;ZXZpbA==\u0007 \u001b]8;;http://evil\u001b\ \u001b[2J \u009b2J \u009d0;evil\u009c \u007f\u0008\u000d "
    r"\u202etxt.exe\u2066"
)
# What rich sends of its own accord: styles, and the cursor's and lines' moves of a bar.
_RICH = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]|\x1b\[1?[AB]|\x1b\[2K|\r")


class Terminal:
    """What arrives at a terminal."""

    def __init__(self) -> None:
        self._master, self.slave = pty.openpty()
        self._arrived = b""
        self._reader = Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        # Linux refuses to read, and macOS reads nothing, once the other end is closed.
        try:
            while arrived := os.read(self._master, 65536):
                self._arrived += arrived
        except OSError:
            return

    def shown(self) -> str:
        """Text alone, without what rich has sent; the other end must have been closed."""
        self._reader.join()
        os.close(self._master)
        text = _RICH.sub("", self._arrived.decode())
        acted_upon = [char for char in text if not char.isprintable() and char != "\n"]
        assert acted_upon == [], text
        return text


@contextmanager
def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """Let standard output and error of this process be a wide terminal meanwhile."""
    terminal = Terminal()
    with monkeypatch.context() as patched, os.fdopen(terminal.slave, "w", encoding="utf-8") as stream:
        for name in ("stdout", "stderr"):
            patched.setattr(sys, name, stream)
        # Who starts this process may have said how wide it is, which the consoles heard when they were made.
        for console in (stdout, stderr):
            patched.setattr(console, "_width", 1000)
        patched.setenv("TERM", "xterm")
        yield terminal
