"""What a witness is: somebody else's work that does what the product does, or what AWS does, and is compared."""

from collections.abc import Callable
from dataclasses import dataclass


class DisagreementError(Exception):
    """A witness has found something else than the product, or AWS as we have it, says."""


class AbsentError(Exception):
    """A witness cannot be heard, since what it needs is not installed here."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Its name, and what makes it speak: it answers with what was run and what agreed, or raises one of the above."""

    name: str
    testify: Callable[[], str]


def agree(what: str, found: object, expected: object) -> None:
    """Compare; `DisagreementError` tells both."""
    if found != expected:
        raise DisagreementError(f"{what}: {_shortened(found)}, where {_shortened(expected)} was expected")


def _shortened(value: object) -> str:
    return text if len(text := repr(value)) <= 300 else f"{text[:300]}…"
