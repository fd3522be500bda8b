"""Files that are wrong: each job ends, and says in words what to do, in the ledger, in summary.json and to the user."""

import bz2
import gzip
import io
import json
import lzma
import random
import time
import zipfile
from pathlib import Path

import pytest
from tests.system.conftest import CommandLine, Pipeline, records

from fanfold.cli.options import as_typed
from fanfold.stacks import Stack
from fanfold.terminal import counted
from fanfold_core.domain.job import State
from fanfold_core.input.formats import CSV_ENDINGS
from localaws.cloud import LocalCloud

OK, FAILED, WRONG_USAGE, SOME_ROWS_FAILED = 0, 1, 2, 3
NOISE = random.Random(11).randbytes(4000)
TEXTS = b"text\nso good\nso bad\n"
SIZES = "id,text\n1,größe\n"


def workbook() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    return content.getvalue()


def reason_in_ledger(cloud: LocalCloud, job: str) -> str:
    found = Stack.find(cloud.session(), cloud.stack_name).ledger.job(job)
    assert found.state is State.FAILED
    return found.reason


IMPOSSIBLE: dict[str, tuple[bytes, list[str], str]] = {
    "empty.csv": (b"", [], "the file is empty: upload a file with rows"),
    "header.csv": (b"id,text\n", [], "the file has no rows: it is empty after the header"),
    "header without line end.csv": (b"id,text", [], "the file has no rows: it is empty after the header"),
    "10,000 empty lines.csv": (b"\r\n" * 10_000, [], "the file has only blank lines: upload a file with rows"),
    "picture.png": (b"\x89PNG\r\n\x1a\n" + NOISE, [], "is not a CSV, it looks like a PNG image: export it as CSV"),
    "workbook.xlsx": (workbook(), [], "is not a CSV, it looks like a zip archive, such as an Excel workbook (.xlsx)"),
    "table.parquet": (b"PAR1\x15\x04" + NOISE + b"PAR1", [], "is not a CSV, it looks like a Parquet file"),
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
        "is not a CSV, it looks like JSON Lines: convert it, for",
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
        "1 of the first 1 rows: the file is not utf-8 here; set its encoding with the option `encoding`",
    ),
    "latin-1 header.csv": ("id,größe\n1,good\n".encode("latin-1"), [], "first line, byte 5: the file is not utf-8"),
    "open quote.csv": (b'id,text\n1,good\n2,"never\n3,x\n', [], "row 1: a quote opens in this row and is never closed"),
    "open quote at once.csv": (b'"never\n3,x\n', [], "row 0: a quote opens in this row and is never closed"),
    "two of a name.csv": (b"text,text\na,b\n", [], "2 columns are named text: give the number of the one"),
    "no such column.csv": (b"id,body\n1,good\n", ["--input-column", "tweet"], "no column is named 'tweet': give the"),
    "no such number.csv": (b"id,body\n1,good\n", ["--input-column", "7"], "there is no column 7: the file has 2"),
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
        "looks like a file compressed with gzip whose name doesn't end in .gz: export",
    ),
    "klingon.csv": (TEXTS, ["--encoding", "klingon"], "option encoding is 'klingon'; it must be a text encoding"),
    "two delimiters.csv": (TEXTS, ["--delimiter", "::"], "option delimiter is '::'; it must be one ASCII character"),
    "one for both.csv": (TEXTS, ["--quote", ","], "option quote is ','; it must be different from the delimiter"),
}
# Those whose options no file can have: the command line calls that wrong usage.
WRONG_OPTIONS = {"klingon.csv", "two delimiters.csv", "one for both.csv"}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_a_file_that_cannot_be_processed_ends_its_job_with_words(
    pipeline: Pipeline, cloud: LocalCloud, name: str
) -> None:
    content, options, words = IMPOSSIBLE[name]
    given = zip(options[::2], options[1::2], strict=True)
    finished = pipeline.drop(name, content, **{option[2:].replace("-", "_"): value for option, value in given})
    assert finished.summary["state"] == "FAILED"
    assert words in finished.summary["reason"]
    assert words in reason_in_ledger(cloud, finished.summary["job"])


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_a_file_that_cannot_be_processed_is_refused_before_it_is_uploaded(
    fanfold: CommandLine, pipeline: Pipeline, name: str
) -> None:
    content, options, words = IMPOSSIBLE[name]
    before = set(pipeline.client.stack.job_ids())
    said = fanfold(f"refused {name}", content, *options)
    expected = WRONG_USAGE if name in WRONG_OPTIONS else FAILED
    assert (said.code, said.summary, said.out.exists()) == (expected, {}, False)
    assert as_typed(words) in said.stderr
    assert set(pipeline.client.stack.job_ids()) == before


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


@pytest.mark.parametrize("name", POSSIBLE)
def test_a_file_that_only_looks_wrong_is_predicted_whole(fanfold: CommandLine, name: str) -> None:
    content, options, rows = POSSIBLE[name]
    said = fanfold(name, content, *options)
    assert (said.code, said.summary["state"], said.summary["rows"]) == (OK, "SUCCEEDED", rows)
    assert said.summary["input"].endswith(f"/{name}")
    assert f"{rows} of {counted(rows, 'row')} predicted" in said.stderr


