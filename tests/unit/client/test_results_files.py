"""results.csv as the client reads it: streamed, whatever stands in its cells, and as tables."""

from __future__ import annotations

import json
import sys
import tracemalloc
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import EndpointConnectionError

from fanfold.errors import DownloadError, PackageMissingError, StackError
from fanfold.folder import HeldFolder
from fanfold.jobs import Job
from fanfold.results import Errors, FailedRow, Results
from fanfold.results.asynchronous import AsyncErrors, AsyncResults
from fanfold.results.formats import CsvFormat
from fanfold_core.domain.results import columns
from fanfold_core.domain.results.json_lines import numbered
from fanfold_core.input.records import Dialect, format_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ODD = [
    ["NA", 'said "no"', "LABEL_0", "0.5", ""],
    ["007", "two\r\nlines, and ; more", "LABEL_1", "1.0", ""],
    ["", "ça va 👍", "", "", "input is empty"],
]


def results(rows: list[list[str]], dialect: Dialect) -> Results:
    shown = columns(("id", "text"), {"label", "score"})
    content = format_records([shown.results_header, *rows], dialect).encode()
    # Blocks may end anywhere: in a cell, in a character, between the two bytes of a line end.
    blocks = lambda: (content[start : start + 7] for start in range(0, len(content), 7))  # noqa: E731
    return Results(blocks, CsvFormat(2, dialect), dialect)


@pytest.mark.parametrize("dialect", [Dialect(), Dialect(";", "'")])
def test_cells_come_out_as_they_stand_in_the_file(dialect: Dialect) -> None:
    assert [list(row.values()) for row in results(ODD, dialect)] == ODD


