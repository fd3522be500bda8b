"""Whose files a folder holds, as far as its own files tell."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.values import make_job

from fanfold.errors import DownloadError
from fanfold.folder import HeldFolder, Owner, held
from fanfold.input.files import opened
from fanfold.input.sources import Source as LocalSource
from fanfold.terminal import stderr
from fanfold_core.domain.job import Source

JOB = "tweets-1f"


def write(folder: Path, origin: str = "", job: str = JOB, content: str = "", **told: object) -> None:
    """What a job has left in a folder; of which file it was, only newer versions tell, and not all of its content."""
    summary = {"job": JOB, "input": "s3://in/5e/tweets.csv", **told}
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    known = {name: value for name, value in (("origin", origin), ("content", content)) if value}
    if known:
        (folder / ".fanfold.json").write_text(json.dumps({"job": job, **known}), encoding="utf-8")


def taken(folder: Path, owner: Owner) -> bool:
    try:
        with held(folder, owner, replace=False) as target:
            assert target == HeldFolder(folder, owner.origin)
    except DownloadError as error:
        assert "choose another folder (--out) for those of " in str(error)  # noqa: PT017 - either is a result
        return False
    return True


@pytest.mark.parametrize(
    ("origin", "owner"),
    [
        ("/mine/tweets.csv", Owner("tweets.csv", origin="/mine/tweets.csv")),
        ("sha256:5e", Owner("standard input", origin="sha256:5e")),
        ("s3://theirs/tweets.csv", Owner("s3://theirs/tweets.csv", origin="s3://theirs/tweets.csv")),
        ("", Owner(job=JOB, input="s3://in/5e/tweets.csv")),
        ("", Owner(job=f"{JOB}.2", input="s3://in/5e/tweets.csv")),
        ("", Owner(job="tweets-99", input="s3://in/5e/tweets.csv")),
    ],
)
def test_the_files_of_an_earlier_job_of_the_file_may_be_replaced(tmp_path: Path, origin: str, owner: Owner) -> None:
    write(tmp_path, origin)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    assert taken(tmp_path, owner)
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("origin", "owner"),
    [
        ("/mine/tweets.csv", Owner("tweets.csv", origin="/theirs/tweets.csv")),
        ("sha256:5e", Owner("tweets.csv", origin="sha256:99")),
        ("", Owner("tweets.csv", origin="/mine/tweets.csv")),
        ("/mine/tweets.csv", Owner(job="tweets-99", input="s3://in/99/tweets.csv")),
        ("", Owner("tweets.csv")),
    ],
)
def test_a_file_of_the_same_name_is_another_file(tmp_path: Path, origin: str, owner: Owner) -> None:
    write(tmp_path, origin)
    assert not taken(tmp_path, owner)


def of_upload(etag: str, size: int = 12, name: str = "tweets.csv", **known: Any) -> Owner:
    """A later job, of an upload of its own."""
    return Owner.of_job(make_job(id="tweets-99", source=Source("in", f"99/{name}", "v", etag, size), **known))


def test_a_job_of_another_upload_is_of_the_same_file_if_its_content_is_the_same(tmp_path: Path) -> None:
    write(tmp_path, "/mine/tweets.csv", content=of_upload('"5e"').content, rows=7)
    with held(tmp_path, of_upload('"5e"', rows=7), replace=False) as target:
        assert target.origin == "/mine/tweets.csv"
    words = (
        rf"{JOB}, from /mine/tweets\.csv: choose another folder \(--out\) for those of job tweets-99, whose "
        r"tweets\.csv is not known to have the same content, or replace what is there \(--replace, "
    )
    for other in (of_upload('"99"'), of_upload('"5e"', 13)):
        with pytest.raises(DownloadError, match=words), held(tmp_path, other, replace=False):
            pass
    with pytest.raises(DownloadError, match="with 7 rows"), held(tmp_path, of_upload('"5e"', rows=6), replace=False):
        pass
    write(tmp_path, "/mine/tweets.csv")
    with pytest.raises(DownloadError, match=words), held(tmp_path, of_upload('"5e"'), replace=False):
        pass
    pictures = pytest.raises(DownloadError, match="for those of job tweets-99, or replace")
    with pictures, held(tmp_path, of_upload('"99"', name="pic.png"), replace=False):
        pass


def test_of_which_file_a_folder_is_counts_for_its_job_only(tmp_path: Path) -> None:
    """Somebody has copied other files there, or a process has died while it wrote them."""
    mine = Owner("tweets.csv", origin="/mine/tweets.csv")
    for job, is_same in ((f"{JOB}.2", True), ("tweets-99", False)):
        write(tmp_path, mine.origin, job)
        assert taken(tmp_path, mine) is is_same
    for content in (b"[]", b"\xff", b'{"job": 1}'):
        (tmp_path / ".fanfold.json").write_bytes(content)
        assert not taken(tmp_path, mine)


def test_who_may_not_replace_files_reads_of_which_file_they_are(tmp_path: Path) -> None:
    found = Owner("b/tweets.csv", origin="/mine/b/tweets.csv")
    for origin, words in (("", "a file named tweets.csv"), ("/mine/a/tweets.csv", "/mine/a/tweets.csv")):
        write(tmp_path, origin)
        whole = f"{tmp_path} has the files of job {JOB}, from {words}: choose another folder (--out) for those of "
        with pytest.raises(DownloadError) as error, held(tmp_path, found, replace=False):
            pass
        assert (
            str(error.value)
            .replace(", perhaps another one", "")
            .startswith(f"{whole}b/tweets.csv, or replace what is there (--replace, ")
        )
        picture = Owner(job="pic-99", input="s3://in/9/pic.png")
        with pytest.raises(DownloadError) as error, held(tmp_path, picture, replace=False):
            pass
        assert str(error.value).startswith(f"{whole}job pic-99, or ")


def test_a_source_is_the_same_wherever_it_is_looked_at_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "tweets.csv").write_bytes(b"text\nso good\n")
    (tmp_path / "link.csv").symlink_to("a/tweets.csv")
    monkeypatch.chdir(tmp_path / "a")
    first, *same, other = (
        LocalSource.of_file(Path(path)).origin
        for path in (tmp_path / "a" / "tweets.csv", "tweets.csv", "../link.csv", "../b/tweets.csv")
    )
    assert (set(same), other) == ({first}, str(tmp_path.resolve() / "b" / "tweets.csv"))

    def of_rows(*rows: str) -> str:
        with opened(rows, pytest.fail, {}, {}) as found, found.head(1) as head:
            assert head.origin == found.source.origin
            return head.origin

    assert of_rows("so good", "fine") == of_rows("so good", "fine") != of_rows("so good", "so bad")
    with opened(Path("tweets.csv"), pytest.fail, {}, {}) as found, found.head(1) as head:
        assert head.origin == first


def test_a_result_with_more_rows_than_the_job_can_have_is_kept_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    write(tmp_path, "/mine/tweets.csv", rows=1800)
    owner = Owner("tweets.csv", origin="/mine/tweets.csv")
    words = r"from /mine/tweets\.csv, with 1,800 rows: choose another folder \(--out\) for the 10 of this job"
    with pytest.raises(DownloadError, match=words), held(tmp_path, dataclasses.replace(owner, rows=10), replace=False):
        pass
    for rows, replace in ((10, True), (1800, False), (None, False)):
        with held(tmp_path, dataclasses.replace(owner, rows=rows), replace=replace):
            pass


@pytest.mark.parametrize("job", ["tweets-1f", "tweets-1f.2"])
def test_other_rounds_of_a_job_are_replaced_silently(
    tmp_path: Path, job: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stderr, "quiet", False)
    write(tmp_path)
    with held(tmp_path, Owner(job=job), replace=False):
        assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "summary",
    [b"", b"{}", b"[]", b"\xff", b"[" * 100_000, b'{"job": 1, "input": 2}', b'{"job": "x", "input": "x.csv"}'],
)
def test_results_of_which_nothing_tells_that_they_are_the_files_are_kept(tmp_path: Path, summary: bytes) -> None:
    (tmp_path / "summary.json").write_bytes(summary)
    (tmp_path / "results.csv").write_bytes(b"mine")
    with (
        pytest.raises(DownloadError, match="choose another folder"),
        held(tmp_path, Owner("tweets.csv"), replace=False),
    ):
        pass
    with held(tmp_path, Owner("tweets.csv"), replace=True):
        pass


def test_a_pipe_in_place_of_the_summary_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "summary.json")
    with pytest.raises(DownloadError, match=r"summary\.json"), held(tmp_path, Owner("tweets.csv"), replace=False):
        pass


def test_a_folder_to_which_nothing_was_written_is_gone_with_those_made_for_it(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with held(tmp_path / "mine" / "new" / "out", Owner("tweets.csv"), replace=False):
        pass
    with held(tmp_path / "mine", Owner("tweets.csv"), replace=False):
        pass
    assert list(tmp_path.rglob("*")) == [tmp_path / "mine"]


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    refused = pytest.raises(DownloadError, match="another process holds")
    with held(tmp_path, Owner("a.csv"), replace=False), refused, held(tmp_path, Owner("a.csv"), replace=True):
        pass
    with held(tmp_path, Owner("a.csv"), replace=False):
        pass
    assert list(tmp_path.iterdir()) == []
