"""Files that can be read in more ways than one: what is assumed is said, and the results say what was read."""

import csv
from dataclasses import dataclass

import pytest
from markupsafe import escape
from tests.system.conftest import CommandLine, Pipeline

from fanfold.cli.options import as_typed

OK = 0
TEXTS = b"text\nso good\nso bad\n"


@dataclass(frozen=True)
class Misreadable:
    """A file that can be read in more ways than one: the inputs of its rows, what is assumed, and what may be wrong."""

    content: bytes
    inputs: list[str]
    options: tuple[str, ...] = ()
    assumed: str = ""
    warning: str = ""


SAID: dict[str, Misreadable] = {
    "review.csv": Misreadable(
        b"id,review\n1,great\n2,awful\n",
        ["great", "awful"],
        assumed="The first line is the header: 'review' is a column's usual name. The texts are in column 1, 'review'",
    ),
    "index.csv": Misreadable(
        b"id,words\n1,great\n2,awful\n",
        ["great", "awful"],
        ("--input-column", "1"),
        assumed="The first line is the header: its cell of column 0 stands above numbers. If it is a row, set",
    ),
    "index of rows.csv": Misreadable(
        b"1,great\n2,awful\n",
        ["great", "awful"],
        ("--input-column", "1"),
        assumed="The first line is a row: its cell of column 0 has numbers, as those below. If it is the header",
    ),
    "bare.csv": Misreadable(
        b"great\nawful\n", ["great", "awful"], assumed="The file has one column, and its first line is a row: it is no"
    ),
    "backslash-quotes.csv": Misreadable(
        b'id,text,lang\n1,"she wrote \\"ok\\"",en\n2,"a \\", b",en\n3,fine,en\n',
        ['she wrote "ok"', 'a ", b', "fine"],
        ("--escape", "\\"),
    ),
    "backslashes swallow.csv": Misreadable(
        b'id,text\n1,"path C:\\\\"\n2,"ends with quote \\""\n3,"x"\n',
        ["path C:\\\\", 'ends with quote \\"\n3,x"'],
        warning='Quotes inside cells seem to be written as \\", which ends cells too early: set the option `escape`',
    ),
    "irregular quotes.csv": Misreadable(
        b'id,text\n1,so 5" wide\n2,"so" good\n3,so\n',
        ['so 5" wide', "so good", "so"],
        warning="There are 2 rows, 0, 1 (from 0), with quotes that a strict reader refuses",
    ),
    "space-before-quote.csv": Misreadable(
        b'question, text\nwho, "hello"\nwhat, "x"\n',
        [' "hello"', ' "x"'],
        warning="set the option `skip-initial-space` to yes",
    ),
    "spaces skipped.csv": Misreadable(
        b'question, text\nwho, "hello, world"\nwhat, "x"\n',
        ["hello, world", "x"],
        ("--skip-initial-space",),
    ),
    "excel-sep-line.csv": Misreadable(
        b"sep=;\r\nid;text\r\n1;gut\r\n2;schlecht\r\n",
        ["gut", "schlecht"],
        assumed="Cells are delimited by ';', as the file's first line says.",
    ),
    "preamble.csv": Misreadable(
        b"# created 4/22/2025\nid,text\n1,good\n2,bad\n", ["good", "bad"], ("--skip-rows", "1")
    ),
    "trailing-delimiter.csv": Misreadable(b"id,text\n1,good,\n2,bad,\n", ["good", "bad"]),
    "trailing delimiter of header.csv": Misreadable(b"id,text,\n1,good\n2,bad\n", ["good", "bad"]),
    "short rows.csv": Misreadable(
        b"id,text,day\n1,good,1\n2,bad\n",
        ["good", "bad"],
        warning="There is 1 row, 1 (from 0), with fewer cells than there are columns: those that are missing",
    ),
    "semicolons.csv": Misreadable(
        b"id;text\n1;great\n",
        ["id;text", "1;great"],
        warning="The first line is one cell and has ';' in it: if cells end there, set the option `delimiter` to ;.",
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_what_is_assumed_of_a_file_is_said_wherever_its_job_is_looked_at(
    fanfold: CommandLine, pipeline: Pipeline, name: str
) -> None:
    case = SAID[name]
    said = fanfold(f"said {name}", case.content, *case.options)
    given = zip(case.options[::2], [*case.options[1::2], "yes"], strict=False)
    dropped = pipeline.drop(name, case.content, **{option[2:].replace("-", "_"): value for option, value in given})
    for summary in (said.summary, dropped.summary):
        assert case.assumed in " ".join(summary["assumed"])
        assert case.warning in " ".join(summary["warnings"])
        assert summary["rows"] == len(case.inputs)
        status = pipeline.client.job(summary["job"]).status()
        assert (list(status.assumed), list(status.warnings)) == (summary["assumed"], summary["warnings"])
    assert as_typed(case.assumed) in said.stderr
    assert as_typed(case.warning) in said.stderr
    report = (said.out / "report.html").read_text()
    assert all(str(escape(sentence)) in report for sentence in said.summary["assumed"] + said.summary["warnings"])
    assert said.code == OK
    at = pipeline.client.stack.ledger.job(dropped.summary["job"]).known_layout.input_index
    own = len(pipeline.client.stack.ledger.job(dropped.summary["job"]).known_layout.columns)
    delimiter = ";" if name.startswith("excel") else ","
    for rows in (dropped.content, (said.out / "results.csv").read_bytes()):
        lines = rows.decode().splitlines(keepends=True)
        found = list(csv.reader(lines, delimiter=delimiter))
        assert [row[at] for row in found[1:]] == case.inputs
        assert {len(row) for row in found} == {own + 3}


@pytest.mark.parametrize(
    ("content", "bom", "begins"),
    [
        (b"\xef\xbb\xbf" + TEXTS, "auto", True),
        (TEXTS.decode().encode("utf-16"), "auto", True),
        (TEXTS, "auto", False),
        (TEXTS, "yes", True),
        (b"\xef\xbb\xbf" + TEXTS, "no", False),
    ],
)
def test_results_begin_with_a_byte_order_mark_if_the_input_does_or_if_told_to(
    pipeline: Pipeline,
    content: bytes,
    bom: str,
    begins: bool,  # noqa: FBT001
) -> None:
    encoding = "utf-8" if TEXTS in content else "utf-16"
    finished = pipeline.drop("marked.csv", content, bom=bom, encoding=encoding)
    assert finished.content.startswith(b"\xef\xbb\xbftext,") == begins
    job = pipeline.client.job(finished.summary["job"])
    assert [row["text"] for row in job.results()] == ["so good", "so bad"]
    assert next(iter(job.results().to_pandas().columns)) == "text"
    assert job.results().to_arrow().column("text").to_pylist() == ["so good", "so bad"]
    errors = b"".join(job.errors().blocks())
    assert errors.startswith(b"\xef\xbb\xbfrow,") == begins


def test_bytes_that_are_no_text_are_replaced_if_told_to(pipeline: Pipeline) -> None:
    content = b"id,text\n1,good\n2,caf\xe9\n3,fine\n"
    finished = pipeline.drop("replaced.csv", content, encoding_errors="replace")
    assert finished.summary["state"] == "SUCCEEDED"
    assert finished.results[1][:2] == ["2", "caf\ufffd"]


def test_a_row_that_is_no_text_in_an_encoding_of_several_bytes_costs_itself_only(pipeline: Pipeline) -> None:
    content = "id,text\n1,好\n2,".encode("gb18030") + b"\xff\xff" + ",\n3,坏\n".encode("gb18030")
    finished = pipeline.drop("gb.csv", content, encoding="gb18030")
    assert [row[1] for row in finished.results] == ["好", "\ufffd\ufffd", "坏"]
    assert [row[:2] for row in finished.errors] == [
        ["1", "row 1: not gb18030; see the options `encoding` and `encoding-errors`"]
    ]
