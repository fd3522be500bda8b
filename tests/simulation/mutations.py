"""Planted mistakes, to see that they are seen."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from tests.simulation import mistakes
from tests.simulation.soak import run

MOST_SEEDS = 200


@dataclass(frozen=True, slots=True)
class Mistake:
    """How to plant it, and the faults under which it does harm."""

    plant: Callable[[], AbstractContextManager[Any]]
    certain: Mapping[str, Any]


ALL: Mapping[str, Mistake] = {
    "look-before-writing": Mistake(mistakes.look_before_writing, {}),
    "count": Mistake(mistakes.count, {"twice": 0.3, "dies": 0.03}),
    "prefer-failures": Mistake(mistakes.prefer_failures, {"twice": 0.3, "moody": 0.4, "answer_lost": 0.1}),
    "thaw": Mistake(
        mistakes.thaw, {"twice": 0.3, "moody": 0.4, "dies": 0, "lost": 0, "cancel_at": 60, "gone_at": None}
    ),
    "mark-first": Mistake(mistakes.mark_first, {"dies": 0.08, "moody": 0.3, "lost": 0, "answer_lost": 0}),
    "release-first": Mistake(mistakes.release_first, {"dies": 0.1, "lost": 0, "answer_lost": 0}),
    "restart-attempts": Mistake(mistakes.restart_attempts, {"lost": 0.5}),
    "sized-parts": Mistake(mistakes.sized_parts, {"twice": 0.3, "cancel_at": 60}),
    "cover-first": Mistake(mistakes.cover_first, {"dies": 0.05}),
    "skip-add": Mistake(mistakes.skip_add, {}),
    "reopen": Mistake(mistakes.reopen, {"twice": 0.3}),
}


def hunt(name: str) -> tuple[str, int, str]:
    """Make runs with a mistake planted until one is broken: its name, how many runs it took, and what broke."""
    with ALL[name].plant():
        for seed in range(MOST_SEEDS):
            if words := run(seed, ALL[name].certain).words:
                return name, seed + 1, words
    return name, MOST_SEEDS, ""
