"""Masks: a bit for each byte of a window, so that a few operations on words say of 64 bytes at once what they are.

Bit 0 of word 0 is the window's first byte. This is how simdjson finds its way through JSON (Langdale and Lemire,
"Parsing Gigabytes of JSON per Second", 2019), with NumPy's loops in place of the processor's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Mask: TypeAlias = "NDArray[np.uint64]"

_WORD = 64
_ONE, _LAST = np.uint64(1), np.uint64(_WORD - 1)


class ByteMasks:
    r"""The bytes of a window, of which masks are asked for.

    >>> [hex(word) for word in ByteMasks(b'a,"b"').of(b'"')]
    ['0x14']
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self._bytes = np.frombuffer(data, np.uint8)
        # Bytes beyond the window are in no mask.
        self._flags = np.zeros(-(-len(data) // _WORD) * _WORD, bool)

    def of(self, byte: bytes) -> Mask:
        """Where this byte stands."""
        np.equal(self._bytes, byte[0], out=self._flags[: len(self._bytes)])
        return np.packbits(self._flags, bitorder="little").view("<u8")


def following(mask: Mask) -> Mask:
    """The bytes that follow one of the mask."""
    moved = mask << _ONE
    moved[1:] |= mask[:-1] >> _LAST
    return moved


def preceding(mask: Mask) -> Mask:
    """The bytes that precede one of the mask."""
    moved = mask >> _ONE
    moved[:-1] |= mask[1:] << _LAST
    return moved


def between(mask: Mask) -> Mask:
    """From each first, third, … byte of the mask on, up to the one before the next byte of the mask.

    >>> bin(between(ByteMasks(b'a"b"c"d').of(b'"'))[0] & 0b1111111)
    '0b1100110'
    """
    # A bit becomes the parity of all bits up to it: in its word by doubling, and then with the words before.
    parity = mask.copy()
    for distance in (1, 2, 4, 8, 16, 32):
        parity ^= parity << np.uint64(distance)
    carried = np.bitwise_xor.accumulate(parity >> _LAST)
    parity[1:] ^= -carried[:-1]
    return parity


def count(mask: Mask) -> int:
    """How many bytes are in the mask."""
    return int(np.bitwise_count(mask).sum())


def place(mask: Mask, number: int) -> int:
    r"""Where the mask's byte of this number stands, counted from 1.

    >>> place(ByteMasks(b"a\nb\n").of(b"\n"), 2)
    3
    """
    up_to = np.cumsum(np.bitwise_count(mask), dtype=np.int64)
    index = int(np.searchsorted(up_to, number))
    word = int(mask[index])
    for _ in range(int(up_to[index]) - number, word.bit_count() - 1):
        word &= word - 1
    return index * _WORD + (word & -word).bit_length() - 1
