"""Who decides what happens next: chance, by a seed, or the calm order with one death in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol, TypeVar

from tests.simulation.executions import Fault

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Faults:
    """How probable each fault is, where it may happen; `cancel_at` and `gone_at` are steps of a run."""

    dies: float = 0
    answer_lost: float = 0
    twice: float = 0
    lost: float = 0
    flaky: float = 0
    moody: float = 0
    forged: float = 0
    throttled: float = 0
    out_of_time: float = 0
    sweeps: float = 0
    cancel_at: int | None = None
    gone_at: int | None = None
    most_windows: int = 1
    retries: int = 0

    @property
    def may_lose(self) -> bool:
        """Whether something may get lost for good, so that only the sweeper finds it."""
        return self.lost > 0 or self.answer_lost > 0

    @property
    def may_sweep(self) -> bool:
        """Whether the sweeper may run."""
        return self.sweeps > 0 or self.may_lose

    @classmethod
    def drawn(cls, random: Random) -> "Faults":
        """Any mixture; most runs lack most faults, so that what one does isn't always hidden by another."""

        def sometimes(*probabilities: float) -> float:
            return random.choice([0, 0, *probabilities])

        return cls(
            dies=sometimes(0.01, 0.05),
            answer_lost=sometimes(0.02),
            twice=sometimes(0.05, 0.15),
            lost=sometimes(0.3),
            flaky=sometimes(0.3),
            moody=sometimes(0.1),
            forged=sometimes(0.2),
            throttled=sometimes(0.2),
            out_of_time=sometimes(0.1, 0.5),
            sweeps=sometimes(0.01),
            cancel_at=random.choice([None, None, None, random.randint(0, 250)]),
            gone_at=random.choice([None] * 9 + [random.randint(0, 150)]),
            most_windows=random.randint(1, 4),
            retries=random.choice([0, 0, 1, 2]),
        )


class Schedule(Protocol):
    """Decides."""

    def choose(self, options: Sequence[T]) -> T:
        """One of these; they are in the order in which a calm day would bring them."""

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """These in any order."""

    def happens(self, probability: float) -> bool:
        """Whether something does."""

    def fault(self, call: str, faults: Faults) -> Fault:
        """What happens to a call."""


class Chance:
    """Everything as a seed has it."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def choose(self, options: Sequence[T]) -> T:
        return self._random.choice(options)

    def shuffled(self, options: Sequence[T]) -> list[T]:
        return self._random.sample(options, len(options))

    def happens(self, probability: float) -> bool:
        return probability > 0 and self._random.random() < probability

    def fault(self, call: str, faults: Faults) -> Fault:
        del call
        if self.happens(faults.dies):
            return self.choose([Fault.DIES_BEFORE, Fault.DIES_AFTER])
        return Fault.ANSWER_LOST if self.happens(faults.answer_lost) else Fault.NONE


class Calm:
    """Everything in order, but for the calls that are planned, by number from 0, to meet a fault. `calls` names all."""

    def __init__(self, planned: dict[int, Fault] | None = None) -> None:
        self.calls: list[str] = []
        self._planned = planned or {}
        self._asked = 0

    def choose(self, options: Sequence[T]) -> T:
        return options[0]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        return list(options)

    def happens(self, probability: float) -> bool:
        """As often as probable, and always at the same times."""
        self._asked += 1
        return int(self._asked * probability) > int((self._asked - 1) * probability)

    def fault(self, call: str, faults: Faults) -> Fault:
        del faults
        self.calls.append(call)
        return self._planned.get(len(self.calls) - 1, Fault.NONE)
