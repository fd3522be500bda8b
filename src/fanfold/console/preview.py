"""What a file is, by its first bytes, before it is uploaded: the rules are those that its job will go by."""

from __future__ import annotations

import codecs
import zlib
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from fanfold.errors import InputFileError
from fanfold_core.domain.options import Options
from fanfold_core.input.cutting import Cut
from fanfold_core.input.errors import CompressionError, InputError, LayoutError, UndecodableError
from fanfold_core.input.layout import check_decodes, detect_layout, is_byte_cuttable
from fanfold_core.input.records import read_records
from fanfold_core.input.scanning import Scanner
from fanfold_core.input.sniffing import overlooked_delimiter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fanfold_core.input.layout import Layout
    from fanfold_core.input.records import Dialect

HEAD_BYTES = 256 * 1024
_MOST_ROWS = 5
# What text with rows is called. The pipeline knows the first two; to the others an upload adds .csv.
_NAMES = (".csv", ".csv.gz", ".tsv", ".txt")
# Tried in this order on a file that is no text in its encoding; the last one can read anything.
_LIKELY_ENCODINGS = ("utf-8", "cp1252", "latin-1")
_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_GZIP = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Preview:
    """The columns, which of them (from 0) is the input or could be, whether they have names, and the first rows.

    Where an expression makes the input, no column is it. `hint` says what looks wrong with it, but may be right.
    """

    columns: tuple[str, ...]
    input_index: int | None
    has_header: bool
    rows: list[list[str]]
    hint: str = ""


def preview_file(
    name: str, head: bytes, *, complete: bool, parameters: Mapping[str, str], options: Mapping[str, str]
) -> Preview:
    """Read the first bytes of a file; `complete` if they are all of it.

    `parameters` are the stack's, `options` this file's. `InputError` says what is wrong with either, `InputFileError`
    that by its name it is no CSV.
    """
    if not name.lower().endswith(_NAMES):
        raise InputFileError(
            f"{name} is no CSV by its name, which has to end in {', '.join(_NAMES[:-1])} or {_NAMES[-1]}: "
            "export it as CSV, and choose that file"
        )
    chosen = Options.of_stack(parameters, options)
    if name.lower().endswith(".gz"):
        head, complete = _decompressed(head, complete=complete)
    try:
        return _read(head, chosen, complete=complete)
    except UndecodableError as error:
        likely = next(known for known in _LIKELY_ENCODINGS if _decodes(head, known, complete=complete))
        # Without its advice, which is for files that have been uploaded.
        where = str(error).partition(";")[0]
        words = f"{where}. Encoding {likely} could read it: choose that, and see whether the rows look right"
        raise InputError(words) from error


def _read(head: bytes, chosen: Options, *, complete: bool) -> Preview:
    encoding = chosen.encoding
    if not is_byte_cuttable(encoding):
        head, encoding = _as_utf_8(head, encoding, complete=complete), "utf-8"
    read = partial(
        detect_layout,
        head,
        complete=complete,
        encoding=encoding,
        dialect=chosen.dialect,
        header=chosen.header,
        names=chosen.input.names if chosen.input else None,
    )
    try:
        layout = read(input_column=chosen.input_column or None)
    except LayoutError:
        if chosen.input_column or chosen.input:
            raise
        # Its names say nothing, so somebody has to choose among them.
        layout = read(input_column="0")
    piece = _whole_rows(head, layout, chosen.dialect, complete=complete)
    check_decodes(piece, encoding, chosen.dialect)
    records = read_records(piece.data.decode(encoding), chosen.dialect)
    rows = list(islice((cells for cells in records if cells or layout.blank_is_row), _MOST_ROWS))
    input_index = None if chosen.input else layout.input_index
    first = layout.columns if layout.has_header else next(iter(rows), [])
    return Preview(layout.columns, input_index, layout.has_header, rows, _hint(first))


def _whole_rows(head: bytes, layout: Layout, dialect: Dialect, *, complete: bool) -> Cut:
    """The rows that end within the head: what is cut in two there, also a character, is none of them."""
    data = head[layout.first_byte :] if complete else head[layout.first_byte :].removesuffix(b"\r")
    run = Scanner(dialect, layout.blank_is_row).whole_records(data, len(head), is_last=complete)
    return Cut(layout.first_byte, layout.first_byte + run.end, 0, run.rows, data[: run.end])


def _hint(first: Sequence[str]) -> str:
    """Whether a file of one column is perhaps one of several, by its first line."""
    likely = overlooked_delimiter(first)
    return (
        f"All of a line is one cell, but the first has {_DELIMITERS[likely]} in it: do cells end there?"
        if likely
        else ""
    )


def _decodes(head: bytes, encoding: str, *, complete: bool) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(head, final=complete)
    except UnicodeError:
        return False
    return True


def _decompressed(head: bytes, *, complete: bool) -> tuple[bytes, bool]:
    stream = zlib.decompressobj(_GZIP)
    try:
        content = stream.decompress(head, HEAD_BYTES)
    except zlib.error as error:
        raise CompressionError(f"its name ends in .gz, but it is no sound gzip file ({error})") from error
    return content, complete and stream.eof and not stream.unused_data


def _as_utf_8(head: bytes, encoding: str, *, complete: bool) -> bytes:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(head, final=complete).encode()
    except UnicodeError as error:
        raise UndecodableError.in_stream(encoding, 0) from error
