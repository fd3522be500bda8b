"""Bytes that are no text: of which row they are, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING

from fanfold_core.input.encodings import find_escaped, likely_encoding, replaced
from fanfold_core.input.errors import UndecodableError, counted
from fanfold_core.input.records import UnreadableRow, record_reader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fanfold_core.input.records import Dialect, Records


@dataclass(frozen=True, slots=True)
class Undecodable:
    """What is done about bytes that are no text: `handling` is strict, row or replace.

    The file is in the encoding `announced`; its bytes, or those of its copy, are in `encoding`. Texts have been decoded
    with surrogateescape.
    """

    announced: str
    encoding: str
    handling: str

    def check_header(self, text: str, start: int) -> None:
        """`UndecodableError` if the header, which begins at this byte, isn't text all through."""
        at = find_escaped(text)
        if at is not None and self.handling != "replace":
            raise UndecodableError.in_header(start + self.size(text[:at]), self.announced)

    def hints(self, first_rows: Records) -> Iterator[str]:
        """A sentence if some of the first rows aren't text all through.

        `UndecodableError` if most of them aren't: then the file is in another encoding.
        """
        bad = [number for number, text in enumerate(first_rows.texts) if find_escaped(text) is not None]
        if not bad or self.handling == "strict":
            return
        if self.handling == "row" and len(bad) * 2 > len(first_rows):
            raise UndecodableError.in_most_rows(len(bad), len(first_rows), self.announced)
        fate = "ends in errors.csv" if self.handling == "row" else "is sent with replacement characters"
        likely = likely_encoding("\n".join(first_rows.texts).encode(self.encoding, "surrogateescape"), self.announced)
        yield (
            f"Of the first {counted(len(first_rows), 'row')}, {len(bad):,} cannot be read as {self.announced}, the "
            f"first is row {bad[0]:,} (from 0): such a row {fate}. If the file is in another encoding, name it with "
            f"the option `encoding`; {likely} could read it."
        )

    def rows(
        self, content: bytes, dialect: Dialect, first_row: int, start: int, *, blank_is_row: bool
    ) -> Iterator[list[str]]:
        """The rows in bytes of which some are no text; they begin at byte `start` of the file."""
        lines = StringIO(content.decode(self.encoding, "surrogateescape"), newline="").readlines()
        reader = record_reader(lines, dialect)
        begin = 0
        for cells in reader:
            record = "".join(lines[begin : reader.line_num])
            begin = reader.line_num
            if cells or blank_is_row:
                yield self.told(cells, record, first_row, start)
                first_row += 1
            start += self.size(record)

    def told(self, cells: list[str], record: str, row: int, start: int) -> list[str]:
        """The cells of a record that begins at this byte: an `UnreadableRow` if it isn't text all through."""
        at = find_escaped(record)
        if at is None:
            return cells
        byte = start + self.size(record[:at])
        # The bytes of a copy are nobody's.
        where = f"row {row}, byte {byte:,}" if self.announced == self.encoding else f"row {row}"
        reason = f"{where}: not {self.announced}; see the options `encoding` and `encoding-errors`"
        return UnreadableRow(map(replaced, cells), reason)

    def size(self, text: str) -> int:
        """How many bytes of the file it was."""
        return len(text.encode(self.encoding, "surrogateescape"))
