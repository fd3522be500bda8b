"""Fan-out: processor time per row and rows per second, next to the SageMaker SDK's loop and to wrk."""

from __future__ import annotations

import resource
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from measure import PYTHON, SDK_PYTHON, Figure, child, interleaved, needed, show, stub

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOP = "SageMaker SDK v2, `predict_async` row by row"
WRK = """
wrk.method = "POST"
wrk.body = '{"inputs":["' .. string.rep("x", 100) .. '"],"parameters":{}}'
wrk.headers["Authorization"] = "AWS4-HMAC-SHA256 " .. string.rep("a", 260)
wrk.headers["X-Amz-Security-Token"] = string.rep("t", 400)
wrk.headers["X-Amz-Date"] = "20260101T000000Z"
wrk.headers["X-Amzn-SageMaker-Content-Type"] = "application/json"
wrk.headers["X-Amzn-SageMaker-Accept"] = "application/json"
wrk.headers["X-Amzn-SageMaker-Inference-Id"] = "tweets-1f/7/0000320-0001/1"
wrk.headers["X-Amzn-SageMaker-S3OutputPathExtension"] = "tweets-1f/0000007"
wrk.headers["X-Amzn-SageMaker-Filename"] = "0000320-0001-1.json"
wrk.headers["X-Amzn-SageMaker-RequestTTLSeconds"] = "3600"
done = function(summary) io.stderr:write(summary.requests) end
"""


def figures() -> Iterator[Figure]:
    """Measure for about three minutes."""
    with stub(0) as port, tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "post.lua"
        script.write_text(WRK)
        cpu = interleaved(
            {
                "loop": lambda: float(child(SDK_PYTHON, "sides/sdk_loop.py", port, 500)["cpu_us"]),
                "ours": lambda: float(child(PYTHON, "sides/fanfold_requests.py", port, 20_000, 1)["cpu_us"]),
                "ours by 32": lambda: float(child(PYTHON, "sides/fanfold_requests.py", port, 400_000, 32)["cpu_us"]),
                "wrk": lambda: wrk(port, script),
            }
        )
    yield Figure("Fan-out, CPU per row, 1 row per request: times less", LOOP, cpu["loop"] / cpu["ours"], 20)
    yield Figure("Fan-out, CPU per row, 32 rows per request: times less", LOOP, cpu["loop"] / cpu["ours by 32"], 300)
    yield Figure("Fan-out, CPU per request: share of the limit", "wrk, pre-signed", cpu["wrk"] / cpu["ours"], 0.2)
    with stub(20) as port:
        rate = interleaved(
            {
                "loop": lambda: float(child(SDK_PYTHON, "sides/sdk_loop.py", port, 100)["rows_per_second"]),
                "ours": lambda: float(child(PYTHON, "sides/fanfold_requests.py", port, 20_000, 1)["rows_per_second"]),
            }
        )
    yield Figure("Fan-out, rows/s at 20 ms, 1 row per request: times more", LOOP, rate["ours"] / rate["loop"], 250)


def wrk(port: int, script: Path) -> float:
    """Microseconds of processor time per request of a load generator in C whose requests are signed beforehand."""
    url = f"http://127.0.0.1:{port}/endpoints/tweets/async-invocations"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [needed("wrk"), "-t1", "-c32", "-d2s", "-s", script, url]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu / int(answer.stderr) * 1e6


if __name__ == "__main__":
    show(figures())
