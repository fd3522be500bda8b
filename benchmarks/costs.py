"""What a job costs in calls and in seconds of functions: writes fanfold_core's measured.toml, which estimates stand on.

Calls and DynamoDB's units are counted on the pipeline in one process (`sides/pipeline.py`) for three sizes of file,
and told apart by job, chunk and request; counting never varies. Seconds are those that the functions of a local cloud
report, the least of three runs.
"""

from __future__ import annotations

import re
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.sides.pipeline import ROWS_PER_REQUEST, travel

from fanfold import Fanfold
from fanfold.project import find_root
from localaws.cloud import LocalCloud

MEASURED = Path(__file__).parents[1] / "layers/core/src/fanfold_core/app/measured.toml"
# Rows, requests and chunks of the three files that are enough to tell what a job, a chunk and a request cost.
FILES = {320: (10, 1), 10_000: (313, 1), 20_000: (626, 2)}
RUNS = 3
REPORT = re.compile(r"REPORT .* Duration: ([0-9.]+) ms")
HEADER = """\
# What a job takes, measured by benchmarks/costs.py on {day}; tests/unit/test_estimate.py compares the calls.
#
# Calls are counted with full batches (100 answers to the collector). An endpoint that answers more slowly than that
# fills them less, which adds up to two writes and two messages for each batch.
# Seconds of functions are those of a local cloud, on two cores of a machine that had other work, too. On AWS they have
# not been measured.
# The model's answer to a row took some 40 bytes: {{"label": "LABEL_2", "score": 0.98765}}.

rows_per_request = {rows_per_request}
"""


def priced(rows: int) -> dict[str, int]:
    """How many of each thing that has a price a file of so many rows took."""
    pipeline = travel(rows)
    calls = pipeline.calls
    return {
        "calls": calls.total(),
        "requests": calls["sagemaker-runtime:InvokeEndpointAsync"],
        "sqs": sum(count for name, count in calls.items() if name.startswith("sqs:")),
        "s3_put": calls["s3:PutObject"],
        "s3_get": calls["s3:GetObject"] + calls["s3:HeadObject"],
        "events": calls["events:PutEvents"],
        "lambda_invocations": pipeline.invocations,
        "dynamodb_write": pipeline.units.total["write"],
        "dynamodb_read": pipeline.units.total["read"],
    }


def told_apart() -> dict[str, dict[str, float]]:
    """The same by job, chunk and request."""
    small, large, larger = (priced(rows) for rows in FILES)
    (few, _), (many, _), _ = FILES.values()
    found: dict[str, dict[str, float]] = {}
    for name in small:
        request = (large[name] - small[name]) / (many - few)
        chunk = larger[name] - large[name] - many * request
        found[name] = {
            "job": round(small[name] - few * request - chunk, 3),
            "chunk": round(chunk, 3),
            "request": round(request, 4),
        }
    return found


def seconds(rows: int) -> float:
    """Seconds of all functions for a file of so many rows, on a local cloud."""
    reported: list[float] = []

    def listen(_function: str, line: str) -> None:
        found = REPORT.match(line)
        if found:
            reported.append(float(found[1]) / 1000)

    with tempfile.TemporaryDirectory() as folder, LocalCloud(find_root(), on_log=listen) as cloud:
        file = Path(folder) / "tweets.csv"
        file.write_text(
            "text\n" + "".join(f"so good, no. {row}, and then some more of it\n" for row in range(rows)),
            encoding="utf-8",
        )
        fanfold = Fanfold(cloud.stack_name, session=cloud.session())
        # The first job finds every function cold.
        fanfold.submit(file, rows_per_request=ROWS_PER_REQUEST).wait()
        results = []
        for _ in range(RUNS):
            cloud.wait_idle(10)
            reported.clear()
            fanfold.submit(file, rows_per_request=ROWS_PER_REQUEST).wait()
            cloud.wait_idle(10)
            results.append(sum(reported))
    return min(results)


def main() -> None:
    """Measure, and write."""
    lines = [HEADER.format(day=f"{datetime.now(UTC):%Y-%m-%d}", rows_per_request=ROWS_PER_REQUEST)]
    for name, by in told_apart().items():
        lines.append(f"[{name}]\n" + "".join(f"per_{what} = {value:g}\n" for what, value in by.items()))
    few, many = 320, 10_000
    short, long = seconds(few), seconds(many)
    each = (long - short) / ((many - few) / ROWS_PER_REQUEST)
    lines.append(f"[lambda_seconds]\nper_job = {short:.4g}\nper_chunk = 0\nper_request = {each:.4g}\n")
    MEASURED.write_text("\n".join(lines), encoding="utf-8")
    print(f"written: {MEASURED}")


if __name__ == "__main__":
    main()
