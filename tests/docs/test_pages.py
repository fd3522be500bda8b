"""What the documentation says of the project is so: links lead somewhere, tables are current, commands exist."""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from scripts import options_docs
from tests.docs.exemptions import check
from tests.docs.pages import PAGES, ROOT, anchors, blocks, code_spans, local_links, name

import fanfold
from fanfold import errors
from fanfold_core.domain.options import OPTIONS

# Who may witness a fact about AWS.
WITNESS = re.compile(
    r"\[documentation\]\(https://docs\.aws\.amazon\.com/\S+\.html\)|service model of botocore|captured event"
    r"|the container's own packages|emulator|examples (of|in)|reports of|nobody yet"
)
READERS: Mapping[str, Callable[[str], Any]] = {"json": json.loads, "toml": tomllib.loads, "yaml": yaml.safe_load}
each_page = pytest.mark.parametrize("page", PAGES, ids=name)


@each_page
def test_links_lead_to_files_and_headings_that_are_there(page: Path) -> None:
    for path, anchor in local_links(page):
        target = page.parent / path if path else page
        assert target.exists(), f"{path} is not there"
        assert not anchor or anchor in anchors(target), f"{name(target)} has no heading for #{anchor}"


@each_page
def test_blocks_name_a_language_that_is_checked(page: Path) -> None:
    assert {block.language for block in blocks(page)} <= {"console", "python", "text", *READERS}


@each_page
def test_blocks_of_data_can_be_read(page: Path) -> None:
    for block in blocks(page):
        if block.language in READERS:
            assert READERS[block.language](block.text), str(block)


def test_the_tables_of_options_are_those_of_the_code() -> None:
    page = options_docs.PAGE.read_text(encoding="utf-8")
    assert page == options_docs.render(page), "run .venv/bin/python scripts/options_docs.py"


def test_the_quick_start_shows_the_report_and_the_console_and_says_what_is_in_the_pictures() -> None:
    pictures = re.findall(
        r"^!\[(.+)\]\((.+)\)$", (ROOT / "docs/quickstart.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert [file for _, file in pictures] == ["report.png", "console.png"]
    for words, file in pictures:
        assert len(words.split()) > 10
        width = int.from_bytes((ROOT / "docs" / file).read_bytes()[16:20])
        assert (width, (ROOT / "docs" / file).stat().st_size < 100_000) == (1440, True)


def test_the_readme_names_all_metadata_in_the_order_of_the_table() -> None:
    readme = (options_docs.ROOT / "README.md").read_text(encoding="utf-8")
    _, _, rest = readme.partition("per file with S3 object metadata")
    assert re.findall(r"`([a-z-]+)`", re.split(r"\.\s", rest)[0]) == [row.name for row in OPTIONS.values()]


def test_every_fact_about_aws_has_its_witness_or_says_that_it_has_none() -> None:
    text = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    section = text.partition("## What is known of AWS\n")[2].partition("\n## ")[0]
    facts = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(facts) > 30
    for fact, relied_on_by, witness in facts:
        assert fact
        assert relied_on_by
        assert WITNESS.match(witness), witness


@each_page
def test_commands_that_sentences_name_exist(page: Path) -> None:
    for span in code_spans(page):
        program, *words = span.split()
        if words and Path(program).name in {"fanfold", "make", "pip"}:
            check(span)


def test_commands_that_a_workflow_runs_exist() -> None:
    [workflow] = [block for block in blocks(ROOT / "docs/github-actions.md") if block.language == "yaml"]
    steps = [step for job in yaml.safe_load(workflow.text)["jobs"].values() for step in job["steps"]]
    commands = [step["run"] for step in steps if "run" in step]
    assert commands
    for command in commands:
        check(command)


def test_errors_that_a_user_can_catch_are_exported_and_told_of() -> None:
    classes = (value for value in vars(errors).values() if isinstance(value, type))
    defined = {value.__name__ for value in classes if value.__module__ == errors.__name__}
    assert "UserError" in defined
    assert {name for name in fanfold.__all__ if name.endswith("Error")} == defined
    assert set(re.findall(r"\w+Error", errors.__doc__ or "")) == defined
    rows = (ROOT / "docs/python.md").read_text(encoding="utf-8").splitlines()
    assert {row.split("`")[1] for row in rows if re.match(r"\| `\w+Error` \|", row)} == defined
