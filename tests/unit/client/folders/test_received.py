"""What is written to a folder: files that are whole, and a table that goes with its job."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import IO, TYPE_CHECKING, Any

import pytest
from tests.fakes.store import MemoryStore
from tests.fakes.values import make_job

from fanfold.errors import DownloadError
from fanfold.folder import HeldFolder, Owner, held
from fanfold.input.batch import BATCH_FILES
from fanfold.jobs import Job
from fanfold.terminal import stderr
from fanfold_core.domain.job import JobRecord, Source, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    def blocks() -> Iterator[bytes]:
        yield b"text\n"
        raise KeyboardInterrupt

    with held(tmp_path / "out", Owner("tweets.csv"), replace=False) as folder:
        with pytest.raises(KeyboardInterrupt):
            folder.write("some.csv", blocks())
        assert folder.write("all.csv", [b"text\n", b"good\n"]).read_bytes() == b"text\ngood\n"
    assert list(tmp_path.rglob("*.csv*")) == [tmp_path / "out" / "all.csv"]


def test_a_custom_id_that_comes_again_far_behind_is_warned_of_with_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stderr, "quiet", False)
    files = {"results.jsonl": tmp_path / "results.jsonl", **{name: tmp_path / name for name in BATCH_FILES}}
    for names, words in (((0, 1, 2, 1), "in 1 of the 4 rows, such as row 3 (from 0)"), ((0, 1, 2, 3), "")):
        lines = (f'{{"custom_id": "r{name}", "prediction": {{}}, "error": null}}\n' for name in names)
        files["results.jsonl"].write_text("".join(lines), encoding="utf-8")
        HeldFolder(tmp_path)._make_batch_output("batch-1f", files)  # noqa: SLF001 # what `receive` does with a download
        said = capsys.readouterr().err
        assert (words in said, bool(said)) == (True, bool(words))
        assert files[BATCH_FILES[0]].read_bytes().count(b"custom_id") == len(names)


class Bucket:
    """An output bucket with a job's table and what else stands in its folder."""

    def __init__(self, job: str, names: Iterable[str]) -> None:
        keys = [f"results/{job}/{name}" for name in ("results.jsonl", "summary.json")]
        self.objects = dict.fromkeys([*keys, *(f"results/{job}/results.parquet/{name}" for name in names)], b"content")
        self.output_bucket = "output"
        self.store = MemoryStore("output")

    def client(self, _service: str) -> Bucket:
        return self

    def get_paginator(self, _operation: str) -> Bucket:
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        return [self.list_objects_v2(**asked)]

    def list_objects_v2(self, *, Prefix: str, **_: Any) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        sizes = {key: len(content) for key, content in self.objects.items() if key.startswith(Prefix)}
        return {"Contents": [{"Key": key, "Size": sizes[key]} for key in sorted(sizes)]}

    def download_fileobj(self, _bucket: str, key: str, stream: IO[bytes], **_: Any) -> None:
        stream.write(self.objects[key])


def with_tables(*numbers: int) -> JobRecord:
    return make_job(id="a-1f", tables=frozenset(numbers))


def names_below(folder: Path) -> list[str]:
    """Of a job's files, and others that are not hidden."""
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("[!.]*") if file.is_file())


def test_a_table_is_a_folder_that_goes_with_its_job(tmp_path: Path) -> None:
    stack: Any = Bucket("a-1f", ["part-00000.parquet", "part-00001.parquet", "..", "_SUCCESS", "part-00009.parquet"])
    (tmp_path / ".results.parquet.part").mkdir()  # of a run that was killed
    (tmp_path / ".results.parquet.part" / "part-00007.parquet").touch()
    table = ["results.parquet/part-00000.parquet", "results.parquet/part-00001.parquet"]
    paths = HeldFolder(tmp_path).receive(stack, with_tables(1, 0))
    assert [path.name for path in paths] == ["results.jsonl", "summary.json", "results.parquet"]
    assert names_below(tmp_path) == ["results.jsonl", *table, "summary.json"]
    HeldFolder(tmp_path).receive(stack, with_tables(0))
    assert names_below(tmp_path) == ["results.jsonl", table[0], "summary.json"]
    HeldFolder(tmp_path).receive(stack, with_tables())
    assert names_below(tmp_path) == ["results.jsonl", "summary.json"]


