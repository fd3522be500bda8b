"""Sniffing: files that are no CSV at all are told apart by how they begin, so that the error can say what they are."""

from __future__ import annotations

import codecs
import json
import re

from fanfold_core.input.errors import LayoutError, NotCsvError
from fanfold_core.input.formats import COMPRESSIONS

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# What is packed in the same way is told by the first names in it.
_ARCHIVE = b"PK\x03\x04"
_WORKBOOK = re.compile(rb"\[Content_Types\]\.xml|_rels/|docProps/|xl/")
_PARQUET = b"PAR1\x15"
_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1"
_BEGINNINGS = {
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old Office document, such as an Excel workbook (.xls)",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
    _PARQUET: "a Parquet file",
    _LFS_POINTER: "a Git LFS pointer in place of a file",
    b"ARROW1\x00\x00": "an Arrow file",
    b"Obj\x01": "an Avro file",
    b"SQLite format 3\x00": "an SQLite database",
    b"%PDF-": "a PDF document",
    b"\x89PNG\r\n\x1a\n": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF87a": "a GIF image",
    b"GIF89a": "a GIF image",
}
_ADVICE = {
    _PARQUET: (
        "give it a name that ends in .parquet, decompress it if it is compressed as a whole, and upload it again"
    ),
    _LFS_POINTER: "fetch the file itself with `git lfs pull`, and upload that",
}
_MARKUP = re.compile(rb"<(!doctype html|html|head|body)\b|<\?xml\b|<Error>", re.IGNORECASE)
_JSON = re.compile(rb'\[\s*\{\s*"|\[\s*\[|\{\s*"(?:[^"\\]|\\.)*"\s*:')
_SAMPLE = 4096
# Text in UTF-16 has a NUL in about every other byte if it is English; binary data has fewer, but more than text.
_NULS_OF_UTF_16 = 0.3
_NULS_OF_BINARY = 0.1
# In binary data that is read as UTF-16, more characters than this are none.
_MOST_STRANGE = 0.05
_COMMON = '\r\n\t ,;"'
_STRANGE = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ue000-\uf8ff\ufffe\uffff]")


def check_is_csv(head: bytes) -> None:
    r"""See that a file that begins like this may be a CSV in an encoding that extends ASCII, or raise `LayoutError`.

    >>> check_is_csv(b"text\n")
    >>> check_is_csv(b"\x1f\x8b\x08\x00")
    Traceback (most recent call last):
    fanfold_core.input.errors.NotCsvError: the file is not a CSV, it looks like a file compressed with gzip ...
    """
    check_is_text(head, "a CSV")
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if not _JSON.match(text):
        return
    if _is_object(text.splitlines()[0]):
        raise NotCsvError("the file is not a CSV, it looks like JSON Lines: upload it under a name that ends in .jsonl")
    raise NotCsvError(
        "the file is not a CSV, it looks like JSON: convert it, for example with pandas.read_json and to_csv, and "
        "upload that"
    )


def check_is_text(head: bytes, wanted: str) -> None:
    """See that a file that begins like this may be text in an encoding that extends ASCII, or raise `LayoutError`.

    `wanted` is what it should be.
    """
    if head.startswith(_ARCHIVE):
        if _WORKBOOK.search(head[:_SAMPLE]):
            raise NotCsvError(
                f"the file is not {wanted}, it looks like an Excel workbook (.xlsx): in Excel, save it as CSV UTF-8, "
                "and upload that"
            )
        raise NotCsvError(
            f"the file is not {wanted}, it looks like a zip archive: unzip it, and upload the file in it, which may be "
            "compressed with gzip"
        )
    for known in COMPRESSIONS:
        if head.startswith(known.beginnings):
            raise NotCsvError(
                f"the file is not {wanted}, it looks like a file compressed with {known.name} whose name doesn't "
                f"end in {known.suffix}: rename it so, and upload it again"
            )
    for beginning, kind in _BEGINNINGS.items():
        if head.startswith(beginning):
            advice = _ADVICE.get(beginning, "export it as CSV, and upload that")
            raise NotCsvError(f"the file is not {wanted}, it looks like {kind}: {advice}")
    if name := unicode_encoding(head):
        raise LayoutError(
            f"the file looks like text in {name}: set the option `encoding` to {name}, or upload it as UTF-8"
        )
    sample = head[:_SAMPLE]
    if sample.count(0) > len(sample) * _NULS_OF_BINARY:
        raise NotCsvError(f"the file is not {wanted}, it looks like binary data: export it as CSV, and upload that")
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if markup := _MARKUP.match(text):
        kind = "an XML document" if markup.group().lower() in {b"<?xml", b"<error>"} else "an HTML page"
        raise NotCsvError(
            f"the file is not {wanted}, it looks like {kind}, perhaps a server's error message: open it to see what it "
            "says, and download the file again"
        )


def check_is_unicode(head: bytes, encoding: str) -> None:
    """See that a file that is said to be UTF-16 or UTF-32 looks like that: it might be read as other characters.

    `LayoutError` if it looks like something else.
    """
    name = codecs.lookup(encoding).name
    if not name.startswith(("utf-16", "utf-32")):
        return
    found = unicode_encoding(head)
    # Without a byte order mark, what isn't said to be big-endian is read as little-endian.
    if found and found.removesuffix("-le") != name.removesuffix("-le"):
        if found in _BYTE_ORDER_MARKS.values() and name.startswith(found):
            return
        words = f"text in {found}: set the option to that"
    elif not found and 0 not in head and _decodes(head, "utf-8"):
        words = "text in utf-8: leave the option out"
    else:
        return
    raise LayoutError(f"the option `encoding` says {encoding}, but the file looks like {words}")


def unicode_encoding(head: bytes) -> str | None:
    r"""Which of UTF-16 and UTF-32 a file is in that begins like this, None if in neither.

    >>> unicode_encoding("text\n".encode("utf-16-be")), unicode_encoding("多谢\n".encode("utf-16-le"))
    ('utf-16-be', 'utf-16-le')
    """
    for mark, name in _BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return name
    sample = head[:_SAMPLE]
    nuls = sample.count(0)
    if not nuls or (nuls < len(sample) * _NULS_OF_UTF_16 and _is_text(_decoded(sample.replace(b"\0", b""), "utf-8"))):
        return None
    found = {name: _decoded(sample, name) for name in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")}
    # In the wrong order of bytes, the characters that all texts have are other ones.
    common = {name: sum(map(text.count, _COMMON)) for name, text in found.items() if text and _is_text(text)}
    likely = max(common, key=lambda name: common[name], default="")
    return likely if common.get(likely) else None


def starts_with_mark(head: bytes) -> bool:
    """Whether a file begins with a byte order mark."""
    return head.startswith((codecs.BOM_UTF8, *_BYTE_ORDER_MARKS))


def _decoded(data: bytes, encoding: str) -> str:
    """The text, which may be cut in the middle of a character; empty if it is none."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return ""


def _decodes(data: bytes, encoding: str) -> bool:
    return not data or bool(_decoded(data, encoding))


def _is_text(text: str) -> bool:
    return bool(text) and len(_STRANGE.findall(text)) <= len(text) * _MOST_STRANGE


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
