"""The commands in a page of the documentation, as a reader would copy them."""

import re
import shlex
from pathlib import Path
from urllib.parse import quote

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


def written(page: str, after: str) -> bytes:
    """The file that the next command in a page after some words writes from what stands there."""
    _, *lines, _ = commands(page, after).splitlines()
    return "\n".join([*lines, ""]).encode()


def recipe(page: str, after: str) -> tuple[str, dict[str, str]]:
    """The next command in a page after some words: its model, and its other options as an upload's metadata."""
    words = shlex.split(commands(page, after).replace("\\\n", ""))
    first = next(number for number, word in enumerate(words) if word.startswith("--"))
    options = dict(zip(words[first::2], words[first + 1 :: 2], strict=True))
    del options["--out"]
    model = options.pop("--model")
    return model, {name.removeprefix("--"): quote(value) for name, value in options.items()}
