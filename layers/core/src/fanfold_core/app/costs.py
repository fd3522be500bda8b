"""What a job takes of AWS, in units and in dollars. Its endpoint's instances are counted by the sweeper alone.

What a request, a chunk and a job take is in `measured.toml`, list prices are in `prices.toml`. So these are estimates,
made before a job from what it will send, and afterwards from what it did send.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

# Megabytes of memory of a function, as template.yaml has it; a test compares.
FUNCTION_MEGABYTES = 1769
HOUR = 3600
# Without backlog for so many seconds, the endpoint goes to sleep: the instances that it has by then are paid for it.
AWAKE_SECONDS = 900
# Less isn't worth a line of its own.
_LEAST_DOLLARS = 0.0001


class Work(Protocol):
    """What costs are reckoned by."""

    @property
    def requests(self) -> int:
        """Requests to the endpoint."""

    @property
    def chunks(self) -> int:
        """Chunks that the file is cut into."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """What a job has sent."""

    requests: int
    chunks: int


def instance_dollars(instance_type: str, seconds: float) -> float | None:
    """Dollars for one instance that is there for so long; None for a type that has no price here.

    >>> instance_dollars("ml.g4dn.xlarge", 7200)
    1.472
    """
    hour = read_prices()["sagemaker"]["hour"].get(instance_type)
    return None if hour is None else seconds / HOUR * float(hour)


def job_services(requests: int, chunks: int) -> dict[str, float]:
    """Dollars for all but the endpoint of a job that has sent so much, by service, with functions on x86."""
    return services(_Sent(requests, chunks), read_prices(), "x86_64")


def services(work: Work, prices: Mapping[str, Any], architecture: str) -> dict[str, float]:
    """Dollars for all but the endpoint, by service."""
    gigabytes = FUNCTION_MEGABYTES / 1024
    return {
        "Lambda": taken(work, "lambda_seconds") * gigabytes * prices["lambda"]["gb_second"][architecture]
        + taken(work, "lambda_invocations") * prices["lambda"]["request"],
        "DynamoDB": taken(work, "dynamodb_write") * prices["dynamodb"]["write_unit"]
        + taken(work, "dynamodb_read") * prices["dynamodb"]["read_unit"],
        "SQS": taken(work, "sqs") * prices["sqs"]["request"],
        # The endpoint publishes each answer, and the assembler each event.
        "SNS": (work.requests + taken(work, "events")) * prices["sns"]["publish"],
        # The endpoint writes each answer, and a request too large to go inline is written and read.
        "S3": (taken(work, "s3_put") + work.requests) * prices["s3"]["put"]
        + taken(work, "s3_get") * prices["s3"]["get"],
        "EventBridge": taken(work, "events") * prices["eventbridge"]["event"],
    }


def cost_lines(dollars: Mapping[str, float]) -> dict[str, str]:
    """Dollars in words, by service; those that come to next to nothing share a line.

    >>> cost_lines({"S3": 0.0021, "SQS": 0.00001, "SNS": 0.00002})
    {'S3': '$0.0021', 'SQS, SNS': '<$0.0001'}
    """
    small = [service for service, amount in dollars.items() if amount < _LEAST_DOLLARS]
    shown = {service: in_dollars(amount) for service, amount in dollars.items() if service not in small}
    return shown | ({", ".join(small): in_dollars(sum(dollars[service] for service in small))} if small else {})


def in_dollars(amount: float) -> str:
    """An amount in words, wherever there is one: of a dollar its cents, and of less two digits more.

    >>> in_dollars(1_234.5), in_dollars(0.25), in_dollars(0.00007), in_dollars(0.00001)
    ('$1,234.50', '$0.2500', '$0.0001', '<$0.0001')
    """
    if 0 < amount < _LEAST_DOLLARS / 2:
        return f"<${_LEAST_DOLLARS}"
    return f"${amount:,.4f}" if amount < 1 else f"${amount:,.2f}"


def taken(work: Work, what: str) -> float:
    """How much of something measured some work takes: for the job, its chunks and its requests."""
    each = _read("measured.toml")[what]
    return float(each["per_job"] + work.chunks * each["per_chunk"] + work.requests * each["per_request"])


def read_prices() -> dict[str, Any]:
    """The prices, by service; `date` and `region` say when and where they held."""
    return _read("prices.toml")


@cache
def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))
