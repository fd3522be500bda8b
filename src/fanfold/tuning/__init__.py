"""Tuning: with which rows per request and which batch size a model is fastest.

The batch size comes first, since it matters alike to requests of any size that hold it; then requests grow for as long
as that pays. Machines are noisy, and mostly for longer than a turn takes: so settings take turns, and what counts is
not the speed of a turn, but its share of the fastest one in the same round, of which medians are compared.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from math import log2
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from fanfold_core.input.json.text import read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

ROWS = (8, 16, 32, 64, 128, 256, 512)
BATCH_SIZES = (8, 16, 32, 64)
_BATCH_SIZE = "batch_size"
# The smallest request that holds two of the largest batches: in a request of one batch only, a size looks slower than
# it is in larger requests.
_START_ROWS = 2 * BATCH_SIZES[-1]
# After each round, what has at no time had this share of the fastest one's speed takes no more turns.
_WORTH_A_TURN = (0.5, 0.9, 0.0)
TURNS = len(_WORTH_A_TURN)
# What is nearly as fast as the fastest is chosen if it asks for less of a change.
_ALIKE = 0.97
# What the speed of fewer rows per request than at present is worth: they cost more calls, and a stack may refuse them.
_FEWER_ROWS = 0.9
# So many of the fastest are compared once more at the end: chance may have led to one of them only.
_LAST = 2
# How many sizes of requests are looked at together: one that is slower by accident doesn't hide the next.
_AHEAD = 3


class Setting(NamedTuple):
    """Rows per request, and the `batch_size` among the model's parameters; None without one."""

    rows: int
    batch_size: int | None = None


class Turn(NamedTuple):
    """Rows that were answered in so many seconds, by requests of which each took `request_seconds` (the median)."""

    rows: int
    seconds: float
    request_seconds: float


class SettingFailedError(Exception):
    """Requests fail with this setting, for the reason that the message says. Do not retry: try another."""


@dataclass(slots=True)
class Trial:
    """What came of a setting: its turns, and why it failed if it did."""

    setting: Setting
    turns: list[Turn] = field(default_factory=list)
    failure: str = ""

    @property
    def rows_per_second(self) -> float:
        """The median of its turns; 0 if it failed."""
        return 0.0 if self.failure else median(turn.rows / turn.seconds for turn in self.turns)

    @property
    def request_seconds(self) -> float:
        """Likewise."""
        return median(turn.request_seconds for turn in self.turns)


