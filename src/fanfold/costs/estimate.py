"""What a file will take, before anything is spent (`make_estimate`), and what its job took (`Cost`).

Counts come from the file itself, cut and planned by the code that the functions run; what these take, and the prices,
from `fanfold_core.app.costs`; the time from the simulator (`simulation.py`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from fanfold.costs.simulation import SimulatedEndpoint, SimulatedJob, simulate
from fanfold.project import find_root
from fanfold_core.app.costs import instance_dollars, read_prices, services, taken
from fanfold_core.domain.chat import prompt_bytes
from fanfold_core.domain.requests import Request
from fanfold_core.input.json.text import read_json
from localaws import template
from localaws.scaling import declared

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fanfold.input.files import LocalFile
    from localaws.scaling import Policies

# With what an estimate is reckoned from, for those who reckon on.
__all__ = [
    "BYTES_PER_TOKEN",
    "EndpointPlan",
    "Estimate",
    "Workload",
    "count",
    "make_estimate",
    "project",
    "read_prices",
    "services",
    "taken",
]

_HOUR = 3600
# Of English, as language models split it. Of other languages and of code, a token has fewer.
BYTES_PER_TOKEN = 4
# Without backlog for so long, the endpoint goes to sleep: the instances that it has by then are paid for it.
_AWAKE_SECONDS = 900
_SAMPLE_CHUNKS = 2


@dataclass(frozen=True, slots=True)
class Workload:
    """What is in a file: rows, of which so many cannot be sent, the requests for the others, chunks, and bytes.

    `prompt_bytes` are those of the texts that a language model is given.
    """

    rows: int
    unsendable: int
    requests: int
    chunks: int
    request_bytes: int
    bytes: int = 0
    prompt_bytes: int = 0

    @property
    def prompt_tokens(self) -> int:
        """About how many tokens the prompts have: only the model's own tokenizer knows."""
        return round(self.prompt_bytes / BYTES_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class EndpointPlan:
    """The endpoint that does the work: rows that one instance works off a second, and how it scales.

    Without policies there are `instances` of it from the beginning; without a type, or a price for it, nobody knows
    what they cost.
    """

    instance_type: str | None
    rows_per_second: float
    concurrency: int = 4
    instances: int = 0
    policies: Policies | None = None
    window_chunks: int = 4
    ttl_seconds: int = 3600

    @classmethod
    def of_stack(
        cls,
        parameters: Mapping[str, str],
        rows_per_second: float,
        ttl_seconds: int,
        *,
        instances: int | None = None,
        instance_type: str | None = None,
    ) -> EndpointPlan:
        """The endpoint of a stack with these parameters, at such a speed; `instances` of it, always on, if given.

        How an endpoint of one's own scales is not known to the stack: it is taken to have an instance.
        """
        is_ours, described = not parameters.get("EndpointName"), template.read(find_root())
        policies = declared(described, parameters) if is_ours and instances is None else None
        of_type = {**parameters, "InstanceType": instance_type or parameters["InstanceType"]}
        configured = described["Resources"]["EndpointConfig"]["Properties"]["AsyncInferenceConfig"]["ClientConfig"]
        return cls(
            instance_type=instance_type or (parameters["InstanceType"] if is_ours else None),
            rows_per_second=rows_per_second,
            concurrency=int(template.evaluate(described, of_type, configured["MaxConcurrentInvocationsPerInstance"])),
            instances=policies.least if policies else instances or 1,
            policies=policies,
            window_chunks=int(parameters["WindowChunks"]),
            ttl_seconds=ttl_seconds,
        )


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


def project(file: LocalFile) -> Workload:
    """What is in a file, as its first chunks say; a compressed one is read to its end, since its size says little.

    `InputFileError` where it cannot be read.
    """
    if file.content.is_copied:
        return count(file)
    sample = count(file, most_chunks=_SAMPLE_CHUNKS)
    times = max(1.0, file.source.size / max(1, sample.bytes))
    return Workload(**{name: round(number * times) for name, number in asdict(sample).items()})


def count(
    file: LocalFile, seen: Callable[[int], None] = lambda _bytes: None, most_chunks: int | None = None
) -> Workload:
    """Read a file, to its end or so many chunks; `seen` is told of bytes as they go.

    `InputFileError` where it cannot be read.
    """
    rows = unsendable = requests = chunks = size = prompts = 0
    at = 0
    for number, piece in enumerate(islice(file.pieces(), most_chunks)):
        chunks += 1
        rows += piece.rows
        for planned in file.requests_of(number, piece):
            if isinstance(planned.content, Request):
                requests += 1
                size += len(planned.content.body)
                if file.options.payload:
                    prompts += prompt_bytes(read_json(planned.content.body.decode()))
            else:
                unsendable += len(planned.rows)
        seen(piece.end - at)
        at = piece.end
    return Workload(rows, unsendable, requests, chunks, size, at, prompts)


def make_estimate(
    work: Workload, rows_per_request: int, endpoint: EndpointPlan | None, architecture: str = "x86_64"
) -> Estimate:
    """What the workload will take on a stack in us-east-1."""
    prices = read_prices()
    dollars = services(work, prices, architecture)
    seconds = instance_seconds = None
    if endpoint is not None:
        seconds, instance_seconds = _course(work, rows_per_request, endpoint)
        of_instances = instance_dollars(endpoint.instance_type or "", instance_seconds)
        if of_instances is not None:
            dollars["instances"] = of_instances
    return Estimate(round(taken(work, "calls")), dollars, seconds, instance_seconds)


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


@dataclass(frozen=True, slots=True)
class Cost:
    """Dollars at the list `prices` of a region and day.

    `services` are all but the endpoint. `instance` is one instance of the stack's type during the `endpoint_seconds`
    from the first answer to the last; None where the endpoint, or the price of the type, isn't the stack's to know.
    Others beside it, waking and falling asleep come on top.

    `instance_hours` are what all instances of the endpoint ran while the job did, for whatever job; None where
    CloudWatch doesn't tell, or nobody asked, and `hours_unknown` says why.

    A job on a local cloud (`is_local`) cost nothing: `services` are what they would be on AWS.
    """

    services: float
    instance: float | None
    instance_type: str
    endpoint_seconds: int
    prices: str
    instance_hours: float | None = None
    hours_unknown: str = ""
    is_local: bool = False

    @classmethod
    def of(cls, summary: Mapping[str, Any], parameters: Mapping[str, str], *, is_local: bool = False) -> Cost | None:
        """What the summary of a job says, on a stack with these parameters; None for one that has no dollars yet."""
        if "dollars" not in summary:
            return None
        has_instances = not (is_local or parameters.get("EndpointName"))
        instance_type = parameters.get("InstanceType", "") if has_instances else ""
        seconds = summary["endpoint_seconds"]
        return cls(
            services=sum(summary["dollars"].values()),
            instance=instance_dollars(instance_type, seconds),
            instance_type=instance_type,
            endpoint_seconds=seconds,
            prices=summary["prices"],
            is_local=is_local,
        )

    @property
    def woken(self) -> float | None:
        """Dollars with an instance that woke for the job alone, as `make_estimate` reckons it."""
        awake = instance_dollars(self.instance_type, self.endpoint_seconds + _AWAKE_SECONDS)
        return None if awake is None else self.services + awake

    @property
    def counted(self) -> float | None:
        """Dollars for the hours that all instances ran; None where these, or the price, aren't known."""
        return (
            None if self.instance_hours is None else instance_dollars(self.instance_type, self.instance_hours * _HOUR)
        )

    def __str__(self) -> str:
        of_services = f"at least ${self.services:.4f} for services ({self._said_of_prices})"
        if self.is_local:
            return f"nothing on a local cloud; on AWS {of_services}, and the endpoint's instances"
        if self.instance is None or self.woken is None:
            unknown = self.instance_type and f"the price of {self.instance_type} is not known, and "
            return f"{of_services}; {unknown}the endpoint's instances come on top"
        if self.counted is not None:
            return (
                f"${self.services + self.counted:.4f} (${self.services:.4f} for services, ${self.counted:.4f} for the "
                f"{self.instance_hours:.2f} instance-hours of {self.instance_type} that the endpoint ran during the "
                f"job); its time until it sleeps comes on top ({self._said_of_prices})"
            )
        why = self.hours_unknown and f"; {self.hours_unknown}"
        return (
            f"at least ${self.services + self.instance:.4f} (${self.services:.4f} for services, ${self.instance:.4f} "
            f"for {self.endpoint_seconds:,} s of an {self.instance_type}); ${self.woken:.2f} if the endpoint woke for "
            f"this job ({self._said_of_prices}){why}"
        )

    @property
    def _said_of_prices(self) -> str:
        return f"{self.prices}, without free tiers"
