"""How an endpoint scales: what Application Auto Scaling makes of its metrics, minute by minute. It is run elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MINUTE = 60
# Minutes until an instance is in service; SageMaker takes about so long for a container of some gigabytes.
START_MINUTES = 4
# The two alarms of a target tracking policy: minutes above the target, and minutes below so much of it.
_HIGH_MINUTES, _LOW_MINUTES, _LOW_SHARE = 3, 15, 0.9
# Minutes of its past that a policy looks back on at most.
LONGEST_MEMORY = _LOW_MINUTES


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

    @classmethod
    def read(cls, configuration: Mapping[str, Any]) -> Self:
        """The policy that a TargetTrackingScalingPolicyConfiguration describes."""
        return cls(
            target=float(configuration["TargetValue"]),
            in_cooldown=float(configuration["ScaleInCooldown"]) / MINUTE,
            out_cooldown=float(configuration["ScaleOutCooldown"]) / MINUTE,
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
            cooldown=float(configuration["Cooldown"]) / MINUTE,
        )


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


def declared(template: Mapping[str, Any], parameters: Mapping[str, str]) -> Policies:
    """The policies that a template gives its endpoint. `parameters` are values that aren't its defaults.

    Example:
        >>> declared(yaml_parse(Path("template.yaml").read_text()), {"MaxInstances": "2"}).most
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
