"""The search for the best setting, on machines whose speed is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from random import Random

import pytest

from fanfold.tuning import BATCH_SIZES, ROWS, TURNS, Search, Setting, SettingFailedError, Turn

SIZES = (None, *BATCH_SIZES)
EVERY = [Setting(rows, size) for rows, size in product(ROWS, SIZES) if (size or 1) <= rows]
PRESENT = Setting(32)


@dataclass
class Machine:
    """Takes seconds for a request, and for a row by its batch; from a number of rows or by chance on, it fails."""

    request: float = 0.05
    row: dict[int | None, float] = field(default_factory=lambda: dict.fromkeys(SIZES, 0.01))
    noise: float = 0.0
    fails: dict[Setting, int] = field(default_factory=dict)
    holds: int = 1000
    turns: list[Setting] = field(default_factory=list)
    random: Random = field(default_factory=lambda: Random(1))

    def seconds(self, setting: Setting) -> float:
        return self.request + setting.rows * self.row[setting.batch_size]

    def speed(self, setting: Setting) -> float:
        return setting.rows / self.seconds(setting)

    def __call__(self, setting: Setting) -> Turn:
        self.turns.append(setting)
        if setting.rows > self.holds:
            raise SettingFailedError(f"no memory for {setting.rows} rows")
        if self.turns.count(setting) > self.fails.get(setting, TURNS * 9):
            raise SettingFailedError("it failed")
        seconds = self.seconds(setting) * self.random.uniform(1, 1 + self.noise)
        return Turn(setting.rows, seconds, seconds)

    def search(self, present: Setting = PRESENT, most_rows: int = 512) -> Search:
        return Search(self, present=present, most_rows=most_rows, batch_sizes=SIZES)

    @property
    def fastest(self) -> float:
        return max(self.speed(setting) for setting in EVERY if setting.rows <= self.holds)


@dataclass
class Busy:
    """A machine with other work, which makes it half as fast, begins by chance, and lasts for some twenty turns."""

    machine: Machine
    random: Random
    times: int = 1

    def __call__(self, setting: Setting) -> Turn:
        if self.random.random() < 0.05:
            self.times = 3 - self.times
        turn = self.machine(setting)
        return turn._replace(seconds=turn.seconds * self.times)


MACHINES = {
    "overhead of requests": Machine(request=1.0),
    "batches": Machine(row={None: 0.01, 8: 0.006, 16: 0.005, 32: 0.004, 64: 0.0035}),
    "small batches": Machine(row={None: 0.01, 8: 0.006, 16: 0.008, 32: 0.012, 64: 0.02}),
    "no batches": Machine(request=0.2, row={None: 0.01, 8: 0.011, 16: 0.013, 32: 0.016, 64: 0.02}),
    "memory": Machine(request=1.0, holds=100),
}


def test_fewer_rows_per_request_are_no_choice_for_a_small_gain() -> None:
    machine = Machine()

    def take_turn(setting: Setting) -> Turn:
        turn = machine(setting)
        gain = {8: 1.08, 16: 1.04, 32: 1.0}.get(setting.rows, 0.9)
        return turn._replace(seconds=turn.rows / gain)

    def best(present: Setting) -> Setting | None:
        return Search(take_turn, present=present, most_rows=512, batch_sizes=[None]).run()

    assert best(PRESENT) == PRESENT
    assert best(Setting(8)) == Setting(8)


def test_chance_that_led_to_a_slow_setting_is_made_good() -> None:
    machine = Machine(row={None: 0.01, 8: 0.005, 16: 0.02, 32: 0.02, 64: 0.02})

    def take_turn(setting: Setting) -> Turn:
        turn = machine(setting)
        # The machine is slow for what is best until the end.
        is_late = len(machine.turns) > 20
        return turn if is_late or setting.batch_size != 8 else turn._replace(seconds=turn.seconds * 1.8)

    best = Search(take_turn, present=PRESENT, most_rows=512, batch_sizes=SIZES).run()
    assert best
    assert best.batch_size == 8
    assert len(machine.turns) > 20


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", MACHINES)
def test_the_choice_is_nearly_as_fast_as_the_best_of_all(name: str, seed: int) -> None:
    of_name = MACHINES[name]
    machine = Machine(of_name.request, of_name.row, 0.1, holds=of_name.holds, random=Random(seed))
    best = machine.search().run()
    assert best
    assert machine.speed(best) >= 0.9 * machine.fastest
    assert len(set(machine.turns)) < 0.7 * len(EVERY)


def test_a_machine_that_others_slow_down_now_and_then_leads_to_few_wrong_choices() -> None:
    shares = []
    for seed, name in product(range(40), MACHINES):
        machine = Machine(MACHINES[name].request, MACHINES[name].row, holds=MACHINES[name].holds)
        busy = Busy(machine, Random(seed))
        best = Search(busy, present=PRESENT, most_rows=512, batch_sizes=SIZES).run()
        assert best
        shares.append(machine.speed(best) / machine.fastest)
    assert sum(share < 0.9 for share in shares) <= 0.05 * len(shares)


@pytest.mark.parametrize("present", [PRESENT, Setting(128), Setting(64, 16), Setting(100), Setting(8)])
def test_what_is_no_faster_does_not_replace_what_there_is(present: Setting) -> None:
    assert Machine(request=0).search(present).run() == present


def test_of_settings_that_are_alike_the_smaller_change_is_chosen() -> None:
    row = dict.fromkeys(SIZES, 0.01) | {16: 0.005, 64: 0.00499}
    assert Machine(request=0, row=row).search().run() == Setting(32, 16)


@pytest.mark.parametrize(
    ("request_seconds", "tried"), [(0.1, {32, 128, 256, 512}), (0.03, {16, 32, 64, 128, 256, 512})]
)
def test_other_sizes_of_requests_are_tried_only_while_they_pay(request_seconds: float, tried: set[int]) -> None:
    machine = Machine(request_seconds)
    machine.search().run()
    assert {setting.rows for setting in machine.turns} == tried
    assert {setting.rows for setting in machine.turns if setting.batch_size} == {128}


def test_a_setting_that_fails_is_no_choice_and_says_why() -> None:
    machine = Machine(request=1.0, row={None: 0.01, 8: 0.009, 16: 0.008, 32: 0.007, 64: 0.001}, holds=128)
    machine.fails[Setting(128, 64)] = 0
    search = machine.search()
    assert search.run() == Setting(128, 32)
    too_large = {Setting(rows, 32): f"no memory for {rows} rows" for rows in (256, 512)}
    failures = {trial.setting: trial.failure for trial in search.trials if trial.failure}
    assert failures == {Setting(128, 64): "it failed", **too_large}
    assert machine.turns.count(Setting(256, 32)) == 1


@pytest.mark.parametrize("turns", range(1, 3 * TURNS))
def test_a_setting_that_fails_at_times_is_no_choice(turns: int) -> None:
    machine = Machine(row={None: 0.01, 8: 0.007, 16: 0.02, 32: 0.02, 64: 0.02})
    machine.fails = {Setting(rows, 8): turns for rows in ROWS}
    search = machine.search()
    best = search.run()
    assert best
    if turns < TURNS:
        assert best.batch_size is None
    assert [trial.failure for trial in search.trials if trial.setting == best] == [""]


def test_requests_that_are_too_large_from_the_beginning_become_smaller() -> None:
    assert Machine(request=1.0, holds=20).search().run() == Setting(16)


def test_where_everything_fails_there_is_no_best() -> None:
    search = Machine(holds=0).search()
    assert search.run() is None
    assert {trial.setting.rows for trial in search.trials} >= {8, 16, 32, 64}
    assert all(trial.failure and not trial.rows_per_second for trial in search.trials)


@pytest.mark.parametrize(("rows", "most"), [(5, 5), (40, 32), (300, 256)])
def test_no_request_has_more_rows_than_there_are(rows: int, most: int) -> None:
    machine = Machine(request=9.0)
    assert machine.search(most_rows=rows).run() == Setting(most)
    assert max(setting.rows for setting in machine.turns) == most


def test_the_present_setting_is_tried_with_the_rows_that_there_are() -> None:
    machine = Machine(request=0)
    for rows in (2, 12, 31):
        assert machine.search(most_rows=rows).run() == Setting(rows)
    assert machine.search(Setting(600)).run() == Setting(512)


@pytest.mark.parametrize("holds", [1000, 20])
def test_a_batch_that_no_request_fills_is_tried_as_it_is(holds: int) -> None:
    machine = Machine(row={128: 0.01}, holds=holds)
    search = Search(machine, present=Setting(32, 128), most_rows=512, batch_sizes=[128])
    assert search.run() == Setting(min(holds, 128) // 16 * 16, 128)


def test_one_slow_turn_does_not_decide() -> None:
    machine = Machine(row={None: 0.01, 8: 0.0085, 16: 0.02, 32: 0.02, 64: 0.02})

    def take_turn(setting: Setting) -> Turn:
        turn = machine(setting)
        is_slow = setting.batch_size == 8 and machine.turns.count(setting) == 2
        return turn._replace(seconds=turn.seconds * 5) if is_slow else turn

    best = Search(take_turn, present=PRESENT, most_rows=512, batch_sizes=SIZES).run()
    assert best
    assert best.batch_size == 8


def test_settings_take_turns_and_slow_ones_only_one() -> None:
    machine = Machine(row={None: 0.01, 8: 0.009, 16: 0.05, 32: 0.05, 64: 0.05})
    machine.search().run()
    none, eight = Setting(128), Setting(128, 8)
    assert machine.turns[:9] == [*(Setting(128, size) for size in SIZES), eight, none, none, eight]
