"""What `fanfold doctor` says: one finding for each thing that it has looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a finding means: nothing to do, jobs cost more than they must, the model may change, jobs don't end well."""

    OK = "ok"
    COSTLY = "costly"
    RISKY = "risky"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, in one line; unless it is OK, the line says what to do."""

    verdict: Verdict
    words: str

    def __str__(self) -> str:
        return f"{self.verdict:<7}{self.words}"
