"""The pages that `make docs` makes need nothing but themselves."""

import re
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.docs.pages import ROOT

pytestmark = pytest.mark.docs


class Loads(HTMLParser):
    """What a browser fetches to show a page: all that has a source, and what `link` names."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if value and (name == "src" or (tag, name) == ("link", "href"))]


def loads(site: Path) -> Iterator[str]:
    for page in site.rglob("*.html"):
        yield from Loads(page.read_text(encoding="utf-8")).found
    for style in site.rglob("*.css"):
        yield from re.findall(r"(?:url\(|@import\s+)['\"]?([^'\")]+)", style.read_text(encoding="utf-8"))


def test_the_site_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    subprocess.run([ROOT / ".venv-docs/bin/sphinx-build", "--quiet", ROOT / "docs", tmp_path], check=True)
    found = set(loads(tmp_path))
    assert any("furo" in target for target in found)
    assert [target for target in found if re.match(r"(?!data:)[a-z]+:|//", target)] == []
