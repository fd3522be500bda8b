"""Encodings: which of them can be cut as bytes, and where bytes are no text."""

from __future__ import annotations

import codecs
import re
from codecs import lookup
from typing import TYPE_CHECKING, Literal

from fanfold_core.input.errors import OptionError, UndecodableError

if TYPE_CHECKING:
    from fanfold_core.input.cutting import Cut
    from fanfold_core.input.scanning import RecordScanner

ErrorHandling = Literal["strict", "row", "replace"]
# Tried in this order on a file that is no text in its encoding; the last one can read anything.
_LIKELY = ("utf-8", "cp1252", "latin-1")
# In the UTF-8 copy of a file, a byte that UTF-8 never has stands for what was no text in the file's own encoding. Where
# bytes are decoded with surrogateescape, such ones become lone surrogates, which no text has.
_MARKED = "\udcff"
_ESCAPED = re.compile("[\udc80-\udcff]")
codecs.register_error("fanfold_marked", lambda error: (_MARKED, _end(error)))
_TRANSCODING = {"strict": "strict", "row": "fanfold_marked", "replace": "replace"}

# Every byte, and what switches to other characters in the encodings of the ISO 2022 family and in Python's escapes.
_EVERY_BYTE = bytes(range(256)) + rb"\x22\u0022" + b'\x1b$B""\x1b(B\x1b$)C\x0e""\x0f'


def is_byte_cuttable(encoding: str) -> bool:
    """Whether files in this encoding can be cut as bytes; others have to become UTF-8 first.

    True for UTF-8 and for encodings that have one byte per character and ASCII as their first half. `OptionError` if
    Python knows no such text encoding.

    >>> is_byte_cuttable("cp1252"), is_byte_cuttable("utf-16")
    (True, False)
    """
    try:
        if lookup(encoding).name in {"utf-8", "utf-8-sig"}:
            return True
        text = _EVERY_BYTE.decode(encoding, "replace")
    except UnicodeError:
        return False
    except (LookupError, ValueError) as error:
        raise OptionError("encoding", encoding, "a text encoding that Python knows, such as utf-8 or cp1252") from error
    return len(text) == len(_EVERY_BYTE) and _ascii_of(text) == _ascii_of(_EVERY_BYTE.decode("latin-1"))


def check_decodes(piece: Cut, encoding: str, scanner: RecordScanner) -> None:
    """Check that the bytes of a cut are text in the file's encoding; `UndecodableError` names the row that isn't."""
    if piece.data.isascii():
        return
    try:
        piece.data.decode(encoding)
    except UnicodeDecodeError as error:
        rows = scanner.whole_records(piece.data[: error.start], piece.rows, is_last=False).rows
        raise UndecodableError.in_row(piece.first_row + rows, piece.start + error.start, encoding) from error


def transcoder(encoding: str, handling: str) -> codecs.IncrementalDecoder:
    """Decodes a file in pieces; `UnicodeError` for what is no text if the handling is strict."""
    return codecs.getincrementaldecoder(encoding)(_TRANSCODING[handling])


def encoded(text: str) -> bytes:
    """Transcoded text as UTF-8, in which what was no text isn't any either."""
    return text.encode("utf-8", "surrogateescape")


def likely_encoding(data: bytes, given: str) -> str:
    """An encoding in which these bytes are text, other than the one that was given.

    >>> likely_encoding("café".encode("cp1252"), "utf-8")
    'cp1252'
    """
    others = (known for known in _LIKELY if lookup(known).name != lookup(given).name)
    return next((known for known in others if _decodes(data, known)), _LIKELY[-1])


def find_escaped(text: str) -> int | None:
    """Where bytes stand that were no text, in what was decoded with surrogateescape."""
    found = None if text.isascii() else _ESCAPED.search(text)
    return found.start() if found else None


def replaced(text: str) -> str:
    """The same with replacement characters for bytes that were no text."""
    return _ESCAPED.sub("\ufffd", text)


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeError:
        return False
    return True


def _ascii_of(text: str) -> str:
    return "".join(filter(str.isascii, text))


def _end(error: UnicodeError) -> int:
    if isinstance(error, UnicodeDecodeError):
        return error.end
    raise error
