"""What a job has cost, estimated when it has ended: AWS's services by its summary, and an instance as far as known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fanfold_core.app.costs import read_prices

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Cost:
    """Dollars at the list `prices` of a region and day.

    `services` are all but the endpoint. `instance` is one instance of the stack's type during the `endpoint_seconds`
    from the first answer to the last; None where the endpoint, or the price of the type, isn't the stack's to know.
    Others beside it, waking and falling asleep come on top.
    """

    services: float
    instance: float | None
    instance_type: str
    endpoint_seconds: int
    prices: str

    @classmethod
    def of(cls, summary: Mapping[str, Any], parameters: Mapping[str, str]) -> Cost | None:
        """What the summary of a job says, on a stack with these parameters; None for one that has no dollars yet."""
        if "dollars" not in summary:
            return None
        instance_type = "" if parameters.get("EndpointName") else parameters.get("InstanceType", "")
        hour = read_prices()["sagemaker"]["hour"].get(instance_type)
        seconds = summary["endpoint_seconds"]
        return cls(
            services=sum(summary["dollars"].values()),
            instance=None if hour is None else seconds / _HOUR * hour,
            instance_type=instance_type,
            endpoint_seconds=seconds,
            prices=summary["prices"],
        )

    def __str__(self) -> str:
        words = f"about ${self.services:.4f} for services"
        if self.instance is not None:
            words += f", ${self.instance:.4f} for an {self.instance_type} in the {self.endpoint_seconds:,} s of answers"
        return f"{words} ({self.prices}, without free tiers)"
