"""Application Auto Scaling for the local endpoint: its metrics, and what the stack's policies make of them.

Time runs faster than real, for an endpoint that goes to sleep takes a quarter of an hour to do so.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from fanfold.local.credentials import LocalSession
from fanfold.local.endpoint import AsyncEndpointServer
from fanfold.scaling import LONGEST_MEMORY, MINUTE, START_MINUTES, Minute, Policies, Step, Tracking

logger = logging.getLogger(__name__)

Listener = Callable[[str], None]


@dataclass(slots=True)
class _Endpoint:
    """An endpoint that scales, its history, and the instances that are on their way: how many, and when they come."""

    name: str
    policies: Policies
    history: deque[Minute] = field(default_factory=lambda: deque(maxlen=LONGEST_MEMORY))
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
                policies.tracking = Tracking.read(policy["TargetTrackingScalingPolicyConfiguration"])
            else:
                policies.step = Step.read(
                    policy["StepScalingPolicyConfiguration"], _alarm(session, policy["PolicyARN"])
                )
        yield _Endpoint(resource.split("/")[1], policies)


def _alarm(session: LocalSession, policy_arn: str) -> dict[str, Any]:
    """The alarm that sets a step policy off."""
    pages = session.client("cloudwatch").get_paginator("describe_alarms").paginate()
    alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
    return next(alarm for alarm in alarms if policy_arn in alarm["AlarmActions"])
