"""Rows per second of a small model in the inference container, against an offline loop that is tuned by hand.

Needs Java and the environment of `make container`: `.venv/bin/python benchmarks/container.py [HIDDEN LAYERS ROWS]`,
for example `768 6 200` for a model of DistilBERT's size. One worker, four requests at a time, with the default
number of rows and parameters, and with `batch_size`, for texts in any order and in the one in which Fanfold sends them;
the model as `fanfold model pack` packs it; and a whole run, from submitting the file to the end of its job. All sides
have one core, which a run shares with the local cloud.

`.venv/bin/python benchmarks/container.py tune [HIDDEN LAYERS ROWS]` compares the setting that `fanfold tune` chooses
with the best of all that it could have chosen, on rows that it has not seen.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import product
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from measure import ROOT, Figure, child, interleaved, show

from fanfold import Fanfold
from fanfold.packing.pack import pack
from fanfold.tuning import BATCH_SIZES, Setting
from fanfold.tuning import ROWS as ROWS_GRID
from fanfold_core.domain.options import Options
from fanfold_core.input.cutting import Limits
from localaws.endpoint.models import Model, ModelServer

if TYPE_CHECKING:
    from collections.abc import Callable

CONTAINER = ROOT / ".venv-container/bin/python"
IS_TUNED, SIZE = sys.argv[1:2] == ["tune"], [int(one) for one in sys.argv[1:] if one.isdecimal()]
HIDDEN, LAYERS, ROWS = SIZE or (128, 4, 1_000_000 if IS_TUNED else 1_000)
# Of the rows, so many are sent with each setting in so many passes; then the fastest settings in many more.
UNSEEN_ROWS, PASSES, FASTEST, FINAL_PASSES = 1_024, 1, 4, 5
CONCURRENCY = 4
SIZES = (8, 32)
JSON = "application/json"


def main() -> None:
    """Measure all sides in turn, and print their medians."""
    os.sched_setaffinity(0, {0})
    texts = tweets(ROWS)
    rows, parameters = Options().rows_per_request, json.loads(Options().parameters)
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        file, model = folder / "texts.json", folder / "model"
        file.write_text(json.dumps(texts), encoding="utf-8")
        child(CONTAINER, "sides/hand_tuned.py", "make", file, model, HIDDEN, LAYERS)
        archive, packed = folder / "model.tar.gz", folder / "packed"
        pack(model, archive)
        with tarfile.open(archive) as opened:
            opened.extractall(packed, filter="data")
        environment = {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
        log = running.enter_context((folder / "container.log").open("w", encoding="utf-8"))

        def serve(at: Path) -> Model:
            server = ModelServer(str(CONTAINER), at, log=log, environment=environment)
            return running.enter_context(server).model

        plain, better = serve(model), serve(packed)
        sides: dict[str, Callable[[], float]] = {
            "offline": lambda: float(child(CONTAINER, "sides/hand_tuned.py", "run", file, model)["rows_per_second"]),
            "container": lambda: speed(plain, texts, rows, parameters),
            **{
                f"container{order}, batch_size {size}": partial(
                    speed, plain, ordered, rows, {**parameters, "batch_size": size}
                )
                for order, ordered in (("", texts), (", in order", in_order(texts)))
                for size in SIZES
            },
            "container, packed": lambda: speed(better, texts, rows, parameters),
            "container, packed, 256 rows": lambda: speed(better, texts, 256, parameters),
        }
        local = running.enter_context(Fanfold(local=True, model=str(model), container=str(CONTAINER)))
        table = [{"text": text} for text in texts]
        for size in SIZES:
            run = partial(end_to_end, local, table, {**parameters, "batch_size": size})
            sides[f"fanfold run, batch_size {size}"] = run
        for warm in (plain, better):
            speed(warm, texts[:rows], rows, parameters)
        end_to_end(local, table[:rows], parameters)
        found = interleaved(sides)
        chunk = tweets(Limits().rows)
        for order, ordered in (("of the file", chunk), ("of Fanfold", in_order(chunk))):
            file.write_text(json.dumps(ordered), encoding="utf-8")
            for size in SIZES:
                padding = float(child(CONTAINER, "sides/hand_tuned.py", "pad", file, model, size)["padding"])
                print(f"tokens computed by those in the texts, order {order}, batch_size {size}: {padding:.3f}")
    for side, value in found.items():
        print(f"{side:36} {value:8.0f} rows/s  {value / found['offline']:.2f}")


def in_order(texts: list[str]) -> list[str]:
    """The texts in the order in which the dispatcher sends them."""
    return [texts[sharing[0]] for sharing in Options().order(texts).rows]


def end_to_end(fanfold: Fanfold, table: list[dict[str, str]], parameters: dict[str, Any]) -> float:
    """Rows per second of a job, from submitting it to its results."""
    began = time.perf_counter()
    job = fanfold.submit(table, parameters=json.dumps(parameters))
    if job.wait().predicted != len(table):
        raise RuntimeError(f"not every row is predicted: {job.summary()}")
    return len(table) / (time.perf_counter() - began)


def tweets(rows: int) -> list[str]:
    """Texts of skewed lengths, mostly short."""
    random = Random(7)
    words = ["".join(random.choices("aeioulnrst", k=random.randint(2, 9))) for _ in range(500)]
    return [" ".join(random.choices(words, k=3 + int(random.expovariate(1 / 15)))) for _ in range(rows)]


def speed(model: Model, texts: list[str], rows: int, parameters: dict[str, Any]) -> float:
    """Rows per second, of requests that are sent several at a time."""
    requests = [
        json.dumps({"inputs": texts[start : start + rows], "parameters": parameters}).encode()
        for start in range(0, len(texts), rows)
    ]
    began = time.perf_counter()
    with ThreadPoolExecutor(CONCURRENCY) as several:
        answers = list(several.map(lambda body: json.loads(model.predict(body, JSON, "")), requests))
    if sum(map(len, answers)) != len(texts):
        raise RuntimeError("an answer has other results than texts")
    return len(texts) / (time.perf_counter() - began)


def compare_tuned() -> None:
    """Have the settings chosen, try all of them, and the fastest ones with the chosen one again."""
    texts, parameters = tweets(ROWS), json.loads(Options().parameters)
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        file, model = folder / "texts.json", folder / "model"
        file.write_text(json.dumps(texts[:1_000]), encoding="utf-8")
        child(CONTAINER, "sides/hand_tuned.py", "make", file, model, HIDDEN, LAYERS)
        (folder / "tweets.csv").write_text("\n".join(["text", *texts, ""]), encoding="utf-8")
        command = [ROOT / ".venv/bin/fanfold", "tune", "tweets.csv", "--model", "model", "--container", CONTAINER]
        began = time.perf_counter()
        said = json.loads(subprocess.check_output([*command, "--json"], cwd=folder))
        print(
            f"{time.perf_counter() - began:.0f} s", json.dumps({**said, "settings": len(said["settings"])}), flush=True
        )
        log = running.enter_context((folder / "container.log").open("w", encoding="utf-8"))
        served = running.enter_context(ModelServer(str(CONTAINER), model, log=log)).model
        # As two chunks would be sent.
        unseen = [text for first in (0, 1) for text in in_order(texts[ROWS // 3 :][first:UNSEEN_ROWS:2])]

        def side(setting: Setting) -> Callable[[], float]:
            batches = {} if setting.batch_size is None else {"batch_size": setting.batch_size}
            return partial(speed, served, unseen, setting.rows, {**parameters, **batches})

        # Every worker loads the model.
        side(Setting(8))()
        grid = [Setting(rows, size) for rows, size in product(ROWS_GRID, (None, *BATCH_SIZES)) if (size or 1) <= rows]
        found = interleaved({setting: side(setting) for setting in grid}, PASSES)
        chosen = Setting(said["best"]["rows_per_request"], said["best"]["batch_size"])
        fastest = sorted(found, key=found.__getitem__, reverse=True)[:FASTEST]
        again = interleaved({setting: side(setting) for setting in {*fastest, chosen, Setting(32)}}, FINAL_PASSES)
        best = max(again.values())
    for setting, value in sorted(again.items(), key=lambda item: -item[1]):
        print(f"{setting} {value:8.0f} rows/s  {value / best:.2f}{'  chosen' if setting == chosen else ''}")
    show([Figure("rows/s of the tuned setting: share", f"best of {len(grid)} settings", again[chosen] / best, 0.9)])


if __name__ == "__main__":
    compare_tuned() if IS_TUNED else main()
