"""Rows per second from a file to its results, through the inference container, against a loop that is tuned by hand.

A model of DistilBERT's size and texts of skewed lengths, on one core, which a run shares with the local cloud. The jobs
have the defaults of a stack with a model of the Hub, or those before batches were one of them. Needs Java and the
environment of `make container`.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Figure, interleaved, show
from models.served import CONTAINER, make_model, offline, speed, tweets

from fanfold import Fanfold
from fanfold.client import local_cloud
from fanfold_core.domain.options import Options
from localaws.endpoint.models import ModelServer

if TYPE_CHECKING:
    from collections.abc import Iterator

HIDDEN, LAYERS, ROWS, SINGLE_ROWS, TURNS = 768, 6, 500, 100, 4
SIZES = (8, 16, 32)
BEFORE = Options().parameters
# So that its jobs have the defaults of a model of the Hub.
OF_THE_HUB = {"HfModelId": "benchmarks/distilbert"}


def figures() -> Iterator[Figure]:
    """Measure for four minutes, and print the rows per second that the figures are ratios of."""
    os.sched_setaffinity(0, {0})
    texts = tweets(ROWS)
    table = [{"text": text} for text in texts]
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        model = make_model(folder, texts, HIDDEN, LAYERS)
        cloud = running.enter_context(local_cloud(str(model), OF_THE_HUB, container=str(CONTAINER)))
        fanfold = Fanfold(cloud.stack_name, session=cloud.session())
        log = running.enter_context((folder / "container.log").open("w", encoding="utf-8"))
        environment = {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
        alone = running.enter_context(ModelServer(str(CONTAINER), model, log=log, environment=environment)).model
        parameters = json.loads(BEFORE)
        loop = max(SIZES, key=lambda size: offline(model, size))
        # Each finds its model asleep.
        end_to_end(fanfold, table[:32])
        speed(alone, texts[:1], 1, parameters)
        rates = interleaved(
            {
                "loop": lambda: offline(model, loop),
                "run": lambda: end_to_end(fanfold, table),
                "run before": lambda: end_to_end(fanfold, table, BEFORE),
                "container, one text per request": lambda: speed(alone, texts[:SINGLE_ROWS], 1, parameters),
            },
            TURNS,
        )
    best, of = rates["loop"], f"a loop tuned by hand, in batches of {loop}"
    yield Figure("Rows/s from file to results, a model of DistilBERT's size: share", of, rates["run"] / best, 0.8)
    yield Figure("The same with the defaults before: share", of, rates["run before"] / best, 0)
    print(json.dumps({"rates": {name: round(rate, 1) for name, rate in rates.items()}}), flush=True)


def end_to_end(fanfold: Fanfold, table: list[dict[str, str]], parameters: str | None = None) -> float:
    """Rows per second of a job, from submitting it to its results."""
    began = time.perf_counter()
    job = fanfold.submit(table) if parameters is None else fanfold.submit(table, parameters=parameters)
    if job.wait().predicted != len(table):
        raise RuntimeError(f"not every row is predicted: {job.summary()}")
    return len(table) / (time.perf_counter() - began)


if __name__ == "__main__":
    show(figures())
