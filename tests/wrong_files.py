"""Files that are wrong, or look so: what they hold, the options that go with them, and what is to come of them."""

import bz2
import gzip
import io
import lzma
import random
import zipfile
from collections.abc import Sequence

NOISE = random.Random(11).randbytes(4000)
TEXTS = b"text\nso good\nso bad\n"
SIZES = "id,text\n1,größe\n"


def workbook() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    return content.getvalue()


def metadata(options: Sequence[str]) -> dict[str, str]:
    """Options of the command line as a client spells them: `["--skip-rows", "1"]` is `{"skip_rows": "1"}`."""
    given = zip(options[::2], [*options[1::2], "yes"], strict=False)
    return {option[2:].replace("-", "_"): value for option, value in given}


# What the reason of a job that cannot begin says.
IMPOSSIBLE: dict[str, tuple[bytes, list[str], str]] = {
    "empty.csv": (b"", [], "the file is empty: upload a file with rows"),
    "header.csv": (b"id,text\n", [], "the file has no rows: it is empty after the header"),
    "header without line end.csv": (b"id,text", [], "the file has no rows: it is empty after the header"),
    "10,000 empty lines.csv": (b"\r\n" * 10_000, [], "the file has only blank lines: upload a file with rows"),
    "picture.png": (b"\x89PNG\r\n\x1a\n" + NOISE, [], "is not a CSV, it looks like a PNG image: export it as CSV"),
    "workbook.xlsx": (
        workbook(),
        [],
        "is not a CSV, it looks like an Excel workbook (.xlsx): in Excel, save it as CSV UTF-8",
    ),
    "parquet.csv": (
        b"PAR1\x15\x04" + NOISE + b"PAR1",
        [],
        "it looks like a Parquet file: give it a name that ends in .parquet",
    ),
    "table.parquet": (TEXTS, [], "its name ends in .parquet, but it is not a Parquet file: rename it"),
    "noise.csv": (NOISE, [], "the file is not utf-8 here; set its encoding with the option `encoding`"),
    "nothing but NUL.csv": (b"\0" * 1000, [], "is not a CSV, it looks like binary data"),
    "mostly NUL.csv": (b"te\0xt\nso\0 good\nb\0ad\n", [], "is not a CSV, it looks like binary data"),
    "utf-16.csv": (SIZES.encode("utf-16"), [], "looks like text in utf-16: set the option `encoding` to utf-16"),
    "utf-16 without mark.csv": (SIZES.encode("utf-16-be"), [], "like text in utf-16-be: set the option `encoding`"),
    "cjk-nobom.csv": ("词,文\r\n一,好好\r\n".encode("utf-16-le"), [], "looks like text in utf-16-le: set the option"),
    "xml.csv": (
        b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>\n',
        [],
        "is not a CSV, it looks like an XML document, perhaps a server's error message: open it to see",
    ),
    "page.csv": (b"<!doctype html><html><title>404</title>", [], "is not a CSV, it looks like an HTML page, perhaps"),
    "lines.csv": (
        b'{"text": "good"}\n{"text": "bad"}\n',
        [],
        "is not a CSV, it looks like JSON Lines: upload it under a name that ends in .jsonl",
    ),
    "list.csv": (
        b'[{"text": "good"}]',
        [],
        "is not a CSV, it looks like JSON: convert it, for example with pandas.read_",
    ),
    "announced as utf-16.csv": (
        TEXTS,
        ["--encoding", "utf-16"],
        "the option `encoding` says utf-16, but the file looks like text in utf-8: leave the option out",
    ),
    "more lines skipped.csv": (
        TEXTS,
        ["--skip-rows", "9"],
        "there are not so many lines in the file as the option `skip-rows` says: 9",
    ),
    "latin-1.csv": (
        b"id,text\n1,good\n2," + "größe".encode("latin-1") + b"\n3,bad\n",
        ["--encoding-errors", "strict"],
        "row 1, byte 19: the file is not utf-8 here; set its encoding with the option `encoding` (for example cp",
    ),
    "mostly latin-1.csv": (
        "id,text\n1,größe\n".encode("latin-1"),
        [],
        "1 of the first 1 row: the file is not utf-8 here; set its encoding with the option `encoding`",
    ),
    "latin-1 header.csv": ("id,größe\n1,good\n".encode("latin-1"), [], "first line, byte 5: the file is not utf-8"),
    "semicolons.csv": (b"id;text\n1;good\n", [], "one of them 'text': set the option `delimiter` to ;, or, if the"),
    "table.csv": (b"Time;Rating\n1;good\n2;bad\n", [], "lines seem to have 2 cells each: set the option `delimiter`"),
    "no function.csv": (b"text\ngood\n", ["--input-expression", "no(text)"], "there is no function no()"),
    "Git LFS.csv": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        [],
        "it looks like a Git LFS pointer in place of a file: fetch the file itself with `git lfs pull`",
    ),
    "open quote.csv": (b'id,text\n1,good\n2,"never\n3,x\n', [], "row 1: a quote opens in this row and is never closed"),
    "open quote at once.csv": (b'"never\n3,x\n', [], "row 0: a quote opens in this row and is never closed"),
    "two of a name.csv": (b"text,text\na,b\n", [], "2 columns are named 'text': give the number of the one"),
    "no such column.csv": (b"id,body\n1,good\n", ["--input-column", "tweet"], "no column is named 'tweet': give the"),
    "no such number.csv": (b"id,body\n1,good\n", ["--input-column", "7"], "there is no column 7: the file has 2"),
    "no such label column.csv": (
        b"id,text\n1,good\n",
        ["--label-column", "stars"],
        "no column is named 'stars': the columns are 'id', 'text'; give the name of one of them",
    ),
    "header of others.csv": (
        b"id,words\n1,good\n",
        ["--header", "present"],
        "the file has 2 columns, and none has a",
    ),
    "no usual name.csv": (
        b"review_id,product,stars,words,date\n1,shoe,5,so good,2024-01-01\n",
        [],
        "that tells which of them holds the texts; say which with the option `input-column`: its name, or its number",
    ),
    "two usual names.csv": (
        b"id,text,comment\n1,good,fine\n",
        [],
        "2 columns may hold the texts, 'text', 'comment': give the number of the one that is meant, 1 or 2, with the",
    ),
    "columns without header.csv": (b"1,good\n2,bad\n", ["--header", "absent"], "the file has 2 columns, and none has"),
    "name without header.csv": (TEXTS, ["--input-column", "text", "--header", "absent"], "header=absent says that th"),
    "17 MB cell.csv": (b"id,text\n1," + b"good " * 3_500_000, [], "row 0 is larger than the limit of 16,777,216 bytes"),
    "10,000 columns.csv": (
        b",".join(b"column %d" % n for n in range(10_000)) + b"\n" + b"," * 9_999,
        [],
        "the first line has 10,000 columns, and their names exceed the limit of 65,536 bytes",
    ),
    "a million columns.csv": (b"text" + b",x" * 1_000_000, [], "row 0 is larger than the limit of 1,048,576 bytes"),
    "truncated.csv.gz": (gzip.compress(TEXTS * 1000)[:-20], [], "the gzip file is truncated: upload the complete file"),
    "no gzip.csv.gz": (TEXTS, [], "its name ends in .gz, but it is not a valid gzip file"),
    "truncated.csv.bz2": (bz2.compress(TEXTS)[:-1], [], "the bzip2 file is truncated: upload the complete file"),
    "truncated.csv.xz": (lzma.compress(TEXTS)[:-1], [], "the xz file is truncated: upload the complete file"),
    "damaged.csv.bz2": (bz2.compress(TEXTS) + b"BZh9?", [], "ends in .bz2, but it is not a valid bzip2 file"),
    "damaged.csv.xz": (lzma.compress(TEXTS) + b"?" * 12, [], "ends in .xz, but it is not a valid xz file"),
    "empty.csv.gz": (b"", [], "the file is empty: upload a file with rows"),
    "empty inside.csv.gz": (gzip.compress(b""), [], "the file is empty: upload a file with rows"),
    "gzip.csv": (
        gzip.compress(TEXTS),
        [],
        "looks like a file compressed with gzip whose name doesn't end in .gz: rename it",
    ),
    "klingon.csv": (TEXTS, ["--encoding", "klingon"], "option encoding is 'klingon'; it must be a text encoding"),
    "two delimiters.csv": (TEXTS, ["--delimiter", "::"], "option delimiter is '::'; it must be one ASCII character"),
    "one for both.csv": (TEXTS, ["--quote", ","], "option quote is ','; it must be different from the delimiter"),
}
# Those whose options no file can have: the command line calls that wrong usage.
WRONG_OPTIONS = {"klingon.csv", "two delimiters.csv", "one for both.csv", "no function.csv"}

