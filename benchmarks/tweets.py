"""A file of 1,798 tweets from upload to results.csv, next to the loop that articles show, on the same local endpoint.

Each call to AWS takes 20 ms more than on this machine, and the model 2 ms for each row.
"""

from __future__ import annotations

import json
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

from latency import delayed
from measure import SDK_PYTHON, Figure, child, interleaved, show

from fanfold import Fanfold
from fanfold.project import find_root
from localaws.cloud import LocalCloud
from localaws.conditions import Conditions
from localaws.services import Services

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localaws.endpoint.requests import InferenceRequest

ROWS = 1_798
# The loop goes row by row, so a tenth of them takes a tenth of the time.
SHARE_OF_LOOP = 10
API_SECONDS, MODEL_SECONDS = 0.020, 0.002


class FixedTime(Conditions):
    """Nothing goes wrong, and each row takes the model as long."""

    def service_time(self, request: InferenceRequest) -> float:
        """Seconds for the rows of a request."""
        inputs = json.loads(request.body)["inputs"]
        return MODEL_SECONDS * (len(inputs) if isinstance(inputs, list) else 1)


def figures() -> Iterator[Figure]:
    """Measure for about four minutes."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ready = Services.wait_ready

        def wait_ready(services: Services) -> None:
            ready(services)
            for name, url in services.addresses.items():
                services.addresses[name] = stack.enter_context(delayed(url, API_SECONDS))

        with patch.object(Services, "wait_ready", wait_ready):
            cloud = stack.enter_context(LocalCloud(find_root(), conditions=FixedTime()))
        fanfold = Fanfold(cloud.stack_name, session=cloud.session())
        file = folder / "tweets.csv"
        texts = (f"so good, no. {row}, and then some more of it" for row in range(ROWS))
        file.write_text("text\n" + "".join(f'"{text}"\n' for text in texts), encoding="utf-8")
        ours(fanfold, file)  # finds every function cold
        seconds = interleaved({"loop": lambda: loop(cloud), "ours": lambda: ours(fanfold, file)})
    times = seconds["loop"] / seconds["ours"]
    yield Figure("1,798 tweets from upload to results: times faster", "`predict_async`, then `get_result`", times, 30)


def ours(fanfold: Fanfold, file: Path) -> float:
    """Seconds from upload to results.csv."""
    began = time.perf_counter()
    fanfold.submit(file).wait()
    return time.perf_counter() - began


def loop(cloud: LocalCloud) -> float:
    """Seconds of the loop for as many rows."""
    environ = cloud.environment
    arguments = (cloud.outputs["EndpointName"], cloud.outputs["OutputBucket"], ROWS // SHARE_OF_LOOP)
    found = child(SDK_PYTHON, "sides/article_loop.py", *arguments, **environ)
    return float(found["seconds"]) * ROWS / found["results"]


if __name__ == "__main__":
    show(figures())
