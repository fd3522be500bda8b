"""The commands in a page of the documentation, as a reader would copy them."""

import re
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
