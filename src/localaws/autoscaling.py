"""Application Auto Scaling for the local endpoints, and the instances that SageMaker starts and ends for it.

Time runs faster than real, for an endpoint that goes to sleep takes a quarter of an hour to do so.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.credentials import LocalSession
from localaws.endpoint.requests import ValidationError
from localaws.endpoint.server import AsyncEndpointServer
from localaws.scaling import LONGEST_MEMORY, MINUTE, START_MINUTES, Minute, Policies, Step, Tracking

logger = logging.getLogger(__name__)

TRACKED = "ApproximateBacklogSizePerInstance"

Listener = Callable[[str], None]


@dataclass(slots=True)
class _Endpoint:
    """An endpoint that scales, its history, and the instances that are on their way: how many, and when they come."""

    name: str
    variant: str
    policies: Policies
    history: deque[Minute] = field(default_factory=lambda: deque(maxlen=LONGEST_MEMORY))
    starting: tuple[int, int] | None = None


# Is told how many instances a variant of an endpoint has by now.
Reporter = Callable[[str, str, int], None]


class ScalingSimulation:
    """Lets every endpoint with a scalable target scale as its policies say, a minute every `60 / speed` seconds.

    Example:
        >>> simulation = ScalingSimulation(session, endpoint_server, server.set_instances, speed=60, listener=print)
        >>> simulation.start()
    """

    def __init__(
        self,
        session: LocalSession,
        server: AsyncEndpointServer,
        reporter: Reporter,
        speed: float,
        listener: Listener,
    ) -> None:
        """Take what may scale; `reporter` makes the instances known, `listener` is told of every change in a line."""
        self._registry = _Registry(session)
        self._sagemaker = session.client("sagemaker")
        self._cloudwatch = session.client("cloudwatch")
        self._server = server
        self._report = reporter
        self._speed = speed
        self._tell = listener
        self._endpoints: dict[str, _Endpoint] = {}
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
            try:
                for resource, policies in self._registry.policies().items():
                    self._pass(now, resource, policies)
            except (ClientError, BotoCoreError) as error:
                logger.error("scaling: %s", error)  # noqa: TRY400 # the message says it

    def _pass(self, now: int, resource: str, policies: Policies) -> None:
        _, name, _, variant = resource.split("/")
        try:
            load = self._server.load(name)
        except ValidationError:
            # The endpoint is deleted, or not created yet; its target may be registered all the same.
            self._endpoints.pop(resource, None)
            return
        endpoint = self._endpoints.get(resource)
        if endpoint is None:
            endpoint = self._endpoints[resource] = _Endpoint(name, variant, policies)
            self._report(name, variant, load.instances)
        if policies != endpoint.policies:
            endpoint.policies = policies
        minute = Minute(load.waiting + load.running, load.instances, load.oldest * self._speed)
        endpoint.history.append(minute)
        self._publish(name, minute)
        if endpoint.starting:
            # SageMaker doesn't scale an endpoint that it is still changing.
            count, ready = endpoint.starting
            if now >= ready:
                endpoint.starting = None
                self._set(now, endpoint, load.instances, count)
            return
        wanted, why = self._desired(endpoint, load.instances), "is woken"
        if wanted == load.instances:
            wanted, why = endpoint.policies.desired(now, list(endpoint.history)), f"has a backlog of {minute.backlog}"
            if wanted != load.instances:
                self._update(endpoint, wanted)
        if wanted > load.instances:
            endpoint.starting = (wanted, now + START_MINUTES)
            self._tell(f"minute {now}: {name} {why} and starts an instance")
        elif wanted < load.instances:
            self._set(now, endpoint, load.instances, wanted)

    def _desired(self, endpoint: _Endpoint, instances: int) -> int:
        """How many instances the last call asked for, whoever made it; those that there are if none did."""
        variants = self._sagemaker.describe_endpoint(EndpointName=endpoint.name)["ProductionVariants"]
        found = (it.get("DesiredInstanceCount", instances) for it in variants if it["VariantName"] == endpoint.variant)
        return int(next(found, instances))

    def _update(self, endpoint: _Endpoint, count: int) -> None:
        self._sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=endpoint.name,
            DesiredWeightsAndCapacities=[{"VariantName": endpoint.variant, "DesiredInstanceCount": count}],
        )

    def _set(self, now: int, endpoint: _Endpoint, before: int, after: int) -> None:
        self._server.set_instances(endpoint.name, after)
        # What DescribeEndpoint tells from now on.
        self._report(endpoint.name, endpoint.variant, after)
        self._tell(f"minute {now}: {endpoint.name} has gone from {before} to {after} instances")

    def _publish(self, name: str, minute: Minute) -> None:
        dimensions = [{"Name": "EndpointName", "Value": name}]
        self._cloudwatch.put_metric_data(
            Namespace="AWS/SageMaker",
            MetricData=[
                {"MetricName": metric, "Value": value, "Dimensions": dimensions}
                for metric, value in minute.metrics.items()
            ],
        )


class _Registry:
    """What is registered with Application Auto Scaling, by a stack or by anybody's calls."""

    def __init__(self, session: LocalSession) -> None:
        self._scaling = session.client("application-autoscaling")
        self._cloudwatch = session.client("cloudwatch")
        self._warned: set[str] = set()

    def policies(self) -> dict[str, Policies]:
        """The policies of each scalable target, by its resource: `endpoint/NAME/variant/NAME`."""
        targets = self._scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        return {target["ResourceId"]: self._policies(target) for target in targets}

    def _policies(self, target: dict[str, Any]) -> Policies:
        found = self._scaling.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=target["ResourceId"])[
            "ScalingPolicies"
        ]
        policies = Policies(target["MinCapacity"], target["MaxCapacity"])
        for policy in found:
            if step := policy.get("StepScalingPolicyConfiguration"):
                if alarm := self._alarm(policy["PolicyARN"]):
                    policies.step = Step.read(step, alarm)
            else:
                tracking = policy["TargetTrackingScalingPolicyConfiguration"]
                if tracking.get("CustomizedMetricSpecification", {}).get("MetricName") == TRACKED:
                    policies.tracking = Tracking.read(tracking)
                else:
                    self._warn(f"policy {policy['PolicyName']} has no effect here: it doesn't track {TRACKED}")
        return policies

    def _alarm(self, policy_arn: str) -> dict[str, Any] | None:
        """The alarm that sets a step policy off, if there is one yet."""
        pages = self._cloudwatch.get_paginator("describe_alarms").paginate()
        alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
        return next((alarm for alarm in alarms if policy_arn in alarm["AlarmActions"]), None)

    def _warn(self, words: str) -> None:
        if words not in self._warned:
            self._warned.add(words)
            logger.warning(words)