def test_a_table_of_which_a_file_is_gone_is_not_written(tmp_path: Path) -> None:
    stack: Any = Bucket("a-1f", ["part-00000.parquet"])
    with pytest.raises(DownloadError, match=r"results\.parquet/part-00001\.parquet does not exist"):
        HeldFolder(tmp_path).receive(stack, with_tables(0, 1))
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_file_of_a_table_is_not_removed_from_its_folder(tmp_path: Path) -> None:
    stack: Any = Bucket("a-1f", ["part-00000.parquet"])
    (tmp_path / "results.parquet").mkdir()
    for name in ("mine.txt", "part-00000.parquet"):
        (tmp_path / "results.parquet" / name).touch()
    with pytest.raises(DownloadError, match=r"cannot write .*results\.parquet \(Directory not empty\)"):
        HeldFolder(tmp_path).receive(stack, with_tables(0))
    assert names_below(tmp_path) == ["results.parquet/mine.txt", "results.parquet/part-00000.parquet"]


def test_a_table_replaces_a_file_or_link_of_its_name_and_follows_none(tmp_path: Path) -> None:
    stack: Any = Bucket("a-1f", ["part-00000.parquet"])
    mine, out = tmp_path / "mine", tmp_path / "out"
    mine.mkdir()
    (mine / "part-00000.parquet").write_bytes(b"mine")
    out.mkdir()
    for name in ("results.parquet", ".results.parquet.part"):
        (out / name).symlink_to(mine)
    HeldFolder(out).receive(stack, with_tables(0))
    assert (mine / "part-00000.parquet").read_bytes() == b"mine"
    assert (out / "results.parquet" / "part-00000.parquet").read_bytes() == b"content"


@pytest.mark.parametrize(("etag", "origin"), [('"5e"', "/mine/a.csv"), ('"99"', "")])
def test_a_folder_stays_that_of_its_file_when_a_later_job_of_it_is_downloaded(
    tmp_path: Path, etag: str, origin: str
) -> None:
    first, later = (
        make_job(id=name, source=Source("in", f"{name}/a.csv", "v", of_upload, 12))
        for name, of_upload in (("a-1", '"5e"'), ("a-2", etag))
    )
    for job, given in ((first, "/mine/a.csv"), (later, "")):
        stack: Any = Bucket(job.id, [])
        summary = {"job": job.id, "input": job.source.address}
        stack.objects[f"results/{job.id}/summary.json"] = json.dumps(summary).encode()
        with held(tmp_path, Owner.of_job(job, given), replace=not origin) as target:
            target.receive(stack, job)
    found = Owner.of(tmp_path)
    assert (found.job, found.origin, found.content) == ("a-2", origin, f"{etag} 12")


def test_what_a_job_that_failed_had_no_rows_for_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = make_job(state=State.FAILED)
    summary = {"job": "a-1", "input": "s3://in/1/a.csv", "rows": 7}
    known = {"job": "a-1", "content": Owner.of_job(failed).content}
    for name, content in (("summary.json", summary), (".fanfold.json", known)):
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    stack: Any = Bucket(failed.id, [])
    stack.ledger = SimpleNamespace(job=lambda _id: failed)
    monkeypatch.setattr(Job, "summary", lambda _self: {"rows": 0})
    with pytest.raises(DownloadError, match=r"with 7 rows: choose another folder \(--out\) for the 0 of this job"):
        Job(stack, failed.id).download(tmp_path)
    monkeypatch.setattr(Job, "summary", lambda _self: {"rows": 7})
    assert tmp_path / "results.jsonl" in Job(stack, failed.id).download(tmp_path)
