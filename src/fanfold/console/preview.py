"""What a file is, by its first bytes, before it is uploaded: the rules are those that its job will go by."""

from __future__ import annotations

import codecs
import zlib
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import quote

from fanfold_core.domain.errors import CompressionError, LayoutError, UndecodableError
from fanfold_core.domain.layout import detect_layout, is_byte_cuttable
from fanfold_core.domain.options import Options
from fanfold_core.domain.records import read_records

if TYPE_CHECKING:
    from collections.abc import Mapping

HEAD_BYTES = 256 * 1024
_MOST_ROWS = 5
# The template's parameters that say how files are read, and what a file's options call them.
_PARAMETERS = {
    "InputColumn": "input-column",
    "InputExpression": "input-expression",
    "Header": "header",
    "Delimiter": "delimiter",
    "Encoding": "encoding",
}
_GZIP = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Preview:
    """The columns, which of them (from 0) is the input or could be, whether they have names, and the first rows.

    Where an expression makes the input, no column is it.
    """

    columns: tuple[str, ...]
    input_index: int | None
    has_header: bool
    rows: list[list[str]]


def preview(
    name: str, head: bytes, *, complete: bool, parameters: Mapping[str, str], options: Mapping[str, str]
) -> Preview:
    """Read the first bytes of a file; `complete` if they are all of it.

    `parameters` are the stack's, `options` this file's. `InputError` says what is wrong with either.
    """
    defaults = {option: parameters[key] for key, option in _PARAMETERS.items() if key in parameters}
    chosen = Options().overridden({option: quote(value) for option, value in {**defaults, **options}.items()})
    if name.lower().endswith(".gz"):
        head, complete = _decompressed(head, complete=complete)
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
    # A character that the window cuts in two is the last one, and no row that is shown.
    text = head[layout.first_byte :].decode(encoding, "replace")
    records = (cells for cells in read_records(text, chosen.dialect) if cells or layout.blank_is_row)
    input_index = None if chosen.input else layout.input_index
    return Preview(layout.columns, input_index, layout.has_header, list(islice(records, _MOST_ROWS)))


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
