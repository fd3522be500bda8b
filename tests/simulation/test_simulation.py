"""The system under everything that can go wrong, in processes of their own: AWS is replaced in them, and so is time."""

import subprocess
import sys

import pytest

from fanfold.project import find_root

pytestmark = pytest.mark.slow
MEMORY_SEEDS, MOTO_SEEDS = range(150, 400), 4
# Of the deaths, those before a call and those after it take turns: an odd number meets both.
EVERY_DEATH, EVERY_DEATH_ON_MOTO = 5, 77


def simulate(*arguments: str) -> None:
    """Run the simulation; what it says of a promise that was broken is the failure's message."""
    command = [sys.executable, "-m", "tests.simulation", "--jobs", "1", *arguments]
    done = subprocess.run(command, cwd=find_root(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_promise_is_kept_under_random_schedules() -> None:
    simulate("soak", str(len(MEMORY_SEEDS)), "--first", str(MEMORY_SEEDS.start))


def test_every_promise_is_kept_by_the_adapters_as_well() -> None:
    simulate("soak", str(MOTO_SEEDS), "--aws", "moto")


def test_a_death_at_any_call_of_a_port_changes_no_file() -> None:
    simulate("crashes", "--every", str(EVERY_DEATH))


def test_a_death_at_any_call_to_aws_changes_no_file() -> None:
    simulate("crashes", "--every", str(EVERY_DEATH_ON_MOTO), "--aws", "moto")


def test_what_earlier_versions_left_in_mid_run_ends_as_if_nothing_had_happened() -> None:
    simulate("upgrade")


def test_planted_mistakes_are_seen() -> None:
    simulate("mutations")