PARTLY: dict[str, tuple[bytes, list[str]]] = {
    "5 MB cell.csv": (b"id,text\n1," + b"good " * 1_000_000 + b"\n2,bad\n", ["input is longer than 1,000,000 bytes"]),
    "a million cells.csv": (
        b"id,text\n1,good" + b",x" * 1_000_000 + b"\n2,bad\n",
        ["row has 1000002 cells where the file has 2 columns"],
    ),
    "one-bad-byte.csv": (
        b"id,text\n1,good\n2,caf\xe9\n3,fine\n",
        ["row 1, byte 20: not utf-8; see the options `encoding` and `encoding-errors`"],
    ),
    "ragged.csv": (
        b"id,text\n1\n2,bad\n3,good,surplus\n",
        ["row has 1 cells where the file has 2 columns", "row has 3 cells where the file has 2 columns"],
    ),
    "backslash-quotes.csv": (
        b'id,text,lang\n1,"she wrote \\"ok\\"",en\n2,"a \\", b",en\n3,fine,en\n',
        ["row has 4 cells where the file has 3 columns"],
    ),
    "preamble.csv": (
        b"# created 4/22/2025\nid,text\n1,good\n2,bad\n",
        ["row has 2 cells where the file has 1 columns"] * 3,
    ),
    "empty texts.csv": (b"id,text\n1,\n2,bad\n3,  \n", ["input is empty"] * 2),
    "10,000 empty rows.csv": (b"text\ngood\n" + b"\n" * 10_000 + b"bad\n", ["input is empty"] * 10_000),
}


FAIL_IN_THE_SECOND_ROW = {"10,000 empty rows.csv", "one-bad-byte.csv", "backslash-quotes.csv", "preamble.csv"}
LARGE = 100_000


@pytest.mark.parametrize("name", PARTLY)
def test_rows_that_cannot_be_sent_end_in_errors_and_cost_no_other_row(fanfold: CommandLine, name: str) -> None:
    content, reasons = PARTLY[name]
    said = fanfold(name, content)
    assert (said.code, said.summary["state"]) == (SOME_ROWS_FAILED, "COMPLETED_WITH_ERRORS")
    assert said.summary["failed"] == len(reasons)
    assert [row[1] for row in records(said.out / "errors.csv")[1:]] == reasons
    assert records(said.out / "results.csv")[2][-1] == (reasons[0] if name in FAIL_IN_THE_SECOND_ROW else "")
    assert f"{counted(len(reasons), 'row')} failed" in said.stderr


@pytest.mark.parametrize("name", [name for name, (content, _) in PARTLY.items() if len(content) < LARGE])
def test_rows_that_cannot_be_sent_end_in_errors_whoever_has_uploaded_them(pipeline: Pipeline, name: str) -> None:
    content, reasons = PARTLY[name]
    dropped = pipeline.drop(f"dropped {name}", content)
    assert (dropped.summary["state"], dropped.summary["failed"]) == ("COMPLETED_WITH_ERRORS", len(reasons))
    assert [row[1] for row in dropped.errors] == reasons


def test_rows_before_an_open_quote_are_in_the_results(pipeline: Pipeline) -> None:
    finished = pipeline.drop("late quote.csv", b"id,text\n1,good\n" + b'2,"never closed')
    assert [row[:2] for row in finished.results] == [["1", "good"]]


def test_what_is_wrong_far_into_a_file_ends_its_job_with_words_to_whoever_waits(fanfold: CommandLine) -> None:
    said = fanfold(
        "far.csv",
        b"id,text\n" + b"1,%-67s\n" % b"good" * 100_000 + b"2,gr\xfc\xdfe\n",
        "--rows-per-request",
        "1000",
        "--encoding-errors",
        "strict",
    )
    assert (said.code, said.summary["state"]) == (FAILED, "FAILED")
    assert "row 100000, byte 7,000,012: the file is not utf-8 here" in said.stderr


METADATA = [
    ("rows_per_request", "9" * 500, "it must be a number from 1 to 1000"),
    ("encoding", "base64", "it must be a text encoding that Python knows"),
    ("parameters", "[" * 1500, "it must be a JSON object"),
]


@pytest.mark.parametrize(("option", "value", "words"), METADATA, ids=["number", "name", "nesting"])
def test_an_option_in_the_metadata_that_none_may_have_is_named(
    pipeline: Pipeline, cloud: LocalCloud, option: str, value: str, words: str
) -> None:
    finished = pipeline.drop("options.csv", TEXTS, **{option: value})
    assert finished.summary["state"] == "FAILED"
    assert finished.summary["reason"].startswith(f"option {option.replace('_', '-')} is ")
    assert words in finished.summary["reason"]
    assert finished.summary["reason"] == reason_in_ledger(cloud, finished.summary["job"])


def test_objects_that_are_no_csv_by_name_are_ignored_and_the_log_says_so(cloud: LocalCloud, logs: Path) -> None:
    keys = ["folder/", "folder.csv/", "notes.txt", "table.csv.zip"]
    s3 = cloud.session().client("s3")
    for key in keys:
        s3.put_object(Bucket=cloud.outputs["InputBucket"], Key=key, Body=b"")
    expected = {f"s3://{cloud.outputs['InputBucket']}/{key}: its name does not end in {CSV_ENDINGS}" for key in keys}
    deadline = time.monotonic() + 30
    while not expected <= (said := ignored(logs)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert expected <= said


def ignored(logs: Path) -> set[str]:
    """What the splitter says that it ignored."""
    lines = (logs / "SplitterFunction.log").read_text().splitlines()
    return {entry["what"] for line in lines if line.startswith("{") and "what" in (entry := json.loads(line))}
