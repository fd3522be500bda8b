"""Scale on paper: what a million, a hundred million and a billion rows take, and which limit is reached first.

Calls, invocations and seconds of functions are what `costs.py` has measured (`fanfold_core/app/measured.toml`), prices
are those of `prices.toml` beside it. What others take is computed from their documented limits and the same prices.
"""

from __future__ import annotations

from dataclasses import dataclass

from fanfold.costs.estimate import Workload
from fanfold_core.app.costs import read_prices, services, taken

ROWS = (1_000_000, 100_000_000, 1_000_000_000)
ROWS_PER_REQUEST, ROWS_PER_CHUNK, BYTES_PER_ROW = 32, 10_000, 100
# Rows that the endpoint works off a second: five instances, the template's most, of 500 each.
ENDPOINT_ROWS_PER_SECOND = 2_500
CALL_SECONDS = 0.020
# Of each function as many at once as template.yaml's MaximumConcurrency lets run; the collector has most to do.
COLLECTORS = 10
# The SDK's loop: a PUT, an invocation and a GET for each row, and SageMaker's PUT of the answer.
LOOP_CALLS = 3
# For the calls to S3.
BATCH_TRANSFORM = 0.01
INSTANCE, INSTANCE_CORES = "ml.c5.xlarge", 4
STATE_TRANSITION = 0.025 / 1000
TRANSITIONS_PER_CHILD = 2


@dataclass(frozen=True, slots=True)
class Scale:
    """What so many rows take of Fanfold. `dollars` are per million rows, without the endpoint."""

    rows: int
    calls: float
    invocations: float
    functions_seconds: float
    dollars: float

    @property
    def seconds(self) -> float:
        """Wall-clock: the endpoint's own time, or that of ten collectors side by side if that is longer."""
        return max(self.rows / ENDPOINT_ROWS_PER_SECOND, self.functions_seconds / COLLECTORS)


def scale(rows: int) -> Scale:
    """What a file of so many rows takes."""
    requests, chunks = -(-rows // ROWS_PER_REQUEST), -(-rows // ROWS_PER_CHUNK)
    work = Workload(rows, 0, requests, chunks, rows * BYTES_PER_ROW)
    dollars = sum(services(work, read_prices(), "x86_64").values())
    seconds, invocations = taken(work, "lambda_seconds"), taken(work, "lambda_invocations")
    return Scale(rows, taken(work, "calls"), invocations, seconds, dollars / rows * 1e6)


def table() -> str:
    """All of it as Markdown."""
    lines = [
        "| rows | calls to AWS | function invocations | hours of functions | wall-clock | $ per million rows |",
        "|---|---|---|---|---|---|",
    ]
    for found in map(scale, ROWS):
        hours = found.functions_seconds / 3600
        cells = (f"{found.rows:,}", f"{found.calls:,.0f}", f"{found.invocations:,.0f}", f"{hours:,.1f}")
        lines.append(f"| {' | '.join(cells)} | {duration(found.seconds)} | {found.dollars:.2f} |")
    return "\n".join(lines)


def others() -> str:
    """The same rows with what people use today, as Markdown."""
    prices = read_prices()
    loop = 1e6 * (2 * prices["s3"]["put"] + prices["s3"]["get"])
    children = 1e6 / ROWS_PER_REQUEST
    ours, inside = scale(ROWS[0]).dollars, children * prices["sqs"]["request"]
    states = children * TRANSITIONS_PER_CHILD * STATE_TRANSITION + children * prices["lambda"]["request"] + inside
    times = [duration(rows * LOOP_CALLS * CALL_SECONDS) for rows in ROWS]
    own = "depends on the model"
    limit = f"one run: 100 million items, 10 GB ({10 * 1024**3 / BYTES_PER_ROW / 1e6:.0f} million such rows)"
    return "\n".join(
        [
            "| | $ per million rows | 1 million | 100 million | 1 billion |",
            "|---|---|---|---|---|",
            f"| Fanfold | {ours:.2f} | {' | '.join(duration(scale(rows).seconds) for rows in ROWS)} |",
            f"| SDK loop, one call after the other | {loop:.2f} | {' | '.join(times)} |",
            f"| Batch Transform | {BATCH_TRANSFORM:.2f} | {own} | {own} | {own}, in many files |",
            f"| Distributed Map, {ROWS_PER_REQUEST} rows each | {states:.2f} | {own} | {limit} | ten runs |",
        ]
    )


def with_endpoint(batched: float, single: float) -> str:
    """A million rows with the instances that compute them, as Markdown.

    Rows per second of one core are given for a job of Fanfold's, and for a container that is sent text by text.
    """
    prices = read_prices()
    hour, million = prices["sagemaker"]["hour"][INSTANCE], 1_000_000
    loop = million * (2 * prices["s3"]["put"] + prices["s3"]["get"])
    # A loop waits for its calls and then for the model, which computes nothing in between.
    waiting = 1 / (1 / single + LOOP_CALLS * CALL_SECONDS)
    sides = {
        "Fanfold": (scale(million).dollars, batched * INSTANCE_CORES),
        "SDK loop, one call after the other": (loop, waiting),
        f"SDK loop, {INSTANCE_CORES} threads": (loop, waiting * INSTANCE_CORES),
        "Batch Transform": (BATCH_TRANSFORM, single * INSTANCE_CORES),
    }
    lines = [
        "| | rows per second | hours | $ for the instance | $ for the rest | $ per million rows |",
        "|---|---|---|---|---|---|",
    ]
    for side, (rest, speed) in sides.items():
        seconds = million / speed
        instance = seconds / 3600 * hour
        cells = (f"{speed:.1f}", f"{seconds / 3600:.1f}", f"{instance:.2f}", f"{rest:.2f}", f"{instance + rest:.2f}")
        lines.append(f"| {side} | {' | '.join(cells)} |")
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """In words that can be compared at a glance.

    >>> duration(5400)
    '1.5 hours'
    """
    for unit, size in (("years", 365 * 86_400), ("days", 2 * 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= size:
            return f"{seconds / (86_400 if unit == 'days' else size):.1f} {unit}"
    return f"{seconds:.0f} seconds"


if __name__ == "__main__":
    print(table(), others(), sep="\n\n")
