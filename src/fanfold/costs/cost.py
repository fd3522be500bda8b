"""What a job has cost (`Cost`), and the words in which amounts are said before and after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fanfold_core.app.costs import AWAKE_SECONDS, HOUR, in_dollars, instance_dollars

if TYPE_CHECKING:
    from collections.abc import Mapping


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
    endpoint_seconds: float
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
        """Dollars with an instance that woke for the job alone, as an estimate reckons it."""
        awake = instance_dollars(self.instance_type, self.endpoint_seconds + AWAKE_SECONDS)
        return None if awake is None else self.services + awake

    @property
    def counted(self) -> float | None:
        """Dollars for the hours that all instances ran; None where these, or the price, aren't known."""
        return None if self.instance_hours is None else instance_dollars(self.instance_type, self.instance_hours * HOUR)

    def __str__(self) -> str:
        said_of_prices = f"{self.prices}, without free tiers"
        if self.is_local:
            return f"nothing on a local cloud; on AWS {without_instances(self.services, said_of_prices)}"
        if self.instance is None or self.woken is None:
            return without_instances(self.services, said_of_prices, self.instance_type)
        if self.counted is not None:
            return (
                f"{in_dollars(self.services + self.counted)} ({in_dollars(self.services)} for services, "
                f"{in_dollars(self.counted)} for the {self.instance_hours:.2f} instance-hours of {self.instance_type} "
                f"that the endpoint ran during the job); its time until it sleeps comes on top ({said_of_prices})"
            )
        why = self.hours_unknown and f"; {self.hours_unknown}"
        together = self.services + self.instance
        return (
            f"{with_an_instance(self.services, together, self.endpoint_seconds, self.instance_type)}; "
            f"{in_dollars(self.woken)} if the endpoint woke for this job ({said_of_prices}){why}"
        )


def without_instances(of_services: float, prices: str, instance_type: str = "") -> str:
    """What is known where nobody knows what the endpoint takes, or what instances of such a type cost."""
    unknown = instance_type and f"the price of {instance_type} is not known, and "
    return f"at least {in_dollars(of_services)} for services ({prices}); {unknown}the endpoint's instances come on top"


def with_an_instance(of_services: float, together: float, seconds: float, instance_type: str | None) -> str:
    """What services cost, and an instance that is there for no more than the work."""
    return (
        f"at least {in_dollars(together)} ({in_dollars(of_services)} for services, "
        f"{in_dollars(together - of_services)} for {seconds:,} s of an {instance_type})"
    )
