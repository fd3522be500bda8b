"""What a file will take, before anything is spent (`make_estimate`).

Counts come from the file itself, cut and planned by the code that the functions run; what these take, and the prices,
from `fanfold_core.app.costs`; the time from the simulator (`simulation.py`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import islice
from math import ceil
from typing import TYPE_CHECKING, Self

from fanfold.costs.cost import with_an_instance, without_instances
from fanfold.costs.simulation import SimulatedEndpoint, SimulatedJob, simulate
from fanfold.project import find_root
from fanfold_core.app.costs import AWAKE_SECONDS, in_dollars, instance_dollars, read_prices, services, taken
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

# Beside services, what dollars are for.
INSTANCES = "instances"
# Of English, as language models split it. Of other languages and of code, a token has fewer.
BYTES_PER_TOKEN = 4
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

    def __add__(self, other: Self) -> Self:
        found = asdict(other)
        return replace(self, **{name: number + found[name] for name, number in asdict(self).items()})


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

    @property
    def sleeps(self) -> bool:
        """Whether it has no instance without work, and wakes for a job."""
        return self.policies is not None and not self.policies.least


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a workload will take. Dollars by what they are for; time and instances only where an endpoint is known.

    `seconds` last from the upload to the last row, None also if the endpoint will not be done in a month.
    `instance_seconds` include the time until it is asleep again if it `wakes` for the job; `working_seconds` are those
    that one instance takes for the rows, rounded up.
    """

    calls: int
    dollars: dict[str, float]
    seconds: float | None
    instance_seconds: float | None
    working_seconds: int | None = None
    instance_type: str | None = None
    wakes: bool = False

    @property
    def total(self) -> float:
        """All dollars."""
        return sum(self.dollars.values())

    @property
    def services(self) -> float:
        """Dollars for all but the endpoint."""
        return self.total - self.dollars.get(INSTANCES, 0)

    @property
    def at_least(self) -> float:
        """Dollars for the services, and for an instance while it works, as far as that is known."""
        return self.services + (instance_dollars(self.instance_type or "", self.working_seconds or 0) or 0)

    def __str__(self) -> str:
        prices = read_prices()
        said_of_prices = f"{prices['region']}, {prices['date']}, without free tiers"
        if INSTANCES not in self.dollars:
            return without_instances(self.services, said_of_prices, self.instance_type or "")
        when = "if the endpoint wakes for this job" if self.wakes else "with all instances until its last row"
        working = with_an_instance(self.services, self.at_least, self.working_seconds or 0, self.instance_type)
        return f"{working}; {in_dollars(self.total)} {when} ({said_of_prices})"


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
    work: Workload,
    rows_per_request: int,
    endpoint: EndpointPlan | None,
    architecture: str = "x86_64",
    most_simulated: int | None = None,
) -> Estimate:
    """What the workload will take on a stack in us-east-1.

    Of more than `most_simulated` requests, these are simulated, and the others take as long.
    """
    dollars, calls = services(work, read_prices(), architecture), round(taken(work, "calls"))
    if endpoint is None:
        return Estimate(calls, dollars, None, None)
    # Rows that share an input are sent once, and those that cannot be sent take no time.
    rows = min(work.rows - work.unsendable, work.requests * rows_per_request)
    simulated = max(1, min(rows, (most_simulated or work.requests) * rows_per_request))
    seconds, simulated_seconds = _course(simulated, max(1, rows) / simulated, rows_per_request, endpoint)
    working_seconds = ceil(rows / endpoint.rows_per_second)
    # However slow the endpoint is, nothing works on less.
    instance_seconds = max(simulated_seconds, working_seconds)
    of_instances = instance_dollars(endpoint.instance_type or "", instance_seconds)
    if of_instances is not None:
        dollars[INSTANCES] = of_instances
    return Estimate(
        calls,
        dollars,
        seconds,
        instance_seconds,
        working_seconds=working_seconds,
        instance_type=endpoint.instance_type,
        wakes=endpoint.sleeps,
    )


def _course(rows: int, times: float, rows_per_request: int, endpoint: EndpointPlan) -> tuple[float | None, float]:
    """Seconds until the last of so many times so many rows is there, and seconds of all instances together."""
    # An instance works on several requests at once, so each takes as many times longer.
    request_seconds = rows_per_request * endpoint.concurrency / endpoint.rows_per_second
    simulated = SimulatedEndpoint(request_seconds, endpoint.concurrency, endpoint.instances, endpoint.policies)
    job = SimulatedJob(rows, rows_per_request, endpoint.ttl_seconds)
    course = simulate(simulated, [job], window_chunks=endpoint.window_chunks)
    after = course.instances[-1][1] * AWAKE_SECONDS if endpoint.sleeps else 0
    finished = course.jobs[0].finished
    return finished and finished * times, course.instance_seconds * times + after