# Files that are predicted whole, and their rows.
POSSIBLE: dict[str, tuple[bytes, list[str], int]] = {
    "one row.csv": (b"id,text\n1,good\n", [], 1),
    "one bare row.csv": (b"good", [], 1),
    "utf-16 announced.csv": (SIZES.encode("utf-16"), ["--encoding", "utf-16"], 1),
    "utf-16-le announced.csv": (SIZES.encode("utf-16-le"), ["--encoding", "utf-16-le"], 1),
    "other columns twice or nameless.csv": (b"id,id,,,text\n1,2,3,4,good\n", [], 1),
    "NUL.csv": (b"id,text\n1,so\0 good\n2,bad\n", [], 2),
    "10,000 empty lines before.csv": (b"\n" * 10_000 + b"id,text\n1,good\n", [], 1),
    "10,000 empty lines between.csv": (b"id,text\n1,good\n" + b"\n" * 10_000 + b"2,bad\n", [], 2),
    "5 MB cell in another column.csv": (b"id,text\n" + b"g" * 5_000_000 + b",good\n2,bad\n", [], 2),
    "space plus+ 100% %41 é 日本語 (1).csv": (TEXTS, [], 2),
}


# Rows that cannot be sent, and why.
PARTLY: dict[str, tuple[bytes, list[str]]] = {
    "5 MB cell.csv": (b"id,text\n1," + b"good " * 1_000_000 + b"\n2,bad\n", ["input is longer than 1,000,000 bytes"]),
    "a million cells.csv": (
        b"id,text\n1,good" + b",x" * 1_000_000 + b"\n2,bad\n",
        ["row has 1,000,002 cells where the file has 2 columns"],
    ),
    "one-bad-byte.csv": (
        b"id,text\n1,good\n2,caf\xe9\n3,fine\n",
        ["row 1, byte 20: not utf-8; see the options `encoding` and `encoding-errors`"],
    ),
    "ragged.csv": (
        b"id,text\n1\n2,bad\n3,good,surplus\n",
        ["row has 1 cell where the file has 2 columns", "row has 3 cells where the file has 2 columns"],
    ),
    "backslash-quotes.csv": (
        b'id,text,lang\n1,"she wrote \\"ok\\"",en\n2,"a \\", b",en\n3,fine,en\n',
        ["row has 4 cells where the file has 3 columns"],
    ),
    "preamble.csv": (
        b"# created 4/22/2025\nid,text\n1,good\n2,bad\n",
        ["row has 2 cells where the file has 1 column"] * 3,
    ),
    "empty texts.csv": (b"id,text\n1,\n2,bad\n3,  \n", ["input is empty"] * 2),
    "10,000 empty rows.csv": (b"text\ngood\n" + b"\n" * 10_000 + b"bad\n", ["input is empty"] * 10_000),
}
FAIL_IN_THE_SECOND_ROW = {"10,000 empty rows.csv", "one-bad-byte.csv", "backslash-quotes.csv", "preamble.csv"}
