"""A stack's endpoint, started before a file comes: one that has scaled to zero takes minutes to have an instance."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from botocore.exceptions import BotoCoreError, ClientError

from fanfold.errors import EndpointError
from fanfold.terminal import counted, spinner, stderr

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker.type_defs import DescribeEndpointOutputTypeDef

    from fanfold.stacks import Stack

IN_SERVICE = "InService"
# While SageMaker changes an endpoint; `RollingBack` ends in `InService`, without what was asked for.
_CHANGING = {"Creating", "Updating", "SystemUpdating", "RollingBack"}
_REFUSALS = {"AccessDenied", "AccessDeniedException"}
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

    def __init__(self, stack: Stack) -> None:
        """Take the stack; nothing is asked yet."""
        self._name = stack.endpoint
        self._client: SageMakerClient = stack.session.client("sagemaker")

    def look(self) -> EndpointStatus:
        """How the endpoint is now; `EndpointError` if it cannot be described."""
        try:
            return EndpointStatus.of(self._client.describe_endpoint(EndpointName=self._name))
        except (ClientError, BotoCoreError) as error:
            raise EndpointError(self._refused("sagemaker:DescribeEndpoint", error)) from error

    def start(self) -> EndpointStatus:
        """Ask for an instance, unless there is one or one is on its way; the status after it.

        `EndpointError` if SageMaker refuses, or is changing the endpoint otherwise.
        """
        now = self.look()
        if now.instances or (now.desired and now.status in _CHANGING):
            return now
        if now.status != IN_SERVICE:
            reason = now.reason and f" ({now.reason})"
            raise EndpointError(f"{now}{reason}: only an endpoint that is {IN_SERVICE} can be woken; try again then")
        try:
            self._client.update_endpoint_weights_and_capacities(
                EndpointName=self._name,
                DesiredWeightsAndCapacities=[{"VariantName": now.variant, "DesiredInstanceCount": 1}],
            )
        except (ClientError, BotoCoreError) as error:
            raise EndpointError(self._refused("sagemaker:UpdateEndpointWeightsAndCapacities", error)) from error
        return self.look()

    def wait(self) -> EndpointStatus:
        """Wait until the endpoint has an instance; say each change of its status, and now and then how long it takes.

        `EndpointError` if it gets none: for want of capacity, or because it was put to sleep again.
        """
        began = time.monotonic()
        said, status, has_changed = began, "", False
        with spinner(f"endpoint {self._name} starts an instance"):
            while not (now := self.look()).instances:
                at = time.monotonic()
                has_changed = has_changed or now.status in _CHANGING
                if now.status not in _CHANGING and (has_changed or at - began > _GRACE_SECONDS):
                    raise EndpointError(_not_woken(now))
                if now.status != status or at - said >= _SECONDS_BETWEEN_LINES:
                    said, status = at, now.status
                    stderr.print(f"{now} after {at - began:.0f} s", soft_wrap=True)
                time.sleep(_PAUSE_SECONDS)
        return now

    def _refused(self, action: str, error: ClientError | BotoCoreError) -> str:
        if not isinstance(error, ClientError):
            return f"endpoint {self._name}: {error}"
        code, words = error.response["Error"]["Code"], error.response["Error"]["Message"]
        if code in _REFUSALS:
            why = f"the permission {action} is missing, which the stack's UserPolicy has"
        elif code == "ResourceLimitExceeded":
            why = "the account's quota allows no such instance; ask for more in Service Quotas"
        else:
            why = code
        return f"endpoint {self._name}: {why} ({words})"


def _not_woken(now: EndpointStatus) -> str:
    if now.status != IN_SERVICE:
        return f"{now}{now.reason and f' ({now.reason})'}: `fanfold doctor` examines it"
    why = now.reason or "AWS had no capacity for it, or the endpoint was put to sleep again"
    activities = "`aws application-autoscaling describe-scaling-activities --service-namespace sagemaker`"
    return f"{now}: the instance didn't come ({why}). {activities} shows what scaling did; try again later"
