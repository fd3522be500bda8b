"""How an endpoint scales: what Application Auto Scaling makes of its metrics, minute by minute. It is run elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MINUTE = 60
# Minutes until an instance is in service; SageMaker takes about so long for a container of some gigabytes.
START_MINUTES = 4
# The two alarms of a target tracking policy: minutes above the target, and minutes below so much of it.
_HIGH_MINUTES, _LOW_MINUTES, _LOW_SHARE = 3, 15, 0.9
# Seconds of a cooldown that a policy doesn't give.
_COOLDOWN = 300
# Minutes of its past that a policy looks back on at most.
LONGEST_MEMORY = _LOW_MINUTES


@dataclass(frozen=True, slots=True)
class Minute:
    """What CloudWatch learns of an endpoint in a minute. `oldest` is the age of the oldest request in seconds.

    The `backlog` are requests that wait or are worked on.
    """

    backlog: int
    instances: int
    oldest: float = 0.0

    @property
    def per_instance(self) -> float:
        """Without an instance it is the backlog: what passes a policy's target wakes an endpoint."""
        return self.backlog / max(1, self.instances)

    @property
    def without_capacity(self) -> int:
        """1 if requests wait and nobody is there to work on them."""
        return int(self.backlog > 0 and self.instances == 0)

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics by their names in the namespace AWS/SageMaker."""
        return {
            "ApproximateBacklogSize": float(self.backlog),
            "ApproximateBacklogSizePerInstance": self.per_instance,
            "ApproximateAgeOfOldestRequest": self.oldest,
            "HasBacklogWithoutCapacity": float(self.without_capacity),
        }


@dataclass(frozen=True, slots=True)
class Tracking:
    """A target tracking policy on the backlog per instance; cooldowns in minutes."""

    target: float
    in_cooldown: float
    out_cooldown: float

    @classmethod
    def read(cls, configuration: Mapping[str, Any]) -> Self:
        """The policy that a TargetTrackingScalingPolicyConfiguration describes."""
        return cls(
            target=float(configuration["TargetValue"]),
            in_cooldown=float(configuration.get("ScaleInCooldown", _COOLDOWN)) / MINUTE,
            out_cooldown=float(configuration.get("ScaleOutCooldown", _COOLDOWN)) / MINUTE,
        )


@dataclass(frozen=True, slots=True)
class Step:
    """A step policy, and its alarm on HasBacklogWithoutCapacity; `minutes` of it call for `adjustment` instances."""

    minutes: int
    threshold: float
    adjustment: int
    cooldown: float

    @classmethod
    def read(cls, configuration: Mapping[str, Any], alarm: Mapping[str, Any]) -> Self:
        """The policy that a StepScalingPolicyConfiguration and the alarm that sets it off describe."""
        return cls(
            minutes=int(alarm["EvaluationPeriods"]) * int(alarm["Period"]) // MINUTE,
            threshold=float(alarm["Threshold"]),
            adjustment=int(configuration["StepAdjustments"][0]["ScalingAdjustment"]),
            cooldown=float(configuration.get("Cooldown", _COOLDOWN)) / MINUTE,
        )


@dataclass(slots=True)
class Policies:
    """Decides how many instances an endpoint should have, from `least` to `most`; remembers when it last did."""

    least: int
    most: int
    tracking: Tracking | None = None
    step: Step | None = None
    _last_out: float = field(default=-1e9, compare=False)
    _last_in: float = field(default=-1e9, compare=False)

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
        step = self.step
        if (
            step
            and now - self._last_out >= step.cooldown
            and _holds(history, step.minutes, lambda minute: minute.without_capacity >= step.threshold)
        ):
            return instances + step.adjustment
        if tracking := self.tracking:
            low = tracking.target * _LOW_SHARE
            proportional = ceil(history[-1].backlog / tracking.target)
            if _holds(history, _HIGH_MINUTES, lambda minute: minute.per_instance > tracking.target):
                return proportional if now - self._last_out >= tracking.out_cooldown else instances
            if _holds(history, _LOW_MINUTES, lambda minute: minute.instances > 0 and minute.per_instance < low):
                return min(instances, proportional) if now - self._last_in >= tracking.in_cooldown else instances
        return instances


def _holds(history: Sequence[Minute], minutes: int, condition: Callable[[Minute], bool]) -> bool:
    recent = history[-minutes:]
    return len(recent) == minutes and all(map(condition, recent))


def declared(template: Mapping[str, Any], parameters: Mapping[str, str]) -> Policies:
    """The policies that a template gives its endpoint. `parameters` are values that aren't its defaults.

    Example:
        >>> declared(template.read(root), {"MaxInstances": "2"}).most
        2
    """
    values = {name: found.get("Default", "") for name, found in template["Parameters"].items()} | dict(parameters)
    target, tracking, step, alarm = (
        _resolved(template["Resources"][name]["Properties"], values)
        for name in ("ScalableInstances", "BacklogPolicy", "WakeUpPolicy", "WakeUpAlarm")
    )
    return Policies(
        least=int(target["MinCapacity"]),
        most=int(target["MaxCapacity"]),
        tracking=Tracking.read(tracking["TargetTrackingScalingPolicyConfiguration"]),
        step=Step.read(step["StepScalingPolicyConfiguration"], alarm),
    )


def _resolved(value: Any, parameters: Mapping[str, Any]) -> Any:
    """A part of a template with parameters in place of references to them."""
    if isinstance(value, list):
        return [_resolved(element, parameters) for element in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Ref"} and value["Ref"] in parameters:
        return parameters[value["Ref"]]
    return {key: _resolved(inner, parameters) for key, inner in value.items()}
