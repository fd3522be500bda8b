"""Limits: how much of a file goes into one chunk."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that a cut may hold: rows, and bytes unless it is a single record, which has a limit of its own."""

    rows: int = 10_000
    bytes: int = 4 * 1024 * 1024
    record_bytes: int = 16 * 1024 * 1024

    def __post_init__(self) -> None:
        if not (self.rows >= 1 and 1 <= self.bytes <= self.record_bytes):
            raise ValueError(f"limits must be positive, and a record may be as large as a cut: {self}")

    def at_most(self, *, rows: int) -> Limits:
        """The same limits, but no more than so many rows.

        >>> Limits(rows=100).at_most(rows=32).rows
        32
        """
        return replace(self, rows=min(self.rows, rows))
