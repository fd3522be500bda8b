"""Application Auto Scaling for the local endpoint: its metrics, and what the stack's policies make of them.

Time runs faster than real, for an endpoint that goes to sleep takes a quarter of an hour to do so.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from fanfold.local.credentials import LocalSession
from fanfold.local.endpoint import AsyncEndpointServer

logger = logging.getLogger(__name__)

MINUTE = 60
# Minutes until an instance is in service; SageMaker takes about so long for a container of some gigabytes.
START_MINUTES = 4
# The two alarms of a target tracking policy: minutes above the target, and minutes below so much of it.
_HIGH_MINUTES, _LOW_MINUTES, _LOW_SHARE = 3, 15, 0.9

Listener = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Minute:
    """What CloudWatch learns of an endpoint in a minute. `oldest` is the age of the oldest request in seconds."""

    backlog: int
    instances: int
    oldest: float = 0.0

    @property
    def per_instance(self) -> float | None:
        """Not measured while there is no instance: that is why there is `without_capacity`."""
        return self.backlog / self.instances if self.instances else None

    @property
    def without_capacity(self) -> int:
        """1 if requests wait and nobody is there to work on them."""
        return int(self.backlog > 0 and self.instances == 0)

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics by their names in the namespace AWS/SageMaker."""
        measured = {
            "ApproximateBacklogSize": float(self.backlog),
            "ApproximateAgeOfOldestRequest": self.oldest,
            "HasBacklogWithoutCapacity": float(self.without_capacity),
        }
        if self.per_instance is not None:
            measured["ApproximateBacklogSizePerInstance"] = self.per_instance
        return measured


@dataclass(frozen=True, slots=True)
class Tracking:
    """A target tracking policy on the backlog per instance; cooldowns in minutes."""

    target: float
    in_cooldown: float
    out_cooldown: float


@dataclass(frozen=True, slots=True)
class Step:
    """A step policy, and its alarm on HasBacklogWithoutCapacity; `minutes` of it call for `adjustment` instances."""

    minutes: int
    threshold: float
    adjustment: int
    cooldown: float


@dataclass(slots=True)
class Policies:
    """Decides how many instances an endpoint should have, from `least` to `most`."""

    least: int
    most: int
    tracking: Tracking | None = None
    step: Step | None = None
    _last_out: float = -1e9
    _last_in: float = -1e9

    def desired(self, now: int, history: Sequence[Minute]) -> int:
        """The number of instances wanted in minute `now`, of which `history` ends with the last.

        Example:
            >>> policies = Policies(0, 5, step=Step(minutes=2, threshold=1, adjustment=1, cooldown=5))
            >>> policies.desired(2, [Minute(backlog=3, instances=0)] * 2)
            1
        """
        instances = history[-1].instances
        wanted = min(self.most, max(self.least, self._wanted(now, history)))
        if wanted > instances:
            self._last_out = now
        elif wanted < instances:
            self._last_in = now
        return wanted

    def _wanted(self, now: int, history: Sequence[Minute]) -> int:
        instances = history[-1].instances
        if (step := self.step) and now - self._last_out >= step.cooldown:
            recent = history[-step.minutes :]
            if len(recent) == step.minutes and all(minute.without_capacity >= step.threshold for minute in recent):
                return instances + step.adjustment
        if (tracking := self.tracking) and (measured := history[-1].per_instance) is not None:
            proportional = ceil(instances * measured / tracking.target)
            if _holds(history, _HIGH_MINUTES, lambda value: value > tracking.target):
                return proportional if now - self._last_out >= tracking.out_cooldown else instances
            if _holds(history, _LOW_MINUTES, lambda value: value < tracking.target * _LOW_SHARE):
                return min(instances, proportional) if now - self._last_in >= tracking.in_cooldown else instances
        return instances


def _holds(history: Sequence[Minute], minutes: int, condition: Callable[[float], bool]) -> bool:
    recent = [minute.per_instance for minute in history[-minutes:]]
    return len(recent) == minutes and all(value is not None and condition(value) for value in recent)


@dataclass(slots=True)
class _Endpoint:
    """An endpoint that scales, its history, and the instances that are on their way: how many, and when they come."""

    name: str
    policies: Policies
    history: deque[Minute] = field(default_factory=lambda: deque(maxlen=_LOW_MINUTES))
    starting: tuple[int, int] | None = None


