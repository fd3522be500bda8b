"""How many tokens a model computes, padding included, for each that is in a job's texts: English of skewed lengths.

Needs the environment of `make container`, for its tokenizer.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Figure, child, show
from models.served import CONTAINER, english, in_order, make_model

from fanfold_core.domain.options import Options
from fanfold_core.input.cutting import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

OF_THE_HUB = {"HfModelId": "owner/name", "HfTask": "text-classification"}
SIDES = ("stock container", "packed model")


def figures() -> Iterator[Figure]:
    """Count, for a chunk of a file."""
    texts = english(Limits().rows)
    options = Options.of_stack(OF_THE_HUB, {})
    size = json.loads(options.parameters)["batch_size"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = make_model(folder, texts, 8, 1)

        def padding(ordered: list[str]) -> dict[str, float]:
            file = folder / "ordered.json"
            file.write_text(json.dumps(ordered), encoding="utf-8")
            return child(CONTAINER, "sides/hand_tuned.py", "pad", file, model, options.rows_per_request, size)

        of_job, of_file = padding(in_order(texts)), padding(texts)
    for side in SIDES:
        yield Figure(f"Tokens computed, {side}: times", "tokens in the texts", of_job[side], 1.05, is_limit=True)
    yield Figure("The same in the file's order, stock container: times", "tokens in the texts", of_file[SIDES[0]], 0)


if __name__ == "__main__":
    show(figures())
