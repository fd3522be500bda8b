"""Formats of input files: what a name says of its file, and how what is compressed is decompressed.

Another compression is one more entry of `COMPRESSIONS`, another name one more of `_TABLES`, another format one more of
`Format`, with its reader in `source.py`.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from dataclasses import dataclass
from enum import Enum
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from fanfold_core.input.errors import CompressionError, FileNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence


class Decompressor(Protocol):
    """Decompresses one stream of a file, of which there may be several in a row; as `bz2.BZ2Decompressor` does."""

    @property
    def eof(self) -> bool: ...  # noqa: D102
    @property
    def needs_input(self) -> bool: ...  # noqa: D102
    @property
    def unused_data(self) -> bytes: ...  # noqa: D102

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...  # noqa: D102


class _GzipDecompressor:
    def __init__(self) -> None:
        self._stream = zlib.decompressobj(zlib.MAX_WBITS + 16)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        return not (self._stream.eof or self._stream.unconsumed_tail)

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail + data, max(0, max_length))


@dataclass(frozen=True, slots=True)
class Compression:
    """A way to compress files: the end of their names, what it is called, and how such a file begins.

    Reading one that is damaged raises one of `damages`. Text seldom becomes more than `inflation` times as large.
    """

    suffix: str
    name: str
    beginnings: tuple[bytes, ...]
    decompressor: Callable[[], Decompressor]
    damages: tuple[type[Exception], ...]
    inflation: int

    def decompressed(self, blocks: Iterable[bytes], most: int, *, is_beginning: bool = False) -> Iterator[bytes]:
        """What a compressed file holds, in blocks of `most` bytes at most; `is_beginning` if its end may be missing.

        `CompressionError` if the file is damaged, or ends too early.

        >>> from gzip import compress
        >>> b"".join(COMPRESSIONS[0].decompressed([compress(b"so "), compress(b"good")], most=100))
        b'so good'
        """
        stream = self.decompressor()
        for block in blocks:
            rest = block
            while rest or not (stream.needs_input or stream.eof):
                if stream.eof:
                    # Between streams, and after the last one, zeros may stand, which fill a block of a device.
                    rest = rest.lstrip(b"\0")
                    if not rest:
                        break
                    stream = self.decompressor()
                try:
                    content = stream.decompress(rest, most)
                except self.damages as error:
                    raise CompressionError(
                        f"its name ends in {self.suffix}, but it is not a valid {self.name} file ({error}): rename it "
                        "if it is not compressed, or else upload it again"
                    ) from error
                rest = stream.unused_data
                if content:
                    yield content
        if not (stream.eof or is_beginning):
            raise CompressionError(f"the {self.name} file is truncated: upload the complete file")


# The level of bzip2 stands in the file. What xz needs most at its highest level is 65 MiB; more could be asked for by a
# file that was made to.
_BZIP2_BEGINNINGS = tuple(b"BZh%d1AY&SY" % level for level in range(1, 10))
_xz_decompressor = partial(lzma.LZMADecompressor, lzma.FORMAT_XZ, memlimit=128 * 1024 * 1024)

COMPRESSIONS = (
    Compression(".gz", "gzip", (b"\x1f\x8b",), _GzipDecompressor, (zlib.error,), inflation=30),
    Compression(".bz2", "bzip2", _BZIP2_BEGINNINGS, bz2.BZ2Decompressor, (OSError,), inflation=60),
    Compression(".xz", "xz", (b"\xfd7zXZ\x00",), _xz_decompressor, (lzma.LZMAError,), inflation=60),
)


class Format(Enum):
    """How rows are written in a file."""

    CSV = "CSV"
    JSON_LINES = "JSON Lines"
    PARQUET = "Parquet"


class _Table(NamedTuple):
    """What the end of a name stands for: a format, and options unless others are given."""

    format: Format = Format.CSV
    options: Mapping[str, str] = MappingProxyType({})


# How names of text with rows end. A .txt is a line a row, or what spreadsheets export under this name.
_CSV = ".csv"
_TABLES = {
    _CSV: _Table(),
    ".tsv": _Table(options={"delimiter": "tab"}),
    ".txt": _Table(options={"delimiter": "tab"}),
    ".jsonl": _Table(Format.JSON_LINES),
    ".ndjson": _Table(Format.JSON_LINES),
}
# Not text, and compressed within.
_PARQUET = ".parquet"
# How many times as large its text seldom is: values that are repeated take next to nothing.
_PARQUET_INFLATION = 100


@dataclass(frozen=True, slots=True)
class FileName:
    """A file's name (or key) without the end that says how it is compressed, and that compression."""

    stem: str
    compression: Compression | None

    @classmethod
    def parse(cls, name: str) -> FileName:
        """Tell the compression from the rest; upper case or lower does not matter.

        >>> FileName.parse("tweets.tsv.GZ").stem
        'tweets.tsv'
        """
        for compression in COMPRESSIONS:
            if name.lower().endswith(compression.suffix):
                return cls(name[: -len(compression.suffix)], compression)
        return cls(name, None)

    @property
    def is_table(self) -> bool:
        """Whether the pipeline takes such an object for an input file."""
        if self.format is Format.PARQUET:
            return self.compression is None
        return self.stem.lower().endswith(tuple(_TABLES))

    def check(self) -> None:
        """See that the pipeline takes such an object for an input file, or raise `FileNameError`."""
        if not self.is_table:
            raise FileNameError(TABLE_ENDINGS)

    @property
    def options(self) -> Mapping[str, str]:
        """The options that the name stands for.

        >>> FileName.parse("tweets.tsv.gz").options
        {'delimiter': 'tab'}
        """
        return self._table.options

    @property
    def format(self) -> Format:
        """How rows are written in the file.

        >>> FileName.parse("tweets.jsonl.gz").format
        <Format.JSON_LINES: 'JSON Lines'>
        """
        return self._table.format

    @property
    def text(self) -> str:
        """The name of a file of the text in it.

        >>> FileName.parse("tweets.tsv.gz").text, FileName.parse("tweets.parquet").text
        ('tweets.tsv', 'tweets.jsonl')
        """
        return f"{self.stem[: -len(_PARQUET)]}.jsonl" if self.format is Format.PARQUET else self.stem

    @property
    def inflation(self) -> int:
        """How many times as large as the file its text seldom is."""
        if self.format is Format.PARQUET:
            return _PARQUET_INFLATION
        return self.compression.inflation if self.compression else 1

    @property
    def _table(self) -> _Table:
        if self.stem.lower().endswith(_PARQUET):
            return _Table(Format.PARQUET)
        return next((table for end, table in _TABLES.items() if self.stem.lower().endswith(end)), _TABLES[_CSV])

    @property
    def uploaded(self) -> str:
        """The name under which the file is uploaded, by which the pipeline knows that it has rows.

        >>> FileName.parse("tweets.tsv").uploaded, FileName.parse("tweets.gz").uploaded
        ('tweets.tsv', 'tweets.csv.gz')
        """
        stem = self.stem if self.is_table else self.stem + _CSV
        return stem + (self.compression.suffix if self.compression else "")


def _in_words(choices: Sequence[str]) -> str:
    """The choices with commas and an or."""
    return f"{', '.join(choices[:-1])} or {choices[-1]}" if len(choices) > 1 else choices[0]


_SUFFIXES = [compression.suffix for compression in COMPRESSIONS]
# The last ends of the names that are tables.
ENDINGS = (*_TABLES, *_SUFFIXES, _PARQUET)
# In words, what is_table asks for.
TABLE_ENDINGS = f"{_in_words([*_TABLES, _PARQUET])}; all but the last may be followed by {_in_words(_SUFFIXES)}"
