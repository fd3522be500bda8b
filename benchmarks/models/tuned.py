"""The setting that `fanfold tune` chooses for a file of a million rows, next to the best of all that it could choose.

All are measured with rows that it hasn't seen, the fastest of them and the chosen one once more. Needs Java and the
environment of `make container`. From this folder's parent: `python -m models.tuned [HIDDEN LAYERS ROWS]`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from measure import ROOT, Figure, interleaved, show
from models.served import CONTAINER, in_order, make_model, speed, tweets

from fanfold.tuning import BATCH_SIZES, Setting
from fanfold.tuning import ROWS as ROWS_GRID
from fanfold_core.domain.options import Options
from fanfold_core.input.cutting import Limits
from localaws.endpoint.models import ModelServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HIDDEN, LAYERS, ROWS = map(int, sys.argv[1:] or (128, 4, 1_000_000))
# A chunk's rows, in the order of a job, are sent with the fastest settings; every fourth of the largest requests of
# these rows is enough to find them. Figures are medians of so many passes.
FASTEST, PASSES = 4, 3


def figures() -> Iterator[Figure]:
    """Have the settings chosen, try all of them, and the fastest ones with the chosen one again: six minutes."""
    texts, parameters = tweets(ROWS), json.loads(Options().parameters)
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        model = make_model(folder, texts[:1_000], HIDDEN, LAYERS)
        (folder / "tweets.csv").write_text("\n".join(["text", *texts, ""]), encoding="utf-8")
        command = [ROOT / ".venv/bin/fanfold", "tune", "tweets.csv", "--model", "model", "--container", CONTAINER]
        began = time.perf_counter()
        said = json.loads(subprocess.check_output([*command, "--json"], cwd=folder))
        _say(f"{time.perf_counter() - began:.0f} s", json.dumps({**said, "settings": len(said["settings"])}))
        log = running.enter_context((folder / "container.log").open("w", encoding="utf-8"))
        served = running.enter_context(ModelServer(str(CONTAINER), model, log=log)).model

        # The longest texts first, so that no worker waits long for another one's last request: a job has few last ones.
        chunk = in_order(texts[ROWS // 3 :][: Limits().rows])[::-1]
        largest = ROWS_GRID[-1]
        some = [text for start in range(0, len(chunk), 4 * largest) for text in chunk[start : start + largest]]

        def side(setting: Setting, unseen: list[str]) -> Callable[[], float]:
            batches = {} if setting.batch_size is None else {"batch_size": setting.batch_size}
            return partial(speed, served, unseen, setting.rows, {**parameters, **batches})

        # Every worker loads the model.
        side(Setting(8), some[-256:])()
        grid = [Setting(rows, size) for rows, size in product(ROWS_GRID, (None, *BATCH_SIZES)) if (size or 1) <= rows]
        found = interleaved({setting: side(setting, some) for setting in grid}, PASSES)
        chosen = Setting(said["best"]["rows_per_request"], said["best"]["batch_size"])
        fastest = sorted(found, key=found.__getitem__, reverse=True)[:FASTEST]
        last = {*fastest, chosen, Setting(32)}
        again = interleaved({setting: side(setting, chunk) for setting in last}, PASSES)
    best = max(again.values())
    for setting, value in sorted(again.items(), key=lambda item: -item[1]):
        _say(f"{setting} {value:8.0f} rows/s  {value / best:.2f}{'  chosen' if setting == chosen else ''}")
    yield Figure(
        "Rows/s of `fanfold tune`'s choice: share", f"the best of {len(grid)} settings", again[chosen] / best, 0.9
    )
    sample = said["sample"]
    share = 100 * sample["rows"] / sample["of_rows"]
    yield Figure("Rows that it takes to choose: percent", "rows of the file", share, 2, is_limit=True)


def _say(*words: str) -> None:
    print(*words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    show(figures())
