"""Scanning: how many whole records a window of bytes begins with, and where the last of them ends.

The answer is always `csv.reader`'s. Asking it costs ten times what looking at masks does, so windows that are quoted
regularly are masked. All that `csv.reader` needs to know of a window to find the line ends that end records is which
bytes stand in quotes; and quotes simply take turns opening and closing as long as every one that opens stands where
a cell begins. (What follows a closing quote doesn't matter: after `"a"b` a quote is an ordinary character until the
cell ends, and the next one would have to open in the middle of a cell.)

Bytes are scanned, not characters: in every encoding that `is_byte_cuttable` allows, delimiter, quote and line ends
are single bytes that are part of no other character.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Protocol

from fanfold_core.input.records import record_reader

if TYPE_CHECKING:
    from fanfold_core.input.masks import Mask
    from fanfold_core.input.records import Dialect

LINE_ENDS = b"\r\n"
# Below this, csv.reader has answered before NumPy has been asked.
_WORTH_MASKS = 16 * 1024


class Run(NamedTuple):
    """Whole records: how many, and how many bytes up to the end of the last one."""

    rows: int
    end: int


class RecordScanner(Protocol):
    """Finds whole records of a format."""

    @property
    def blank(self) -> bytes:
        """What lines may consist of that are no records; nothing if there are no such lines."""

    def whole_records(self, window: bytes | memoryview, most: int, *, is_last: bool) -> Run:
        r"""Count the whole records, but no more than `most`, at the start of a window that begins where a record does.

        The last record may do without a line end if the file ends with this window (`is_last`). A window that isn't
        the last must not end between `\r` and `\n`.
        """


@dataclass(frozen=True, slots=True)
class Scanner:
    """Finds the records of a CSV. A blank line is one if `blank_is_row`, else it is none and never counted."""

    dialect: Dialect
    blank_is_row: bool

    @property
    def blank(self) -> bytes:
        """What blank lines consist of, if they are no rows."""
        return b"" if self.blank_is_row else LINE_ENDS

    def whole_records(self, window: bytes | memoryview, most: int, *, is_last: bool) -> Run:
        r"""Count the whole records, but no more than `most`, at the start of a window that begins where a record does.

        The last record may do without a line end, but not without its closing quote, if the file ends with this
        window (`is_last`). A window that isn't the last must not end between `\r` and `\n`.

        >>> from fanfold_core.input.records import Dialect
        >>> Scanner(Dialect(), blank_is_row=False).whole_records(b'a\n"b\n"\nc', 10, is_last=False)
        Run(rows=2, end=7)
        """
        # A file's last window may be all of it: a small file never waits for NumPy to be imported.
        if is_last or most == 1 or len(window) < _WORTH_MASKS:
            return self._read(window, most, is_last=is_last)
        ends = self._record_ends(window)
        return self._read(window, most, is_last=is_last) if ends is None else _first(ends, most)

    def _record_ends(self, window: bytes | memoryview) -> Mask | None:
        """The last bytes of records, if quoting is regular and NumPy is installed, as it is for the splitter."""
        try:
            # Imported with the first large file: it takes as long as scanning a hundred megabytes.
            from fanfold_core.input.masks import ByteMasks, between, following, preceding  # noqa: PLC0415
        except ModuleNotFoundError:
            return None

        masks = ByteMasks(window)
        if self.dialect.escape and masks.of(self.dialect.escape.encode()).any():
            return None
        feeds, returns = masks.of(b"\n"), masks.of(b"\r")
        quotes = masks.of(self.dialect.quote.encode())
        if quotes.any():
            quoted = between(quotes)
            begins = following(masks.of(self.dialect.delimiter.encode()) | feeds | returns)
            begins[0] |= 1
            if self.dialect.skip_initial_space:
                begins |= following(begins & masks.of(b" "))  # one space; where there are more, csv.reader is asked
            begins |= following(quotes)
            if (quotes & quoted & ~begins).any():
                return None
            feeds &= ~quoted
            returns &= ~quoted
        ends: Mask = feeds | (returns & ~preceding(feeds))
        if self.blank_is_row:
            return ends
        starts = following(ends)
        starts[0] |= 1
        ends &= ~(starts | following(starts & returns))  # but for those of blank lines
        return ends

    def _read(self, window: bytes | memoryview, most: int, *, is_last: bool) -> Run:
        lines = bytes(window).splitlines(keepends=True)
        if lines and not is_last and not lines[-1].endswith((b"\n", b"\r")):
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


def _first(ends: Mask, most: int) -> Run:
    from fanfold_core.input.masks import count, place  # noqa: PLC0415 - as above

    rows = min(count(ends), most)
    return Run(rows, place(ends, rows) + 1 if rows else 0)