class ScalingSimulation:
    """Lets the endpoints of a stack scale as their policies say, a minute every `60 / speed` seconds.

    Example:
        >>> simulation = ScalingSimulation(session, endpoint_server, speed=60, listener=print)
        >>> simulation.start()
    """

    def __init__(self, session: LocalSession, server: AsyncEndpointServer, speed: float, listener: Listener) -> None:
        """Read the stack's scalable targets, policies and alarms; `listener` is told of every change in a line."""
        self._cloudwatch = session.client("cloudwatch")
        self._server = server
        self._speed = speed
        self._tell = listener
        self._endpoints = list(_endpoints(session))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scaling")

    def start(self) -> None:
        """Let time run."""
        self._thread.start()

    def stop(self) -> None:
        """Let it stand still; instances stay as they are."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        now = 0
        while not self._stopping.wait(MINUTE / self._speed):
            now += 1
            for endpoint in self._endpoints:
                try:
                    self._pass(now, endpoint)
                except (ClientError, BotoCoreError) as error:
                    logger.error("scaling of %s: %s", endpoint.name, error)  # noqa: TRY400 # the message says it

    def _pass(self, now: int, endpoint: _Endpoint) -> None:
        load = self._server.load(endpoint.name)
        minute = Minute(load.waiting, load.instances, load.oldest * self._speed)
        endpoint.history.append(minute)
        self._publish(endpoint.name, minute)
        if endpoint.starting:
            # SageMaker doesn't scale an endpoint that it is still changing.
            count, ready = endpoint.starting
            if now >= ready:
                endpoint.starting = None
                self._set(now, endpoint, load.instances, count)
            return
        wanted = endpoint.policies.desired(now, list(endpoint.history))
        if wanted > load.instances:
            endpoint.starting = (wanted, now + START_MINUTES)
            self._tell(f"minute {now}: {endpoint.name} has a backlog of {load.waiting} and starts an instance")
        elif wanted < load.instances:
            self._set(now, endpoint, load.instances, wanted)

    def _set(self, now: int, endpoint: _Endpoint, before: int, after: int) -> None:
        self._server.set_instances(endpoint.name, after)
        self._tell(f"minute {now}: {endpoint.name} has gone from {before} to {after} instances")

    def _publish(self, endpoint: str, minute: Minute) -> None:
        dimensions = [{"Name": "EndpointName", "Value": endpoint}]
        self._cloudwatch.put_metric_data(
            Namespace="AWS/SageMaker",
            MetricData=[
                {"MetricName": name, "Value": value, "Dimensions": dimensions} for name, value in minute.metrics.items()
            ],
        )


def _endpoints(session: LocalSession) -> Iterator[_Endpoint]:
    scaling = session.client("application-autoscaling")
    for target in scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]:
        resource = target["ResourceId"]
        found = scaling.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=resource)["ScalingPolicies"]
        policies = Policies(target["MinCapacity"], target["MaxCapacity"])
        for policy in found:
            if policy["PolicyType"] == "TargetTrackingScaling":
                policies.tracking = _tracking(policy["TargetTrackingScalingPolicyConfiguration"])
            else:
                policies.step = _step(policy["StepScalingPolicyConfiguration"], _alarm(session, policy["PolicyARN"]))
        yield _Endpoint(resource.split("/")[1], policies)


def _tracking(configuration: dict[str, Any]) -> Tracking:
    return Tracking(
        target=float(configuration["TargetValue"]),
        in_cooldown=float(configuration["ScaleInCooldown"]) / MINUTE,
        out_cooldown=float(configuration["ScaleOutCooldown"]) / MINUTE,
    )


def _step(configuration: dict[str, Any], alarm: dict[str, Any]) -> Step:
    return Step(
        minutes=alarm["EvaluationPeriods"] * alarm["Period"] // MINUTE,
        threshold=alarm["Threshold"],
        adjustment=int(configuration["StepAdjustments"][0]["ScalingAdjustment"]),
        cooldown=float(configuration["Cooldown"]) / MINUTE,
    )


def _alarm(session: LocalSession, policy_arn: str) -> dict[str, Any]:
    """The alarm that sets a step policy off."""
    pages = session.client("cloudwatch").get_paginator("describe_alarms").paginate()
    alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
    return next(alarm for alarm in alarms if policy_arn in alarm["AlarmActions"])
