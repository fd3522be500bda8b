"""The same texts, written in many ways."""

import bz2
import csv
import gzip
import io
import lzma
import random
from typing import Any

import pyarrow as pa
from pyarrow.parquet import write_table

# Like a file of tweets: no header, CRLF, quotes and line breaks in cells, emoji, no last line end.
_random = random.Random(7)
_WORDS = [
    "good",
    "bad",
    "@airline",
    "delayed",
    "thanks",
    "“quoted”",
    "👍",
    "naïve",
    'said "no"',
    "a, b",
    "line\nbreak",
    "lot\r\nof",
]
TEXTS = [" ".join(_random.choices(_WORDS, k=_random.randint(1, 9))) for _ in range(300)]


def as_csv(rows: list[list[str]], line_end: str = "\r\n") -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=line_end).writerows(rows)
    return out.getvalue().removesuffix(line_end).encode()


def as_parquet() -> bytes:
    out = io.BytesIO()
    write_table(pa.table({"id": range(len(TEXTS)), "text": TEXTS}), out, row_group_size=77)
    return out.getvalue()


BARE = as_csv([[text] for text in TEXTS])
VARIANTS: dict[str, tuple[bytes, dict[str, Any]]] = {
    "gzipped.csv.gz": (gzip.compress(BARE), {}),
    "bzipped.csv.bz2": (bz2.compress(BARE), {}),
    "two streams.csv.bz2": (bz2.compress(BARE[:999]) + bz2.compress(BARE[999:]), {}),
    "xzipped.csv.xz": (lzma.compress(BARE), {}),
    "two streams.csv.xz": (lzma.compress(BARE[:999]) + lzma.compress(BARE[999:]), {}),
    "utf-16.csv.xz": (lzma.compress(BARE.decode().encode("utf-16")), {"encoding": "utf-16"}),
    "header.csv": (b"inputs\r\n" + BARE, {}),
    "bom.csv": (b"\xef\xbb\xbf" + BARE, {}),
    "lf.csv": (as_csv([[text] for text in TEXTS], "\n"), {}),
    "utf-16.csv": (BARE.decode().encode("utf-16"), {"encoding": "utf-16"}),
    "space plus+file (1).csv": (BARE, {}),
    "third of four.csv": (
        as_csv([["id", "when", "text", "who"], *([str(n), "", text, "é"] for n, text in enumerate(TEXTS))]),
        {},
    ),
    "table.parquet": (as_parquet(), {}),
    "by index.csv": (as_csv([[str(n), text] for n, text in enumerate(TEXTS)]), {"input_column": 1}),
}
