"""Parts: what the files of a job's results are built of, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from fanfold_core.domain.statistics import Statistics


class Piece(NamedTuple):
    """Number `number` of the pieces of part `part`."""

    part: int
    number: int

    def upload_number(self, pieces: int) -> int:
        """Its number, from 0, among all that is uploaded, where parts have at most so many pieces."""
        return self.part * pieces + self.number


@dataclass(frozen=True, slots=True)
class Part:
    """A run of chunks, `first` to `end - 1`, that makes one part of the results. Fixed by the input alone.

    Where results are much larger than their texts, a part is built in pieces, one after the other. Then this is what is
    left of it after so many `pieces`.

    >>> Part(3, first=6, end=12).after(8)
    Part(number=3, first=8, end=12, pieces=1)
    """

    number: int
    first: int
    end: int
    pieces: int = 0

    @property
    def piece(self) -> Piece:
        """The one to be built next."""
        return Piece(self.number, self.pieces)

    def resumed(self, last: Built | None) -> Part:
        """What is left of it if this piece was built last, and may not be uploaded."""
        return replace(self, first=last.first, pieces=last.piece.number) if last else self

    def after(self, end: int) -> Part | None:
        """What is left of it once its next piece has the chunks up to `end - 1`; None if that was the last."""
        return replace(self, first=end, pieces=self.pieces + 1) if end < self.end else None


@dataclass(frozen=True, slots=True)
class Totals:
    """What a piece, a part, or a whole job came to. `requests` were sent to the endpoint for it."""

    rows: int = 0
    predicted: int = 0
    failed: int = 0
    requests: int = 0
    statistics: Statistics = field(default_factory=Statistics)

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.rows + other.rows,
            self.predicted + other.predicted,
            self.failed + other.failed,
            self.requests + other.requests,
            self.statistics + other.statistics,
        )


@dataclass(frozen=True, slots=True)
class Built:
    """A piece as it was built first, from chunk `first` on: what it came to, and a digest of its bytes.

    Whoever builds it again must come to the same, since what is left of the part goes on from there. The digest of a
    part that is whole is empty: it stands for itself.
    """

    piece: Piece
    first: int
    totals: Totals
    digest: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether it is all of its part."""
        return not self.digest