@pytest.mark.parametrize("dialect", [Dialect(), Dialect(";", "'")])
def test_results_in_a_folder_are_those_of_their_job(tmp_path: Path, dialect: Dialect) -> None:
    (tmp_path / "results.csv").write_bytes(b"".join(results(ODD, dialect).blocks()))
    summary = {"columns": 2, "delimiter": dialect.delimiter, "quote": dialect.quote}
    (tmp_path / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    found = Results.of_folder(str(tmp_path))
    assert list(found) == list(found) == list(results(ODD, dialect))
    assert found.to_pandas().equals(results(ODD, dialect).to_pandas())
    with pytest.raises(DownloadError, match=r"has no files of a job.*errors\.csv"):
        Errors.of_folder(tmp_path)


def test_results_in_json_lines_are_read_with_their_types(tmp_path: Path) -> None:
    rows = [
        {"id": 7, "text": "two\nlines ☂", "tags": ["a"], "label": "GOOD", "score": 0.5, "error": None},
        {"id": 8, "text": "=1+1", "tags": [], "error": "input is empty"},
    ]
    (tmp_path / "results.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    summary = {"columns": 3, "delimiter": ",", "quote": '"', "results": "s3://out/results/a-1/results.jsonl"}
    (tmp_path / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    found = Results.of_folder(tmp_path)
    assert list(found) == list(found) == rows
    assert found.columns == ["id", "text", "tags", "label", "score", "error"]
    assert found.to_pandas()["tags"].tolist() == found.to_arrow()["tags"].to_pylist() == [["a"], []]
    assert found.to_arrow()["score"].to_pylist() == [0.5, None]
    sheet = b"".join(found.for_spreadsheets()).decode("utf-8-sig")
    assert sheet.splitlines()[0] == '"id","text","tags","label","score","error"'
    assert sheet.endswith('"8","\'=1+1","[]","","","input is empty"\r\n')


@pytest.mark.parametrize(("table", "package", "extra"), [("pandas", "pandas", "pandas"), ("arrow", "pyarrow", "arrow")])
def test_a_table_of_a_library_that_is_missing_says_what_to_install(
    table: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(PackageMissingError, match=rf"such as {package}: pip install 'fanfold\[{extra}\]'"):
        getattr(results(ODD, Dialect()), f"to_{table}")()


@pytest.mark.parametrize("dialect", [Dialect(), Dialect(";", "'")])
def test_tables_have_the_same_cells_and_numbers_where_the_model_gives_numbers(dialect: Dialect) -> None:
    frame, table = results(ODD, dialect).to_pandas(), results(ODD, dialect).to_arrow()
    for name, expected in (("id", ["NA", "007", ""]), ("text", [row[1] for row in ODD])):
        assert frame[name].tolist() == expected
        assert table[name].to_pylist() == expected
    assert table["score"].to_pylist() == [0.5, 1.0, None]
    assert frame["score"].tolist()[:2] == [0.5, 1.0]
    assert frame["label"].isna().tolist() == [False, False, True]


def test_a_table_whose_folder_is_missing_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"cannot write .*/no/rows\.parquet \(No such file or directory\): free"):
        results(ODD, Dialect()).to_parquet(tmp_path / "no" / "rows.parquet")


def test_names_are_told_apart() -> None:
    assert numbered(["id", "id", "id_2", "id"]) == ["id", "id_2", "id_2_2", "id_3"]


def test_errors_have_the_row_its_cells_and_what_was_beyond_them() -> None:
    content = b'row,error,id,text,surplus\r\n7,why,1,"so\ngood","[""x""]"\r\n'
    assert list(Errors(lambda: iter([content]), Dialect())) == [
        FailedRow(7, "why", {"id": "1", "text": "so\ngood"}, '["x"]')
    ]


def test_a_file_larger_than_memory_is_read_in_a_few_megabytes() -> None:
    shown = columns(("text",), {"label", "score"})
    block = format_records([["so good, and then some more of it", "LABEL_2", "0.98", ""]] * 10_000, Dialect()).encode()

    def blocks() -> Iterator[bytes]:
        yield format_records([shown.results_header], Dialect()).encode()
        for _ in range(50):
            yield block

    tracemalloc.start()
    try:
        rows = sum(1 for _ in Results(blocks, CsvFormat(len(shown.original), Dialect()), Dialect()))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert rows == 500_000
    assert peak < 4 * len(block) < 50 * len(block)


@pytest.mark.parametrize("kind", [Results, Errors, AsyncResults, AsyncErrors])
def test_a_folder_is_read_by_of_folder_which_who_gives_one_is_told(kind: Any, tmp_path: Path) -> None:
    for folder in (tmp_path, str(tmp_path)):
        with pytest.raises(TypeError, match=rf"{kind.__name__}\.of_folder\('{tmp_path}'\)"):
            kind(folder)


def gone(*_given: object) -> Any:
    raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")


class EndedCloud:
    """A stack that nobody answers for any more."""

    def __init__(self, *, is_local: bool) -> None:
        self.is_local = is_local
        self.ledger, self.queues = SimpleNamespace(job=gone), None

    client = staticmethod(gone)


def test_of_a_local_cloud_that_has_ended_what_is_in_the_jobs_folder_is_read_and_all_else_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack: Any = EndedCloud(is_local=True)
    job = Job(stack, "tweets-1f")
    calls: list[Callable[[], Any]] = [job.results, job.errors, job.status, job.summary, lambda: job.row(0)]
    for asked in calls:
        with pytest.raises(
            StackError, match=r"local cloud of job tweets-1f has ended: .* Results\.of_folder\(FOLDER\)"
        ):
            asked()
    ended = SimpleNamespace(state=SimpleNamespace(is_terminal=True), results_file="results.csv", layout=None)
    ended.dialect = SimpleNamespace(written=Dialect())
    with monkeypatch.context() as before:
        before.setattr(stack.ledger, "job", lambda _id: ended)
        found = job.results()
        before.setattr(HeldFolder, "receive", lambda *_given, **_how: [])
        job.write_files(HeldFolder(tmp_path))
    summary = {"job": "tweets-1f", "input": "s3://in/a.csv", "columns": 1, "delimiter": ",", "quote": '"'}
    (tmp_path / "results.csv").write_bytes(b"text,label,error\nso good,GOOD,\nso bad,,no\n")
    (tmp_path / "errors.csv").write_bytes(b"row,error,text,surplus\n1,no,so bad,\n")
    (tmp_path / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    for answered in (job.results(), found):
        assert [row["label"] for row in answered] == ["GOOD", ""]
    assert [failed.row for failed in job.errors()] == [1]
    assert job.summary() == summary
    with pytest.raises(StackError, match=rf"files are in {tmp_path}, .* Results\.of_folder\('{tmp_path}'\)"):
        job.status()
    # In the middle of them, the cloud ends.
    read = (tmp_path / "results.csv").read_bytes()

    def broken(*_given: object) -> Iterator[bytes]:
        yield read[:20]
        gone()

    monkeypatch.setattr("fanfold.jobs.read_object", broken)
    assert b"".join(found.blocks()) == read
    (tmp_path / "summary.json").write_text(json.dumps(summary | {"job": "tweets-99"}), encoding="utf-8")
    for after in (job.results, job.errors, lambda: list(found)):
        with pytest.raises(StackError, match=r"Results\.of_folder\(FOLDER\)"):
            after()


def test_what_is_asked_of_aws_without_a_network_fails_as_boto3_says() -> None:
    stack: Any = EndedCloud(is_local=False)
    with pytest.raises(EndpointConnectionError):
        Job(stack, "tweets-1f").results()
