"""Order: the order in which the rows of a chunk are sent, and which of them share a request.

Inputs of similar length go together, for a model that computes several at once pads them to the longest. Rows with the
same input are sent once. Spans, and all that is covered, count places in this order.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections import Counter
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from fanfold_core.input.json.text import write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from fanfold_core.domain.spans import Span

# What a tokenizer makes a token of, more or less: a word, a mark, a digit, or some letters of a script without spaces.
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_NO_MARKS = _LETTERS + b" \t\n\r\v\f" + bytes(range(128, 256))
_MARKS_AS_SPACES = bytes(code if code in _NO_MARKS else ord(" ") for code in range(256))
_ASCII = bytes(range(128))
_BYTES_OF_A_PIECE = 12
# Inputs with no more pieces stay in the file's order: to pad them costs next to nothing.
_SHORT_PIECES = 6
# What two inputs that are the same have in common.
Identity = tuple[type, str]
# 16 bits for each row, of which a chunk has 10,000 at most.
_STORED = "H"


@dataclass(frozen=True, slots=True)
class Order:
    """Where each row of a chunk is sent: `places[row]`, of `length` places. Rows with the same input share a place.

    >>> inputs = ["a text that has more than six words", "so good", "so bad", "so good"]
    >>> order = Order.of(inputs, by_length=True, shares=True)
    >>> order.places, order.rows, order.sent
    ((2, 0, 1, 0), [[1, 3], [2], [0]], [1, 2, 0])
    """

    places: Sequence[int]
    length: int

    @classmethod
    def of(cls, inputs: Sequence[Any], *, by_length: bool, shares: bool, first: Collection[Identity] = ()) -> Order:
        """The order for the inputs of a chunk's rows, which are given in the file's. `shares`: same ones share a place.

        None and errors are no inputs: each has a place of its own. Those that are `first` come before all others.
        """
        known = list(map(identity, inputs))
        first_of: Sequence[int] = range(len(known))
        if shares:
            firsts: dict[Identity, int] = {}
            first_of = [row if one is None else firsts.setdefault(one, row) for row, one in enumerate(known)]
        sent = list(dict.fromkeys(first_of))
        if by_length:
            sent.sort(key=lambda row: max(_SHORT_PIECES, _length(known[row])))
        if first:
            sent.sort(key=lambda row: known[row] not in first)
        places = {row: place for place, row in enumerate(sent)}
        ordered = tuple([places[row] for row in first_of])
        as_in_file = cls.of_file(len(known))
        return as_in_file if ordered == tuple(as_in_file.places) else cls(ordered, len(places))

    @classmethod
    def of_file(cls, rows: int) -> Order:
        """The order of so many rows that are sent as they stand in the file, each by itself."""
        return cls(range(rows), rows)

    @property
    def is_of_file(self) -> bool:
        """Whether the rows are sent as they stand in the file."""
        return isinstance(self.places, range)

    @property
    def rows(self) -> list[list[int]]:
        """The rows at each place."""
        found: list[list[int]] = [[] for _ in range(self.length)]
        for row, place in enumerate(self.places):
            found[place].append(row)
        return found

    @property
    def sent(self) -> list[int]:
        """The row at each place that is sent: the first one."""
        return [sharing[0] for sharing in self.rows]

    def row_counter(self) -> Callable[[Span], int]:
        """Counts the rows at the places of a span.

        >>> from fanfold_core.domain.spans import Span
        >>> Order((2, 0, 1, 0), 3).row_counter()(Span(0, 2))
        3
        """
        if self.length == len(self.places):
            return attrgetter("rows")
        sharing = Counter(self.places)
        return lambda span: sum(sharing[place] for place in range(span.start, span.end))

    def to_bytes(self) -> bytes:
        """As the ledger keeps it."""
        return zlib.compress(_little_endian(array(_STORED, self.places)).tobytes())

    @classmethod
    def from_bytes(cls, content: bytes, length: int) -> Order:
        """What `to_bytes` has written, of so many places."""
        places = array(_STORED)
        places.frombytes(zlib.decompress(content))
        return cls(tuple(_little_endian(places)), length)


def identity(found: Any) -> Identity | None:
    """What an input is in a request, as text, and its type; None for what is no input.

    >>> identity("1") == identity(1), identity({"a": 1}) == identity({"a": 1})
    (False, True)
    """
    if found is None or isinstance(found, Exception):
        return None
    return type(found), found if isinstance(found, str) else write_json(found)


def _length(known: Identity | None) -> int:
    """How many pieces an input has, counted by what is quick, since this is done for each row of a file."""
    if known is None:
        return 0
    text = known[1].encode()
    words, marks = len(text.translate(_MARKS_AS_SPACES).split()), len(text.translate(None, _NO_MARKS))
    return words + marks + (0 if known[1].isascii() else len(text.translate(None, _ASCII)) // _BYTES_OF_A_PIECE)


def _little_endian(places: array[int]) -> array[int]:
    if sys.byteorder == "big":
        places.byteswap()
    return places
