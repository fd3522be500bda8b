"""How many requests a file takes in which three rows of ten repeat a text that many have written: "good", "ok"."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from measure import Figure, show

from fanfold.costs.estimate import count
from fanfold.input.files import LocalFile
from fanfold.input.sources import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS, SHARE, REPEATED = 100_000, 0.3, 20


def figures() -> Iterator[Figure]:
    """Count, as `fanfold estimate` does."""
    random = Random(7)
    repeated = random.sample(range(ROWS), int(SHARE * ROWS))
    texts = [f"text {row} is like no other" for row in range(ROWS)]
    for row in repeated:
        texts[row] = f"one of {random.randrange(REPEATED)}"
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "texts.csv"
        file.write_text("\n".join(["text", *texts, ""]), encoding="utf-8")
        sent, each = (
            count(LocalFile.read(Source.of_file(file), {}, chosen)).requests for chosen in ({}, {"duplicates": "each"})
        )
    yield Figure("Requests for a file with 30 % duplicates: share", "each row sent", sent / each, 0.705, is_limit=True)


if __name__ == "__main__":
    show(figures())
