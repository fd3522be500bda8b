"""What a file is, by its first bytes, before it is uploaded: the rules are those that its job will go by."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING

from fanfold.errors import InputFileError
from fanfold_core.domain.options import Options
from fanfold_core.input.errors import InputError, LayoutError, UndecodableError
from fanfold_core.input.formats import TABLE_ENDINGS, FileName
from fanfold_core.input.sniffing import overlooked_delimiter
from fanfold_core.input.source import BLOCK_BYTES, InputFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HEAD_BYTES = BLOCK_BYTES
_MOST_ROWS = 5
# Tried in this order on a file that is no text in its encoding; the last one can read anything.
_LIKELY_ENCODINGS = ("utf-8", "cp1252", "latin-1")
_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}


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
    if not FileName.parse(name).is_table:
        raise InputFileError(
            f"{name} is not a CSV: its name must end in {TABLE_ENDINGS}. Export the data as CSV, and choose that file"
        )
    chosen = Options.of_stack(parameters, options)
    file = InputFile(name, len(head), chosen, lambda start: BytesIO(head[start:]), is_beginning=not complete)
    try:
        return _preview(file, chosen)
    except UndecodableError as error:
        # Without its advice, which is for files that have been uploaded.
        where = str(error).partition(";")[0]
        likely = _likely_encoding(file, chosen)
        words = f"{where}. Try the encoding {likely}, and check that the rows look right"
        raise InputError(words) from error


def _preview(file: InputFile, chosen: Options) -> Preview:
    try:
        layout = file.layout()
    except LayoutError:
        if chosen.input_column or chosen.input:
            raise
        # Its names say nothing, so somebody has to choose among them.
        layout = replace(file, options=replace(chosen, input_column="0")).layout()
    rows = file.rows(file.first_rows(layout).data, layout)[:_MOST_ROWS]
    input_index = None if chosen.input else layout.input_index
    first = layout.columns if layout.has_header else next(iter(rows), [])
    return Preview(layout.columns, input_index, layout.has_header, rows, _hint(first))


def _hint(first: Sequence[str]) -> str:
    """Whether a file of one column is perhaps one of several, by its first line."""
    likely = overlooked_delimiter(first)
    return (
        f"The file has one column, but its first line contains {_DELIMITERS[likely]}: are they the delimiter?"
        if likely
        else ""
    )


def _likely_encoding(file: InputFile, chosen: Options) -> str:
    # As bytes, which Latin-1 leaves as they are.
    head, complete = replace(file, options=replace(chosen, encoding="latin-1")).head()
    return next(known for known in _LIKELY_ENCODINGS if _decodes(head, known, complete=complete))


def _decodes(head: bytes, encoding: str, *, complete: bool) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(head, final=complete)
    except UnicodeError:
        return False
    return True
