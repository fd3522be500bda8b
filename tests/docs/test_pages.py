"""What the documentation says of the project is so: links lead somewhere, tables are current, commands exist."""

import json
import re
import shlex
from pathlib import Path

import click
import pytest
import yaml
from scripts import options_docs
from tests.docs.pages import PAGES, ROOT, anchors, blocks, code_spans, local_links, name

from fanfold.cli import cli

each_page = pytest.mark.parametrize("page", PAGES, ids=name)


@each_page
def test_links_lead_to_files_and_headings_that_are_there(page: Path) -> None:
    for path, anchor in local_links(page):
        target = page.parent / path if path else page
        assert target.exists(), f"{path} is not there"
        assert not anchor or anchor in anchors(target), f"{name(target)} has no heading for #{anchor}"


@each_page
def test_blocks_name_a_language_that_is_checked(page: Path) -> None:
    assert {block.language for block in blocks(page)} <= {"console", "python", "json", "yaml", "text"}


@each_page
def test_blocks_of_data_can_be_read(page: Path) -> None:
    for block in blocks(page):
        if block.language in {"json", "yaml"}:
            assert (json.loads if block.language == "json" else yaml.safe_load)(block.text), str(block)


def test_the_tables_of_options_are_those_of_the_code() -> None:
    page = options_docs.PAGE.read_text(encoding="utf-8")
    assert page == options_docs.render(page), "run .venv/bin/python scripts/options_docs.py"


@each_page
def test_commands_that_sentences_name_exist(page: Path) -> None:
    for span in code_spans(page):
        words = re.split(r"\s+", span)
        if words[0].removeprefix(".venv/bin/") == "fanfold" and len(words) > 1:
            check_fanfold(span)
        if words[0] == "make" and len(words) > 1:
            check_target(words[1])


def check_fanfold(line: str) -> None:
    """The command is one of ours and has these options."""
    _, *words = shlex.split(line, comments=True)
    command: click.Command = cli
    while isinstance(command, click.Group) and words and words[0] != "COMMAND":
        found = command.commands.get(words[0])
        assert found, f"{line}: there is no {words[0]!r}"
        command, words = found, words[1:]
    known = {option for parameter in command.params for option in parameter.opts}
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert given <= known | {"--help", "--version"}, f"{line}: unknown options {given - known}"


def check_target(target: str) -> None:
    """The Makefile has this target."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), f"make {target}: no such target"
