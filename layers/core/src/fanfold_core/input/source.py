"""Source: an input file as its reader sees it, wherever it is kept: opened, decompressed, decoded, laid out and cut."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import IO, TYPE_CHECKING

from fanfold_core.input.cutting import UNLIMITED, Budget, Cut, cut
from fanfold_core.input.encodings import check_decodes, encoded, is_byte_cuttable, transcoder
from fanfold_core.input.errors import CompressionError, ParquetError, UndecodableError
from fanfold_core.input.formats import Compression, FileName, Format
from fanfold_core.input.json.lines import JsonLinesReader
from fanfold_core.input.reading import CsvReader
from fanfold_core.input.sniffing import check_is_unicode, starts_with_mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from fanfold_core.input.cutting import Limits
    from fanfold_core.input.errors import InputError
    from fanfold_core.input.layout import Layout
    from fanfold_core.input.parquet.stream import Opener
    from fanfold_core.input.reading import Reader, ReadOptions
    from fanfold_core.input.records import Records
    from fanfold_core.input.scanning import RecordScanner

BLOCK_BYTES = 1024 * 1024


# How each format is read.
_READERS: Mapping[Format, Callable[[ReadOptions, str], Reader]] = {
    Format.CSV: CsvReader,
    Format.JSON_LINES: JsonLinesReader,
    Format.PARQUET: JsonLinesReader,
}


def _in_time() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class InputFile:
    r"""A file of `size` bytes, whose name says whether it is compressed.

    `open` streams it from a byte on, up to another one if that is named. `is_beginning`: these are its first bytes
    only. Reading it raises `FileTooLargeError` or `TooManyRowsError` as soon as it turns out to hold more than its
    `budget`.

    >>> from io import BytesIO
    >>> from fanfold_core.domain.options import Options
    >>> from fanfold_core.input.cutting import Limits
    >>> file = InputFile("a.csv", 9, Options(), lambda start, end=None: BytesIO(b"text\ngood"[start:end]))
    >>> layout = file.layout()
    >>> [file.rows(piece.data, layout) for piece in file.pieces(layout, Limits())]
    [[['good']]]
    """

    name: str
    size: int
    options: ReadOptions
    open: Opener
    is_beginning: bool = False
    budget: Budget = UNLIMITED

    @property
    def is_copied(self) -> bool:
        """Whether chunks are objects of their own: a compressed, converted or transcoded file has no byte ranges."""
        return self._compression is not None or self._is_parquet or not is_byte_cuttable(self._encoding)

    @property
    def chunk_encoding(self) -> str:
        """Encoding of a chunk's bytes; a file that cannot be cut as bytes is copied as UTF-8."""
        return self._encoding if is_byte_cuttable(self._encoding) else "utf-8"

    @contextmanager
    def blocks(self, start: int, out_of_time: Callable[[], bool] = _in_time) -> Iterator[Iterator[bytes]]:
        """The file's blocks from byte `start` on; of a compressed, converted or transcoded file, of what it yields.

        `CompressionError` or `ParquetError` if it is not what its name says, ends in its middle, or is too large to be
        read up to `start` in one go; `UndecodableError` if it cannot be transcoded; and what the opener raises.
        """
        if not self.size or (start >= self.size and not self.is_copied):
            # S3 refuses a range of which there is no byte.
            yield iter(())
            return
        if not self.is_copied:
            with self._open(start) as stream:
                yield _read(stream)
            return
        with self._decompressed() as blocks:
            text = blocks if is_byte_cuttable(self._encoding) else self._as_utf_8(blocks)
            yield _skipping(text, start, out_of_time, self._too_large())

    def layout(self, out_of_time: Callable[[], bool] = _in_time) -> Layout:
        """How the file is laid out, by its first bytes; `InputError` if it is none that the options describe."""
        raw = b""
        if not is_byte_cuttable(self._encoding):
            raw = self._beginning()
            check_is_unicode(raw, self._encoding)
        head, complete = self.head(out_of_time)
        layout = self._reader.layout(head, complete=complete)
        if FileName.parse(self.name).options and self.options.dialect.delimiter == "\t" and not layout.delimiter:
            layout = replace(layout, assumed=("Cells end at tabs, by the name of the file.", *layout.assumed))
        return replace(layout, bom=starts_with_mark(raw or head))

    def head(self, out_of_time: Callable[[], bool] = _in_time) -> tuple[bytes, bool]:
        """The first bytes as they are cut, `BLOCK_BYTES` at most, and whether they are all of the file."""
        head = b""
        with self.blocks(0, out_of_time) as blocks:
            for block in blocks:
                head += block
                if len(head) > BLOCK_BYTES:
                    return head[:BLOCK_BYTES], False
        return head, not self.is_beginning

    def first_rows(self, layout: Layout) -> Cut:
        """The rows that end within `head`: what is cut in two there, also a character, is none of them."""
        head, complete = self.head()
        data = head[layout.first_byte :] if complete else head[layout.first_byte :].removesuffix(b"\r")
        run = self.scanner(layout).whole_records(data, len(head), is_last=complete)
        piece = Cut(layout.first_byte, layout.first_byte + run.end, 0, run.rows, data[: run.end])
        self._check_decodes(piece, layout)
        return piece

    def pieces(
        self,
        layout: Layout,
        limits: Limits,
        *,
        start: int | None = None,
        first_row: int = 0,
        out_of_time: Callable[[], bool] = _in_time,
    ) -> Iterator[Cut]:
        """The file in pieces for a chunk each: all its rows, or those from byte `start` on, where `first_row` begins.

        `InputError` where it cannot be read on.
        """
        start = layout.first_byte if start is None else start
        with self.blocks(start, out_of_time) as blocks:
            for piece in cut(
                blocks,
                start=start,
                first_row=first_row,
                scanner=self.scanner(layout),
                limits=limits,
            ):
                self.budget.check_rows(piece.first_row + piece.rows)
                self._check_decodes(piece, layout)
                yield piece

    def rows(self, content: bytes, layout: Layout, *, first_row: int = 0, start: int = 0) -> list[list[str]]:
        """The rows in the bytes of a chunk as lists of cells, an empty line in a one-column file as `[]`.

        A row that cannot be read, such as one with bytes that are no text unless they are replaced, is an
        `UnreadableRow`; one that is a JSON object, a `JsonRow`. `first_row` and `start` are the numbers of the first
        row and byte.
        """
        return list(self._reader.rows(content, layout, first_row, start))

    def records(self, content: bytes, rows: int, layout: Layout) -> Records:
        """The rows in the bytes of a chunk as they would stand in a CSV."""
        return self._reader.records(content, rows, layout)

    def cell_bytes(self, content: bytes, layout: Layout) -> int:
        """How many bytes the cells in the bytes of a chunk have at least, wherever they are written to."""
        return self._reader.cell_bytes(content, layout)

    def scanner(self, layout: Layout) -> RecordScanner:
        """What finds the ends of the file's records."""
        return self._reader.scanner(layout)

    @property
    def _reader(self) -> Reader:
        return _READERS[FileName.parse(self.name).format](self.options, self.chunk_encoding)

    def _check_decodes(self, piece: Cut, layout: Layout) -> None:
        if self.options.encoding_errors == "strict":
            check_decodes(piece, self.chunk_encoding, self.scanner(layout))

    @contextmanager
    def _decompressed(self) -> Iterator[Iterator[bytes]]:
        if self._is_parquet:
            # For the few functions, and the few files, that need what it imports.
            from fanfold_core.input.parquet.stream import json_lines  # noqa: PLC0415

            with json_lines(self.open, self.size) as blocks:
                yield self.budget.counted(_with_rows(blocks))
            return
        with self._open(0) as stream:
            blocks = _read(stream)
            if self._compression:
                blocks = self._compression.decompressed(blocks, BLOCK_BYTES, is_beginning=self.is_beginning)
                blocks = self.budget.counted(blocks)
            yield blocks

    def _open(self, start: int) -> AbstractContextManager[IO[bytes]]:
        if not self._compression:
            self.budget.check_bytes(self.size)
        return self.open(start)

    def _beginning(self) -> bytes:
        """The first bytes, decompressed but not transcoded."""
        if not self.size:
            return b""
        with self._decompressed() as blocks:
            return next(blocks, b"")

    @property
    def _compression(self) -> Compression | None:
        return FileName.parse(self.name).compression

    @property
    def _is_parquet(self) -> bool:
        return FileName.parse(self.name).format is Format.PARQUET

    @property
    def _encoding(self) -> str:
        """Of the text in the file. That of Parquet is always the same, whatever the option says."""
        return "utf-8" if self._is_parquet else self.options.encoding

    def _too_large(self) -> InputError:
        """For a file that cannot be read up to where to go on in one go."""
        if self._is_parquet:
            return ParquetError(
                "the Parquet file is too large to be read up to its end in one go: write it as several files, or as "
                "JSON Lines"
            )
        return CompressionError("the file is too large to be read without byte ranges: upload it as plain UTF-8")

    def _as_utf_8(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        encoding = self._encoding
        decoder = transcoder(encoding, self.options.encoding_errors)
        done = 0
        try:
            for block in blocks:
                yield encoded(decoder.decode(block))
                done += len(block)
            yield encoded(decoder.decode(b"", final=not self.is_beginning))
        except UnicodeError as error:
            raise UndecodableError.in_stream(encoding, done) from error


def _with_rows(blocks: Iterator[bytes]) -> Iterator[bytes]:
    first = next(blocks, None)
    if first is None:
        raise ParquetError("the Parquet file has no rows: upload a file with rows")
    return chain([first], blocks)


def _read(stream: IO[bytes]) -> Iterator[bytes]:
    return iter(partial(stream.read, BLOCK_BYTES), b"")


def _skipping(
    blocks: Iterator[bytes], start: int, out_of_time: Callable[[], bool], too_large: InputError
) -> Iterator[bytes]:
    """Without byte ranges, going on means reading everything before again. That must leave time to go on."""
    for block in blocks:
        if 0 < len(block) <= start:
            start -= len(block)
            if out_of_time():
                raise too_large
        else:
            yield block[start:]
            start = 0
