"""Everything that the documentation tells to type is typed, and succeeds."""

import csv
from pathlib import Path

import pytest
from tests.docs.exemptions import EXEMPTIONS, exemption
from tests.docs.pages import PAGES, ROOT, blocks, name, table
from tests.docs.reader import Reader, commands

from fanfold import Fanfold

pytestmark = pytest.mark.docs

TYPED = {"console", "python"}
# `make recipes` types these, with models and the libraries that run them.
RECIPES = ROOT / "docs/recipes.md"
RESULTS = ROOT / "docs/results.md"

typed_pages = [page for page in PAGES if page != RECIPES and TYPED & {block.language for block in blocks(page)}]


@pytest.mark.parametrize("page", typed_pages, ids=name)
def test_a_page_can_be_typed_from_top_to_bottom(page: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    reader.sit_down(monkeypatch)
    for block in blocks(page):
        if block.language == "console":
            reader.type_commands(block)
        if block.language == "python":
            reader.type_python(block)


def test_the_files_of_a_job_have_what_the_page_says(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    reader.sit_down(monkeypatch)
    job = Fanfold().job(reader.stack.ended)
    job.download(reader.folder / "out")
    own = _header(reader.folder / "tweets.csv")
    assert list(job.summary()) == table(RESULTS, "summary.json")
    assert _header(reader.folder / "out/results.csv") == [*own, "label", "score", *table(RESULTS, "results.csv")]
    first, second, last = table(RESULTS, "errors.csv")
    assert _header(reader.folder / "out/errors.csv") == [first, second, *own, last]


def _header(file: Path) -> list[str]:
    with file.open(encoding="utf-8", newline="") as stream:
        return next(csv.reader(stream))


def test_what_is_not_typed_is_in_a_page() -> None:
    """An exemption that nothing needs any more is taken off the list."""
    typed = [block for page in typed_pages for block in blocks(page) if block.language == "console"]
    assert {exemption(command) for block in typed for command in commands(block.text)} >= set(EXEMPTIONS)
