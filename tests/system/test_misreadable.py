"""Files that can be read in more ways than one: what is assumed is said, and the results say what was read."""

import re

import pytest
from markupsafe import escape
from tests.misreadable_files import SAID
from tests.system.conftest import CommandLine, Pipeline
from tests.wrong_files import TEXTS, metadata

from fanfold.cli.options import as_typed

OK = 0


# What becomes of each file, tests/pipeline shows; here is where people look.
@pytest.mark.parametrize("name", ["index.csv", "irregular quotes.csv", "excel-sep-line.csv", "short rows.csv"])
def test_what_is_assumed_of_a_file_is_said_wherever_its_job_is_looked_at(
    fanfold: CommandLine, pipeline: Pipeline, name: str
) -> None:
    case = SAID[name]
    said = fanfold(f"said {name}", case.content, *case.options)
    summary = said.summary
    assert case.assumed in " ".join(summary["assumed"])
    assert case.warning in " ".join(summary["warnings"])
    status = pipeline.client.job(summary["job"]).status()
    assert (list(status.assumed), list(status.warnings)) == (summary["assumed"], summary["warnings"])
    assert as_typed(case.assumed) in said.stderr
    assert as_typed(case.warning) in said.stderr
    report = re.sub("</?code>", "`", (said.out / "report.html").read_text())
    assert all(str(escape(sentence)) in report for sentence in summary["assumed"] + summary["warnings"])
    assert said.code == OK
    dropped = pipeline.drop(name, case.content, **metadata(case.options))
    assert dropped.content == (said.out / "results.csv").read_bytes()


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
