"""Samples: rows from all over a file, and the requests of them by which settings are compared."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from fanfold_core.domain.requests import inputs, obstacle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fanfold.input.files import LocalFile
    from fanfold_core.input.cutting import Cut

# Rows of a sample: a share of the file's, but neither fewer nor more than these.
_SHARE, _FEWEST_ROWS, _MOST_ROWS = 0.02, 256, 512
# Rows that are sent one after the other, as the texts of a batch are.
BLOCK_ROWS = 64
# Parts of the file that are held at once.
_MOST_PIECES = 16
# With so many requests for each worker, the shortest of which come last, workers end together.
_REQUESTS_EACH = 4


class Sample(NamedTuple):
    """Inputs of rows from all over a file of `of_rows` rows, in runs that are sent together."""

    blocks: list[list[Any]]
    of_rows: int

    @property
    def rows(self) -> int:
        """How many."""
        return sum(map(len, self.blocks))


def take_sample(file: LocalFile, seen: Callable[[int], None]) -> Sample:
    """Read a file to its end, and keep few of its rows: the same ones each time. Those that can't be sent are left out.

    `seen` is told of bytes as they go. `InputFileError` where the file cannot be read.
    """
    kept: list[Cut] = []
    rows = at = 0
    step = 1
    for number, piece in enumerate(file.pieces()):
        if number % step == 0:
            kept.append(piece)
        if len(kept) == _MOST_PIECES:
            kept, step = kept[::2], 2 * step
        rows += piece.rows
        seen(piece.end - at)
        at = piece.end
    wanted = min(rows, _MOST_ROWS, max(_FEWEST_ROWS, int(rows * _SHARE)))
    blocks = max(1, wanted // BLOCK_ROWS)
    # From the shortest texts of a chunk to its longest ones.
    pieces = [kept[block * len(kept) // blocks] for block in range(blocks)]
    return Sample([_block(file, piece, number, blocks) for number, piece in enumerate(pieces)], rows)


def _block(file: LocalFile, piece: Cut, number: int, blocks: int) -> list[Any]:
    """Inputs that are sent together, from the middle of one of so many parts of a chunk."""
    layout = file.layout
    rows = file.content.rows(piece.data, layout, first_row=piece.first_row, start=piece.start)
    found = inputs(rows, layout, file.options.input)
    able = [found[row] for row in file.options.order(found).sent if obstacle(rows[row], found[row], layout) is None]
    some = able[number * len(able) // blocks : (number + 1) * len(able) // blocks]
    first = max(0, len(some) - BLOCK_ROWS) // 2
    return some[first : first + BLOCK_ROWS]


def turn_spans(rows: int, each: int, at_once: int) -> list[list[int]]:
    """Rows of a sample, from its shortest texts to its longest, by requests of so many, in the order of sending.

    A job has so many requests that no worker waits for the last one; a sample has few large ones, so that waiting would
    speak against these. So the longest texts are sent first, and where that isn't enough, each request as often as
    there are workers: whatever it takes, all of them end together.

    >>> turn_spans(rows=4, each=2, at_once=2)
    [[2, 3], [2, 3], [0, 1], [0, 1]]
    """
    starts = range(0, rows, each)[::-1]
    times = min(at_once, ceil(_REQUESTS_EACH * at_once / len(starts)))
    return [[row % rows for row in range(start, start + each)] for start in starts for _ in range(times)]


def middle_first(count: int) -> Iterator[int]:
    """Numbers below `count`, of which the first few are from all over.

    >>> list(middle_first(8))
    [4, 2, 6, 1, 3, 5, 7, 0]
    """
    parts = [range(count)]
    for part in parts:
        if part:
            middle = len(part) // 2
            yield part[middle]
            parts += [part[:middle], part[middle + 1 :]]
