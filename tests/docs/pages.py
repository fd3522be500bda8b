"""The pages of the documentation as their readers have them: blocks of code, links, and words that are commands."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / page for page in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]

_PARSER = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Block:
    """A block of code: its language, its text, the line where that begins, and the number of its section."""

    page: Path
    section: int
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{name(self.page)}:{self.line}"


def name(page: Path) -> str:
    """What a page is called in this project.

    >>> name(ROOT / "docs/security.md")
    'docs/security.md'
    """
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in their order. What MyST is told in braces is no code."""
    found, section = [], 0
    for token in _tokens(page):
        section += token.type == "heading_open"
        if token.type == "fence" and not token.info.startswith("{"):
            assert token.map
            found.append(Block(page, section, token.map[0] + 2, token.info.strip(), token.content))
    return found


def links(page: Path) -> list[str]:
    """Where the links and images of a page lead."""
    inline = (child for token in _tokens(page) for child in token.children or ())
    found = (child.attrGet("href") or child.attrGet("src") for child in inline)
    return [str(target) for target in found if target]


def code_spans(page: Path) -> list[str]:
    """The code within a page's sentences, each on one line."""
    inline = (child for token in _tokens(page) for child in token.children or ())
    return [child.content for child in inline if child.type == "code_inline"]


def anchors(page: Path) -> set[str]:
    """What a link may name behind a `#`: the page's headings, as GitHub spells them."""
    tokens = _tokens(page)
    headings = (after.content for token, after in pairwise(tokens) if token.type == "heading_open")
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def table(page: Path, heading: str) -> list[str]:
    """The first cells of the lines of the first table under a heading, without what makes them code."""
    text = page.read_text(encoding="utf-8")
    _, found, section = text.partition(f"# {heading}\n")
    assert found, f"{name(page)} has no heading {heading!r}"
    cells = re.findall(r"^\| `(.+?)` \|", section.partition("\n## ")[0], re.MULTILINE)
    assert cells, f"{name(page)} has no table under {heading!r}"
    return cells


def _tokens(page: Path) -> list[Token]:
    return _PARSER.parse(page.read_text(encoding="utf-8"))


def local_links(page: Path) -> Iterator[tuple[str, str]]:
    """The links of a page that stay in this project: a path, and an anchor or nothing."""
    for link in links(page):
        if not re.match(r"[a-z]+:", link):
            path, _, anchor = link.partition("#")
            yield path, anchor
