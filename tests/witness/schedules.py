"""The simulation's faults on ministack and dynalite in place of moto: deaths at calls, and random schedules."""

import os
import subprocess
import sys
from collections.abc import Sequence

from tests.witness.services import ROOT, dynalite, ministack, version
from tests.witness.witness import DisagreementError

SEEDS = os.environ.get("SEEDS", "20")


def crashes() -> str:
    """A death before and after each AWS call of a whole job."""
    return _simulation("crashes", "--every", os.environ.get("EVERY", "10"))


def soak() -> str:
    """Random schedules of faults."""
    return _simulation("soak", SEEDS)


def _simulation(*arguments: str) -> str:
    said = _run([*arguments, "--aws", "ministack"])
    return f"ministack {version('ministack')} and dynalite {version('dynalite')}: {'; '.join(said)}"


def _run(arguments: Sequence[str]) -> list[str]:
    # One process, which has both services to itself.
    command = [sys.executable, "-m", "tests.simulation", "--jobs", "1", *arguments]
    with ministack({}) as aws, dynalite() as ledger:
        variables = {**os.environ, "SIMULATION_AWS": aws, "SIMULATION_DYNAMODB": ledger}
        ended = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    said = ended.stdout.strip().splitlines()
    if ended.returncode:
        raise DisagreementError("; ".join(said) if said else ended.stderr.strip().splitlines()[-1])
    return said[-2:]
