"""What a file will take: requests, calls, dollars and time, before anything is spent.

Counts come from the file itself, cut and planned by the code that the functions run; what a request, a chunk and a job
take from `measured.toml`; prices from `prices.toml`; the time from the simulator (`simulation.py`).
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from fanfold.simulation import SimulatedEndpoint, SimulatedJob, simulate
from fanfold_core.domain.requests import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fanfold.files import LocalFile
    from fanfold.scaling import Policies

# Megabytes of memory of a function, as template.yaml has it; a test compares.
FUNCTION_MEGABYTES = 1769
_HOUR = 3600
# Without backlog for so long, the endpoint goes to sleep: the instances that it has by then are paid for it.
_AWAKE_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Workload:
    """What is in a file: rows, of which so many cannot be sent, the requests for the others, and chunks."""

    rows: int
    unsendable: int
    requests: int
    chunks: int
    request_bytes: int


@dataclass(frozen=True, slots=True)
class EndpointPlan:
    """The endpoint that does the work: rows that one instance works off a second, and how it scales.

    Without policies there are `instances` of it from the beginning; without a type, nobody knows what they cost.
    """

    instance_type: str | None
    rows_per_second: float
    concurrency: int = 4
    instances: int = 0
    policies: Policies | None = None
    window_chunks: int = 4
    ttl_seconds: int = 3600


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a workload will take. Dollars by what they are for; time and instances only where an endpoint is known.

    `seconds` last from the upload to the last row, None also if the endpoint will not be done in a month.
    `instance_seconds` include the time until it is asleep again.
    """

    calls: int
    dollars: dict[str, float]
    seconds: float | None
    instance_seconds: float | None

    @property
    def total(self) -> float:
        """All dollars."""
        return sum(self.dollars.values())


def count(file: LocalFile, seen: Callable[[int], None] = lambda _bytes: None) -> Workload:
    """Read a file to its end; `seen` is told of bytes as they go. `InputFileError` where it cannot be read."""
    rows = unsendable = requests = chunks = size = 0
    at = 0
    for number, piece in enumerate(file.pieces()):
        chunks += 1
        rows += piece.rows
        for planned in file.requests_of(number, piece):
            if isinstance(planned.content, Request):
                requests += 1
                size += len(planned.content.body)
            else:
                unsendable += planned.rows
        seen(piece.end - at)
        at = piece.end
    return Workload(rows, unsendable, requests, chunks, size)


def estimate(
    work: Workload, rows_per_request: int, endpoint: EndpointPlan | None, architecture: str = "x86_64"
) -> Estimate:
    """What the workload will take on a stack in us-east-1."""
    prices = read_prices()
    dollars = services(work, prices, architecture)
    seconds = instance_seconds = None
    if endpoint is not None:
        seconds, instance_seconds = _course(work, rows_per_request, endpoint)
        if endpoint.instance_type is not None:
            dollars["instances"] = instance_seconds / _HOUR * prices["sagemaker"]["hour"][endpoint.instance_type]
    return Estimate(round(taken(work, "calls")), dollars, seconds, instance_seconds)


def services(work: Workload, prices: Mapping[str, Any], architecture: str) -> dict[str, float]:
    """Dollars for all but the endpoint, by service."""
    gigabytes = FUNCTION_MEGABYTES / 1024
    return {
        "Lambda": taken(work, "lambda_seconds") * gigabytes * prices["lambda"]["gb_second"][architecture]
        + taken(work, "lambda_invocations") * prices["lambda"]["request"],
        "DynamoDB": taken(work, "dynamodb_write") * prices["dynamodb"]["write_unit"]
        + taken(work, "dynamodb_read") * prices["dynamodb"]["read_unit"],
        "SQS": taken(work, "sqs") * prices["sqs"]["request"],
        # The endpoint publishes each answer.
        "SNS": work.requests * prices["sns"]["publish"],
        # The endpoint writes each answer, and a request too large to go inline is written and read.
        "S3": (taken(work, "s3_put") + work.requests) * prices["s3"]["put"]
        + taken(work, "s3_get") * prices["s3"]["get"],
        "EventBridge": taken(work, "events") * prices["eventbridge"]["event"],
    }


def taken(work: Workload, what: str) -> float:
    """How much of something measured a workload takes: for the job, its chunks and its requests."""
    each = _read("measured.toml")[what]
    return float(each["per_job"] + work.chunks * each["per_chunk"] + work.requests * each["per_request"])


def read_prices() -> dict[str, Any]:
    """The prices, by service; `date` and `region` say when and where they held."""
    return _read("prices.toml")


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files("fanfold").joinpath(name).read_text(encoding="utf-8"))


def _course(work: Workload, rows_per_request: int, endpoint: EndpointPlan) -> tuple[float | None, float]:
    """Seconds until the last row is there, and seconds of all instances together."""
    # An instance works on several requests at once, so each takes as many times longer.
    request_seconds = rows_per_request * endpoint.concurrency / endpoint.rows_per_second
    simulated = SimulatedEndpoint(request_seconds, endpoint.concurrency, endpoint.instances, endpoint.policies)
    # Rows in as many requests as there will be: those that cannot be sent take no time, and shorter ones a little less.
    job = SimulatedJob(max(1, work.requests) * rows_per_request, rows_per_request, endpoint.ttl_seconds)
    course = simulate(simulated, [job], window_chunks=endpoint.window_chunks)
    after = course.instances[-1][1] * _AWAKE_SECONDS if endpoint.policies and not endpoint.policies.least else 0
    return course.jobs[0].finished, course.instance_seconds + after
