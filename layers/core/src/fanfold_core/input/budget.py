"""Budget: the most that a file may hold, so that no upload costs more than a stack is ready to pay."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fanfold_core.input.errors import FileTooLargeError, TooManyRowsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


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
