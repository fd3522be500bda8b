"""Scanning: how many whole records a window of bytes begins with, and where the last of them ends.

The answer is always `csv.reader`'s. Asking it costs ten times what counting costs, so windows that are quoted
regularly are counted. All that `csv.reader` needs to know of a window to find the line ends that end records is which
bytes stand in quotes; and quotes simply take turns opening and closing as long as every one that opens stands where
a cell begins. (What follows a closing quote doesn't matter: after `"a"b` a quote is an ordinary character until the
cell ends, and the next one would have to open in the middle of a cell.)

Bytes are scanned, not characters: in every encoding that `is_byte_cuttable` allows, delimiter, quote and line ends
are single bytes that are part of no other character.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from fanfold_core.domain.records import record_reader

if TYPE_CHECKING:
    from fanfold_core.domain.records import Dialect

LINE_ENDS = b"\r\n"
_BLANK_LINES = (b"\n", b"\r\n", b"\r")
# What a byte is for a quote after it: something in the middle of a cell, or the place where a cell begins, or a quote.
_INSIDE, _BEGIN, _QUOTE = b"\0", b"\1", b"\2"


class Run(NamedTuple):
    """Whole records: how many, and how many bytes up to the end of the last one."""

    rows: int
    end: int


class _Outline(NamedTuple):
    """A window up to `end`, in two parts: `text` with one quote in place of each quoted part, and the quoted parts.

    `is_open`: a quote opens at `end` and isn't closed in the window.
    """

    text: bytes
    quoted: list[bytes]
    end: int
    is_open: bool


@dataclass(frozen=True, slots=True)
class Scanner:
    """Finds whole records. A blank line is a record if `blank_is_row`, else it is none and never counted."""

    dialect: Dialect
    blank_is_row: bool

    def whole_records(self, window: bytes, most: int, *, is_last: bool) -> Run:
        r"""Count the whole records, but no more than `most`, at the start of a window that begins where a record does.

        The last record may do without a line end, but not without its closing quote, if the file ends with this
        window (`is_last`). A window that isn't the last must not end between `\r` and `\n`.

        >>> from fanfold_core.domain.records import Dialect
        >>> Scanner(Dialect(), blank_is_row=False).whole_records(b'a\n"b\n"\nc', 10, is_last=False)
        Run(rows=2, end=7)
        """
        outline = self._outline(window)
        if outline is None:
            return self._read(window, most, is_last=is_last)
        text, quoted, end, is_open = outline
        body = text if is_last and not is_open else text[: max(text.rfind(b"\n"), text.rfind(b"\r")) + 1]
        if not self.blank_is_row:
            body = _without_blank_end(body)
        rows = self._count(body)
        if rows > most:
            rows, body = most, self._first(body, most)
        quoted_after = text.count(self.dialect.quote.encode(), len(body))
        after = len(text) - len(body) + sum(len(part) + 1 for part in quoted[len(quoted) - quoted_after :])
        return Run(rows, end - after)

    def _outline(self, window: bytes) -> _Outline | None:
        """Outline of a window whose quoting is provably regular, else None."""
        delimiter, quote = self.dialect.delimiter.encode(), self.dialect.quote.encode()
        if quote not in window:
            return _Outline(window, [], len(window), is_open=False)
        pieces = window.split(quote)
        outside, quoted = pieces[::2], pieces[1::2]
        is_open = len(quoted) == len(outside)
        text = quote.join(outside)
        # Looking at the outline is cheap, since most of the window stands in quotes; and the two quotes of an escaped
        # one stand side by side in it.
        kinds = text.translate(_kinds(delimiter, quote))
        if _INSIDE + _QUOTE in kinds or (is_open and kinds.endswith(_INSIDE)):
            return None
        end = len(window) - len(quoted.pop()) - 1 if is_open else len(window)
        return _Outline(text, quoted, end, is_open)

    def _count(self, body: bytes) -> int:
        # Searching from the end takes half the time: there, two bytes are skipped for each that is neither.
        has_blank = not self.blank_is_row and (body.startswith(b"\n") or body.rfind(b"\n\n") >= 0)
        if b"\r" not in body and not has_blank:
            return body.count(b"\n") + (body[-1:] not in {b"\n", b""})
        lines = body.splitlines()
        return len(lines) if self.blank_is_row else len(lines) - lines.count(b"")

    def _first(self, body: bytes, rows: int) -> bytes:
        lines = body.splitlines(keepends=True)
        if self.blank_is_row or not any(map(lines.count, _BLANK_LINES)):
            return b"".join(lines[:rows])
        numbers = [number for number, line in enumerate(lines) if line.strip(LINE_ENDS)]
        return b"".join(lines[: numbers[rows - 1] + 1])

    def _read(self, window: bytes, most: int, *, is_last: bool) -> Run:
        lines = window.splitlines(keepends=True)
        if not is_last and not window.endswith((b"\n", b"\r")):
            lines.pop()
        # The empty line at the end becomes part of a record that isn't whole, or else a record of its own. Latin-1
        # gives every byte a character, and csv.reader looks at none but those of the dialect and the line ends.
        reader = record_reader(chain((line.decode("latin-1") for line in lines), [""]), self.dialect)
        rows = read = 0
        for record in reader:
            if rows == most or reader.line_num > len(lines):
                break
            if record or self.blank_is_row:
                rows, read = rows + 1, reader.line_num
        return Run(rows, sum(map(len, lines[:read])))


@cache
def _kinds(delimiter: bytes, quote: bytes) -> bytes:
    """A table that translates each byte to its kind."""
    kinds = bytearray(_INSIDE * 256)
    for byte in delimiter + LINE_ENDS:
        kinds[byte] = _BEGIN[0]
    kinds[quote[0]] = _QUOTE[0]
    return bytes(kinds)


def _without_blank_end(body: bytes) -> bytes:
    content = len(body.rstrip(LINE_ENDS))
    return body[: content + (2 if body.startswith(b"\r\n", content) else 1)] if content else b""
