"""Sniffing: files that are no CSV at all are told apart by how they begin, so that the error can say what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fanfold_core.input.formats import COMPRESSIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

UTF_16 = "text in UTF-16 or UTF-32"
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_BEGINNINGS = {
    b"PK\x03\x04": "a zip archive, such as an Excel workbook (.xlsx)",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old Office document, such as an Excel workbook (.xls)",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
    b"PAR1\x15": "a Parquet file",
    b"ARROW1\x00\x00": "an Arrow file",
    b"Obj\x01": "an Avro file",
    b"SQLite format 3\x00": "an SQLite database",
    b"%PDF-": "a PDF document",
    b"\x89PNG\r\n\x1a\n": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF87a": "a GIF image",
    b"GIF89a": "a GIF image",
} | {
    beginning: f"a file compressed with {known.name} whose name doesn't end in {known.suffix}"
    for known in COMPRESSIONS
    for beginning in known.beginnings
}
_SAMPLE = 4096
# Text in UTF-16 has a NUL in about every other byte, unless it is Chinese; binary data has fewer, but more than text.
_NULS_OF_UTF_16 = 0.3
_NULS_OF_BINARY = 0.1


def what_it_is(head: bytes) -> str | None:
    r"""What a file is that begins like this, if it can be no CSV in an encoding that extends ASCII.

    >>> what_it_is(b"\x1f\x8b\x08\x00")
    "a file compressed with gzip whose name doesn't end in .gz"
    >>> what_it_is("text".encode("utf-16-le"))
    'text in UTF-16 or UTF-32'
    >>> what_it_is(b"text")
    """
    for beginning, kind in _BEGINNINGS.items():
        if head.startswith(beginning):
            return kind
    sample = head[:_SAMPLE]
    nuls = sample.count(0) / len(sample) if sample else 0
    if head.startswith(_BYTE_ORDER_MARKS) or nuls >= _NULS_OF_UTF_16:
        return UTF_16
    return "binary data" if nuls > _NULS_OF_BINARY else None


# What files have between cells in place of a comma.
_LIKELY = (";", "\t", "|")


def overlooked_delimiter(first_record: Sequence[str]) -> str | None:
    """What perhaps stands between the cells of a file that was read as one column, by its first record.

    >>> overlooked_delimiter(["id;text"]), overlooked_delimiter(["so good, so far; really"])
    (';', None)
    """
    if len(first_record) != 1:
        return None
    (line,) = first_record
    likely = max(_LIKELY, key=line.count)
    return likely if line.count(likely) > line.count(",") else None
