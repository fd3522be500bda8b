"""Rows per second of a small model in the inference container, against an offline loop that is tuned by hand.

Needs Java and the environment of `make container`: `.venv/bin/python benchmarks/container.py [HIDDEN LAYERS ROWS]`,
for example `768 6 200` for a model of DistilBERT's size. One worker, four requests at a time, with the default
number of rows and parameters, and with `batch_size`, for texts in any order and in the one in which Fanfold sends them;
the model as `fanfold model pack` packs it; and a whole run, from submitting the file to the end of its job. All sides
have one core, which a run shares with the local cloud.
"""

from __future__ import annotations

import json
import os
import sys
import tarfile
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from measure import ROOT, child, interleaved

from fanfold import Fanfold
from fanfold.packing.pack import pack
from fanfold_core.domain.options import Options
from localaws.endpoint.models import Model, ModelServer

if TYPE_CHECKING:
    from collections.abc import Callable

CONTAINER = ROOT / ".venv-container/bin/python"
HIDDEN, LAYERS, ROWS = map(int, sys.argv[1:] or (128, 4, 1_000))
CONCURRENCY = 4
SIZES = (8, 32)
JSON = "application/json"


def main() -> None:
    """Measure all sides in turn, and print their medians."""
    os.sched_setaffinity(0, {0})
    texts = tweets()
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
        for order, ordered in (("of the file", texts), ("of Fanfold", in_order(texts))):
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


def tweets() -> list[str]:
    """Texts of skewed lengths, mostly short."""
    random = Random(7)
    words = ["".join(random.choices("aeioulnrst", k=random.randint(2, 9))) for _ in range(500)]
    return [" ".join(random.choices(words, k=3 + int(random.expovariate(1 / 15)))) for _ in range(ROWS)]


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


if __name__ == "__main__":
    main()