class Search:
    """Looks for the best setting; `trials` has all that were tried, in the order in which they were.

    `take_turn` tries one, and raises `SettingFailedError` if it fails. `present` is the setting that the file has now:
    what isn't faster doesn't replace it. No request has more than `most_rows`, so it is tried with these if it asks for
    more: that is what the requests of so short a file have.

    >>> speed = {None: 100.0, 8: 150.0}
    >>> def take_turn(setting: Setting) -> Turn:
    ...     seconds = setting.rows / speed[setting.batch_size] + 0.2
    ...     return Turn(setting.rows, seconds, seconds)
    >>> Search(take_turn, present=Setting(32), most_rows=128, batch_sizes=[None, 8]).run()
    Setting(rows=128, batch_size=8)
    """

    def __init__(
        self,
        take_turn: Callable[[Setting], Turn],
        *,
        present: Setting,
        most_rows: int,
        batch_sizes: Sequence[int | None],
    ) -> None:
        self._take_turn = take_turn
        self.present = present._replace(rows=min(present.rows, most_rows))
        self._sizes = sorted({self.present.rows, *(rows for rows in ROWS if rows <= most_rows)})
        self._batch_sizes = batch_sizes
        self._trials: dict[Setting, Trial] = {}

    def run(self) -> Setting | None:
        """The best setting; None if all fail."""
        best = self._best_batch_size()
        if best is None:
            return None
        found = self._go_on(best, self._sizes)
        if found == best:
            fewest = min(best.batch_size or 1, best.rows)
            found = self._go_on(best, [rows for rows in self._sizes[::-1] if rows >= fewest])
        fastest = sorted(self.trials, key=lambda trial: trial.rows_per_second)[-_LAST:]
        last = {self.present, found, *(trial.setting for trial in fastest)}
        # What has failed only now and then is no better than what has failed at once.
        return self._compare(sorted(last, key=self._change)) or self._compare(trial.setting for trial in self.trials)

    @property
    def trials(self) -> list[Trial]:
        """What was tried by now."""
        return list(self._trials.values())

    def _best_batch_size(self) -> Setting | None:
        for rows in [rows for rows in self._sizes[::-1] if rows <= _START_ROWS] or self._sizes:
            # A batch is no larger than its request, so one that is asked to be makes no difference.
            held = [size for size in self._batch_sizes if (size or 1) <= rows or size == self.present.batch_size]
            if best := self._compare(Setting(rows, size) for size in held):
                return best
        return None

    def _go_on(self, best: Setting, sizes: Sequence[int]) -> Setting:
        """From one size of requests to the next for as long as that pays."""
        while True:
            at = sizes.index(best.rows)
            ahead = [best._replace(rows=rows) for rows in sizes[at : at + _AHEAD]]
            found = self._compare(ahead) if len(ahead) > 1 else best
            if found is None or found == best:
                return best
            best = found

    def _compare(self, settings: Iterable[Setting]) -> Setting | None:
        """The best of some settings by turns that they take now; None if all fail."""
        shares: dict[Setting, list[float]] = {setting: [] for setting in settings}
        for turn, least in enumerate(_WORTH_A_TURN):
            taking = list(shares)[:: -1 if turn % 2 else 1]
            speeds = {setting: speed for setting in taking if (speed := self._speed(setting)) is not None}
            fastest = max(speeds.values(), default=0.0)
            # What slows one turn down is mostly not the setting, so it is no reason to give that up.
            shares = {
                setting: both
                for setting, found in shares.items()
                if setting in speeds and max(both := [*found, speeds[setting] / fastest]) >= least
            }
            if len(shares) <= 1:
                break
        worth = {
            setting: median(found) * (_FEWER_ROWS if setting.rows < self.present.rows else 1)
            for setting, found in shares.items()
        }
        alike = (setting for setting, share in worth.items() if share >= _ALIKE * max(worth.values()))
        return min(alike, key=self._change, default=None)

    def _speed(self, setting: Setting) -> float | None:
        """Rows per second of one turn, None if it fails or has failed."""
        trial = self._trials.setdefault(setting, Trial(setting))
        if trial.failure:
            return None
        try:
            turn = self._take_turn(setting)
        except SettingFailedError as error:
            trial.failure = str(error)
            return None
        trial.turns.append(turn)
        return turn.rows / turn.seconds

    def _change(self, setting: Setting) -> tuple[float, bool, int]:
        """How much of a change a setting is."""
        times = abs(log2(setting.rows / self.present.rows))
        return times, setting.batch_size != self.present.batch_size, setting.batch_size or 0


def batch_size_of(parameters: str) -> int | None:
    """The batch size among a model's parameters.

    >>> batch_size_of('{"truncation": true, "batch_size": 8}')
    8
    """
    found = read_json(parameters).get(_BATCH_SIZE)
    return found if type(found) is int else None


def parameters_with(parameters: str, batch_size: int | None) -> str:
    """A model's parameters with another batch size, or without one.

    >>> parameters_with('{"truncation": true, "batch_size": 8}', 16)
    '{"truncation": true, "batch_size": 16}'
    """
    if batch_size == batch_size_of(parameters):
        return parameters
    others = {name: value for name, value in read_json(parameters).items() if name != _BATCH_SIZE}
    return json.dumps(others if batch_size is None else {**others, _BATCH_SIZE: batch_size})
