"""The commands in a page of the documentation, as a reader would copy them."""

import re
import shlex
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def commands(page: str, after: str = "") -> str:
    r"""The next block of commands in a page after some words, however the lines of the page are broken.

    >>> commands("local-endpoint.md")
    'fanfold local endpoint\n'
    """
    text = (DOCS / page).read_text(encoding="utf-8")
    words = r"\s+".join(map(re.escape, after.split()))
    found = re.search(rf"{words}.*?^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert found, f"no commands after {after!r} in {page}"
    return found[1]


def options(page: str, after: str) -> dict[str, str]:
    """The options of the next command in a page after some words, by their names without dashes."""
    words = shlex.split(commands(page, after).replace("\\\n", ""))
    first = next(number for number, word in enumerate(words) if word.startswith("--"))
    names, values = words[first::2], words[first + 1 :: 2]
    return {name.removeprefix("--"): value for name, value in zip(names, values, strict=True)}
