"""Reading: what a format of input files has to know, and CSV, which is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from fanfold_core.input.layout import Layout, detect_layout
from fanfold_core.input.records import Dialect, Records, read_records
from fanfold_core.input.scanning import RecordScanner, Scanner
from fanfold_core.input.undecodable import Undecodable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fanfold_core.input.columns import Asked


class ReadOptions(Protocol):
    """What has to be known of a file to read it. `columns` are those that make the input, None if one column is."""

    @property
    def dialect(self) -> Dialect: ...  # noqa: D102
    @property
    def encoding(self) -> str: ...  # noqa: D102
    @property
    def header(self) -> str: ...  # noqa: D102
    @property
    def input_column(self) -> str: ...  # noqa: D102
    @property
    def columns(self) -> Asked | None: ...  # noqa: D102
    @property
    def label_column(self) -> str: ...  # noqa: D102
    @property
    def skip_rows(self) -> int: ...  # noqa: D102
    @property
    def encoding_errors(self) -> str: ...  # noqa: D102


class Reader(Protocol):
    """How files of one format are read. Bytes are in the encoding of their chunks."""

    def layout(self, head: bytes, *, complete: bool) -> Layout:
        """How a file is laid out, by its first bytes, `complete` if they are all of it; or `InputError`."""

    def scanner(self, layout: Layout) -> RecordScanner:
        """What finds the ends of records."""

    def rows(self, content: bytes, layout: Layout, first_row: int, start: int) -> Iterator[list[str]]:
        """The cells of rows, of which the first is `first_row` and begins at byte `start` of the file.

        An `UnreadableRow` has bytes that are no text, or is none of the format. What else a row has is for its format.
        """

    def records(self, content: bytes, rows: int, layout: Layout) -> Records:
        """So many rows as they would stand in a CSV."""

    def cell_bytes(self, content: bytes, layout: Layout) -> int:
        """How many bytes the cells of rows have at least, wherever they are written to."""


@dataclass(frozen=True, slots=True)
class CsvReader:
    """Reads CSV with these options, in bytes of an encoding that may be that of a copy."""

    options: ReadOptions
    encoding: str

    def layout(self, head: bytes, *, complete: bool) -> Layout:  # noqa: D102
        return detect_layout(
            head,
            complete=complete,
            encoding=self.encoding,
            dialect=self.options.dialect,
            header=self.options.header,
            input_column=self.options.input_column or None,
            asked=self.options.columns,
            skip_rows=self.options.skip_rows,
            encoding_errors=self.options.encoding_errors,
            announced=self.options.encoding,
            label_column=self.options.label_column or None,
        )

    def scanner(self, layout: Layout) -> Scanner:  # noqa: D102
        return Scanner(self._dialect(layout), layout.blank_is_row)

    def rows(self, content: bytes, layout: Layout, first_row: int, start: int) -> Iterator[list[str]]:
        """An empty line in a one-column file is `[]`."""
        dialect = self._dialect(layout)
        try:
            text = content.decode(self.encoding, "replace" if self.options.encoding_errors == "replace" else "strict")
        except UnicodeDecodeError:
            told = Undecodable(self.options.encoding, self.encoding, self.options.encoding_errors)
            return told.rows(content, dialect, first_row, start, blank_is_row=layout.blank_is_row)
        return (cells for cells in read_records(text, dialect) if cells or layout.blank_is_row)

    def records(self, content: bytes, rows: int, layout: Layout) -> Records:
        """As they stand in the file; a tenth of the work of reading their cells."""
        text = content.decode(self.encoding, "replace")
        return Records.of(text, rows, self._dialect(layout), blank_is_row=layout.blank_is_row)

    def cell_bytes(self, content: bytes, layout: Layout) -> int:
        """Cells beyond the columns don't count, nor spaces that are skipped: no results have them."""
        width = len(layout.columns)
        read = read_records(content.decode(self.encoding, "replace"), self._dialect(layout))
        return sum(len("".join(cells[:width]).encode()) for cells in read)

    def _dialect(self, layout: Layout) -> Dialect:
        return layout.dialect_of(self.options.dialect)
