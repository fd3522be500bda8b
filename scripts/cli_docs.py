#!/usr/bin/env python3
"""Write docs/cli.md from the commands themselves; `tests/unit/client/test_examples.py` compares.

.venv/bin/python scripts/cli_docs.py
"""

from __future__ import annotations

from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fanfold.cli import SECTIONS, cli
from fanfold.cli.conclusion import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[1] / "docs/cli.md"
HEAD = """\
# The command line

`scripts/cli_docs.py` generates this page from the commands; `fanfold COMMAND --help` prints the same text.

Data goes to standard output: tables on a terminal, tab-separated text elsewhere, JSON with `--json`. Messages go to
standard error. A terminal shows control characters as `\\u001b`; files and pipes get them unchanged.

JOB is a job id or a unique prefix of one; after a retry, a prefix means the newest round of its job. Commands about
jobs use the stack in FANFOLD_STACK, or `fanfold`, unless you set `--stack`. To use a running local cloud
(`fanfold local up`), paste the lines it prints: they also set FANFOLD_STACK, so that `fanfold run` uses it and starts
none of its own.

| exit code | |
|---|---|
"""

RULE = """
2 means that the command cannot be right as it was typed, whatever is in its files and stacks: an unknown command,
option, parameter or model, a value that none may have, options that exclude each other, a file or folder that does not
exist, or a question without a terminal. 1 means that the command could be right and failed: by what is in a file or a
folder, in a stack or a job, on this machine or in AWS.
"""


def page() -> str:
    """All of the page."""
    codes = "".join(f"| {code.value} | {meaning} |\n" for code, meaning in MEANINGS.items())
    return HEAD + codes + RULE + "".join(_sections())


def _sections() -> Iterator[str]:
    for section, commands in SECTIONS.items():
        yield f"\n## {section}\n"
        for command in commands:
            if isinstance(command, click.Group):
                for name in command.commands:
                    yield _described(command.commands[name], f"{command.name} {name}")
            else:
                yield _described(command, str(command.name))


def _described(command: click.Command, name: str) -> str:
    context = click.Context(command, info_name=f"fanfold {name}", parent=None, **cli.context_settings)
    usage = " ".join([f"fanfold {name}", *command.collect_usage_pieces(context)])
    words, _, examples = cleandoc(command.help or "").partition("\b\n")
    options = [record for option in command.get_params(context) if (record := option.get_help_record(context))]
    rows = "".join(f"| `{_cell(flag)}` | {_cell(text)} |\n" for flag, text in options if text)
    shown = f"\n```console\n{examples.strip()}\n```\n" if examples else ""
    return f"\n### fanfold {name}\n\n`{usage}`\n\n{words.strip()}\n{shown}\n| option | |\n|---|---|\n{rows}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
