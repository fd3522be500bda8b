"""Cutting: a stream of bytes becomes runs of whole records, each of which can be read alone.

Where the cuts are depends on the bytes and the limits alone: not on the blocks in which the bytes arrive, and not on
the cut after which a run goes on.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fanfold_core.input.errors import (
    EmptyLinesError,
    FileTooLargeError,
    OpenQuoteError,
    RecordTooLargeError,
    TooManyRowsError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fanfold_core.input.scanning import RecordScanner


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


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that a file may have: rows, and bytes once it is decompressed."""

    max_rows: int = sys.maxsize
    max_bytes: int = sys.maxsize

    def check_rows(self, rows: int) -> None:
        """`TooManyRowsError` if so many rows are more than a file may have."""
        if rows > self.max_rows:
            raise TooManyRowsError(self.max_rows)

    def check_bytes(self, size: int) -> None:
        """`FileTooLargeError` if so many bytes are more than a file may have."""
        if size > self.max_bytes:
            raise FileTooLargeError(self.max_bytes)

    def counted(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """The blocks of a file whose size only reading it tells; `FileTooLargeError` in place of the first too many.

        >>> list(Budget(max_bytes=9).counted([b"id,text", b"1"]))
        [b'id,text', b'1']
        """
        size = 0
        for block in blocks:
            size += len(block)
            self.check_bytes(size)
            yield block


UNLIMITED = Budget()


# Bytes scanned at once. More would leave the processor's cache, less would show the cost of each call.
_WINDOW = 512 * 1024
_SLACK = 1024
# Bytes looked at for blank lines before a cut, of which there are mostly none.
_GLANCE = 256


@dataclass(frozen=True, slots=True)
class Cut:
    """A run of whole records: bytes `start` to `end - 1` of the stream, and these bytes themselves.

    It begins with the first byte of row `first_row` and ends with the line end of its last row. Blank lines that are
    no rows may stand inside it, and between it and the next one.
    """

    start: int
    end: int
    first_row: int
    rows: int
    data: bytes


def cut(
    blocks: Iterable[bytes], *, start: int, first_row: int, scanner: RecordScanner, limits: Limits
) -> Iterator[Cut]:
    r"""Cut a stream, of which `blocks` are the bytes from `start` on, where row `first_row` begins.

    Each cut holds as many records as the limits allow, but at least one. To go on after any of them, begin at its end
    with the row after its last: the cuts that follow are the same. No more is held in memory than the limits and one
    block.

    `OpenQuoteError` and `RecordTooLargeError`, after the cuts before that record; `EmptyLinesError` where blank lines
    that are no rows take more than a record may.

    >>> from fanfold_core.input.cutting import Limits
    >>> from fanfold_core.input.records import Dialect
    >>> from fanfold_core.input.scanning import Scanner
    >>> blocks, scanner = [b'a\n"b', b'\n"\nc'], Scanner(Dialect(), blank_is_row=True)
    >>> for run in cut(blocks, start=0, first_row=0, scanner=scanner, limits=Limits(rows=2)):
    ...     print(run)
    Cut(start=0, end=7, first_row=0, rows=2, data=b'a\n"b\n"\n')
    Cut(start=7, end=8, first_row=2, rows=1, data=b'c')
    """
    # Allocators give large memory back to the system at once, and getting it anew for each block and cut takes longer
    # than cutting does. Having freed so much once, glibc keeps it for what follows.
    bytearray(limits.record_bytes)
    stream = _Stream(blocks)
    while True:
        if scanner.blank:
            blank = stream.skip(scanner.blank, limits.record_bytes)
            if blank > limits.record_bytes:
                raise EmptyLinesError(first_row, limits.record_bytes)
            start += blank
        rows, size = _measure(stream, scanner, limits, first_row)
        if not rows:
            return
        yield Cut(start, start + size, first_row, rows, stream.take(size))
        start += size
        first_row += rows


def _measure(stream: _Stream, scanner: RecordScanner, limits: Limits, first_row: int) -> tuple[int, int]:
    """Rows and bytes of the next cut; no rows at the end of the stream."""
    rows = size = 0
    width = _WINDOW
    while rows < limits.rows and (not rows or size < limits.bytes):
        # No record ends within the limit of a cut: then this cut is the one record, however long.
        is_alone = not rows and width > limits.bytes
        room = limits.record_bytes if is_alone else limits.bytes - size
        window, is_last = stream.window(size, min(width, room))
        run = scanner.whole_records(window, 1 if is_alone else limits.rows - rows, is_last=is_last)
        rows += run.rows
        size += run.end
        if run.rows:
            # What the other rows will take if they are like those before, and a little more.
            width = min(_WINDOW, (limits.rows - rows) * size // rows * 9 // 8 + _SLACK)
            continue
        if is_last:
            if window and not rows:
                raise OpenQuoteError(first_row)
            break
        if width < room or not (rows or is_alone):
            width *= 2
        elif rows:
            break
        else:
            raise RecordTooLargeError(first_row, limits.record_bytes)
    return rows, size


class _Stream:
    """The bytes that are to be cut yet, of which no more than asked for are read ahead."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._ahead: list[memoryview] = []
        self._used = 0  # bytes of the first block ahead that have been taken
        self._size = 0  # bytes ahead that haven't
        self._has_ended = False

    def window(self, at: int, width: int) -> tuple[memoryview, bool]:
        r"""The `width` bytes from `at` on, but no `\r` without its `\n`; and whether the stream ends with them."""
        end = at + width
        while self._size <= end and not self._has_ended:
            block = next(self._blocks, None)
            if block is None:
                self._has_ended = True
            else:
                self._ahead.append(memoryview(block))
                self._size += len(block)
        splits_line_end = bytes(self._view(end - 1, end + 1)) == b"\r\n"
        return self._view(at, end - splits_line_end), self._has_ended and self._size <= end

    def take(self, size: int) -> bytes:
        data = bytes(self._view(0, size))
        self._size -= size
        self._used += size
        while self._ahead and self._used >= len(self._ahead[0]):
            self._used -= len(self._ahead.pop(0))
        return data

    def skip(self, characters: bytes, most: int) -> int:
        """Take these characters, as many as come next; of more than `most`, some more. How many they were."""
        skipped = 0
        while True:
            window, is_last = self.window(0, _GLANCE)
            blank = len(window) - len(bytes(window).lstrip(characters))
            self.take(blank)
            skipped += blank
            if blank < len(window) or is_last or skipped > most:
                return skipped

    def _view(self, start: int, end: int) -> memoryview:
        """Bytes ahead; of one block, as mostly, without copying them."""
        start, end = start + self._used, end + self._used
        parts = []
        for block in self._ahead:
            parts.append(block[start:end])
            if end <= len(block):
                break
            start, end = max(0, start - len(block)), end - len(block)
        return parts[0] if len(parts) == 1 else memoryview(b"".join(parts))
