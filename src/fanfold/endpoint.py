"""A stack's endpoint, started before a file comes: one that has scaled to zero takes minutes to have an instance."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Self

from botocore.exceptions import BotoCoreError, ClientError

from fanfold.errors import WakeError
from fanfold.stacks import DENIED
from fanfold.terminal import spinner, stderr
from fanfold_core.input.errors import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker.type_defs import DescribeEndpointOutputTypeDef

    from fanfold.stacks import Stack

IN_SERVICE = "InService"
# While SageMaker changes an endpoint; `RollingBack` ends in `InService`, without what was asked for.
_CHANGING = {"Creating", "Updating", "SystemUpdating", "RollingBack"}
_PAUSE_SECONDS, _SECONDS_BETWEEN_LINES = 5.0, 60.0
# For so long, an endpoint may look as it did before it was asked to change.
_GRACE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """What SageMaker says of an endpoint: its instances, and how many it is to have. `reason` is of what failed."""

    name: str
    variant: str
    status: str
    instances: int
    desired: int
    reason: str

    @classmethod
    def of(cls, described: DescribeEndpointOutputTypeDef) -> Self:
        """What an answer of DescribeEndpoint says; of several variants, all instances, and the name of the first."""
        variants = described.get("ProductionVariants", [])
        return cls(
            name=described["EndpointName"],
            variant=variants[0]["VariantName"] if variants else "",
            status=described["EndpointStatus"],
            instances=sum(variant.get("CurrentInstanceCount", 0) for variant in variants),
            desired=sum(variant.get("DesiredInstanceCount", 0) for variant in variants),
            reason=described.get("FailureReason", ""),
        )

    @property
    def is_awake(self) -> bool:
        """Whether it has an instance, and is to keep it."""
        return bool(self.instances and self.desired)

    def __str__(self) -> str:
        """In words."""
        return f"endpoint {self.name} is {self.status} and has {counted(self.instances, 'instance')}"


class Waking:
    """Starts an instance of a stack's endpoint that has none, and waits for it.

    Example:
        >>> waking = Waking(stack)
        >>> str(waking.start())
        'endpoint fanfold is Updating and has 0 instances'
        >>> waking.wait().instances
        1
    """

    def __init__(self, stack: Stack, timeout: float | None = None) -> None:
        """Take the stack, and for how many seconds to wait, None for as long as it takes; nothing is asked yet."""
        self._name, self._timeout = stack.endpoint, timeout
        self._client: SageMakerClient = stack.client("sagemaker")
        self._began = self._said = time.monotonic()
        self._last_status, self._has_changed = "", False

    def look(self) -> EndpointStatus:
        """How the endpoint is now; `WakeError` if it cannot be described."""
        with self._asking("sagemaker:DescribeEndpoint"):
            return EndpointStatus.of(self._client.describe_endpoint(EndpointName=self._name))

    def start(self) -> EndpointStatus:
        """Ask for an instance, unless there is one or one is on its way; the status after it.

        `WakeError` if SageMaker refuses, or is changing the endpoint otherwise.
        """
        now = self.look()
        if now.is_awake or (now.desired and now.status in _CHANGING):
            return now
        if now.status != IN_SERVICE:
            raise WakeError(f"{now}: it can be woken when it is {IN_SERVICE}; try again then{_told(now.reason)}")
        with self._asking("sagemaker:UpdateEndpointWeightsAndCapacities"):
            self._client.update_endpoint_weights_and_capacities(
                EndpointName=self._name,
                DesiredWeightsAndCapacities=[{"VariantName": now.variant, "DesiredInstanceCount": 1}],
            )
        return self.look()

    def wait(self) -> EndpointStatus:
        """Wait until the endpoint has an instance; say each change of its status, and now and then how long it takes.

        `WakeError` if it gets none: for want of capacity, or because it was put to sleep again, or not in time.
        """
        with spinner(f"endpoint {self._name} starts an instance"):
            while not (now := self.look_again()).is_awake:
                time.sleep(self.pause())
        return now

    def pause(self) -> float:
        """Seconds until the next look; `WakeError` if there is to be none, since the time is up."""
        left = inf if self._timeout is None else self._timeout - (time.monotonic() - self._began)
        if left <= 0:
            raise WakeError(
                f"endpoint {self._name} has no instance after {self._timeout:g} s; one is starting: wait for it again "
                "(`fanfold wake --wait`)"
            )
        return min(_PAUSE_SECONDS, left)

    def look_again(self) -> EndpointStatus:
        """How far the endpoint is, for who waits by other means than `wait`; errors are the same."""
        now, at = self.look(), time.monotonic()
        if now.is_awake:
            return now
        self._has_changed = self._has_changed or now.status in _CHANGING
        if now.status not in _CHANGING and (self._has_changed or at - self._began > _GRACE_SECONDS):
            if now.status != IN_SERVICE:
                raise WakeError(f"{now}: `fanfold doctor` examines it{_told(now.reason)}")
            why = now.reason or "AWS had no capacity for it, or the endpoint was put to sleep again"
            raise WakeError(
                f"{now}: the instance didn't come ({why}). `aws application-autoscaling describe-scaling-activities "
                "--service-namespace sagemaker` shows what scaling did; try again later"
            )
        if now.status != self._last_status or at - self._said >= _SECONDS_BETWEEN_LINES:
            self._said, self._last_status = at, now.status
            stderr.print(f"{now} after {at - self._began:.0f} s", soft_wrap=True)
        return now

    @contextmanager
    def _asking(self, action: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            code, words, name = error.response["Error"]["Code"], error.response["Error"]["Message"], self._name
            if code in DENIED:
                raise WakeError(
                    f"endpoint {name}: you lack the permission {action}, which the stack's UserPolicy has ({words})"
                ) from error
            if code == "ResourceLimitExceeded":
                raise WakeError(
                    f"endpoint {name}: the account's quota allows no such instance; ask for more in Service Quotas "
                    f"({words})"
                ) from error
            raise WakeError(f"endpoint {name}: {words} ({code})") from error
        except BotoCoreError as error:
            raise WakeError(f"endpoint {self._name} cannot be asked: {error}") from error


def check_wait(timeout: float | None, *, wait: bool) -> None:
    """`ValueError` if it is said how long to wait, and not to wait."""
    if timeout is not None and not wait:
        raise ValueError("timeout is how long to wait for the instance: add wait=True")


def _told(reason: str) -> str:
    return f" ({reason})" if reason else ""
