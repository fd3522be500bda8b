"""Rows per second of a small model in the inference container, against an offline loop that is tuned by hand.

Needs Java and the environment of `make container`. From this folder's parent: `python -m models.container [HIDDEN
LAYERS ROWS]`, for example `768 6 200` for a model of DistilBERT's size. One worker, four requests at a time, with the
default number of rows, without batches and with `batch_size`, for texts in any order and in the one in which Fanfold
sends them; and the model as `fanfold model pack` packs it. All sides have one core.
"""

from __future__ import annotations

import json
import os
import sys
import tarfile
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from measure import interleaved
from models.served import CONTAINER, in_order, make_model, offline, speed, tweets

from fanfold.packing.pack import pack
from fanfold_core.domain.options import Options
from localaws.endpoint.models import Model, ModelServer

if TYPE_CHECKING:
    from collections.abc import Callable

HIDDEN, LAYERS, ROWS = map(int, sys.argv[1:] or (128, 4, 1_000))
SIZES = (8, 16, 32)


def main() -> None:
    """Measure all sides in turn, and print their medians."""
    os.sched_setaffinity(0, {0})
    texts = tweets(ROWS)
    rows, parameters = Options().rows_per_request, json.loads(Options().parameters)
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        model = make_model(folder, texts, HIDDEN, LAYERS)
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
            **{f"offline, batches of {size}": partial(offline, model, size) for size in SIZES},
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
        for warm in (plain, better):
            speed(warm, texts[:rows], rows, parameters)
        found = interleaved(sides)
    for side, value in found.items():
        print(f"{side:36} {value:8.0f} rows/s  {value / found['container']:.2f}")


if __name__ == "__main__":
    main()
