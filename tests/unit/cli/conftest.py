"""A command line of somebody who has set up nothing, in a folder with files of all kinds."""

from __future__ import annotations

import gzip
import json
import os
import tarfile
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

from fanfold.cli import main

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ROWS = b"id,text\n1,so good\n2,so bad\n"


def packed(*names: str) -> bytes:
    with ZipFile(stream := BytesIO(), "w") as archive:
        for name in names:
            archive.writestr(name, ROWS)
    return stream.getvalue()


def broken_off() -> bytes:
    with tarfile.open(fileobj=(stream := BytesIO()), mode="w:gz") as archive:
        member = tarfile.TarInfo("config.json")
        member.size = 50_000
        archive.addfile(member, BytesIO(bytes(number * number % 251 for number in range(member.size))))
    return stream.getvalue()[:300]


SUMMARY = {"job": "a-1", "input": "s3://in/a.csv", "columns": 1, "delimiter": ",", "quote": '"'}
FILES = {
    "tweets.csv": ROWS,
    "folder/tweets.csv": ROWS,
    "empty.csv": b"",
    "header.csv": b"id,text\n",
    "book.xlsx": packed("[Content_Types].xml", "xl/workbook.xml"),
    "tweets.zip": packed("tweets.csv"),
    "broken.parquet": b"PAR1\x15....PAR1",
    "list.json": b'[{"text": "so good"}]',
    "words.csv": b"id,words\n1,so good\n",
    "windows.csv": "id,text\n1,größe\n2,größe\n".encode("cp1252"),
    "windows-once.csv": "id,text\n1,gut\n2,größe\n".encode("cp1252"),
    "semicolons.csv": b"id;words\n1;so good\n",
    "table.csv": b"id;words\n1;so good\n2;so bad\n",
    "open.csv": b'id,text\n1,so good\n2,"so bad\n3,well\n',
    "backslashes.csv": b'id,text,n\n1,"so \\"good\\", yes",3\n2,"so \\"bad\\", no",4\n',
    "twins.csv": b"text,text\na,b\n",
    "utf-16.csv": ROWS.decode().encode("utf-16"),
    "packed.csv": gzip.compress(ROWS),
    "unpacked.csv.gz": ROWS,
    "half.csv.gz": gzip.compress(ROWS * 99)[:-9],
    "list.jsonl": b"[1, 2]\n",
    "model/weights": b"",
    "model-unsaved/config.json": b"{}",
    "model.tar.gz": broken_off(),
    "taken/summary.json": json.dumps({**SUMMARY, "input": "s3://in/other.csv"}).encode(),
    "taken/results.csv": b"text\n",
    "full/summary.json": json.dumps({**SUMMARY, "input": "s3://in/tweets.csv", "rows": 2}).encode(),
    "full/results.csv": b"text\n",
    "lines/summary.json": json.dumps({**SUMMARY, "results": "s3://out/results.jsonl"}).encode(),
    "lines/results.jsonl": b'{"text":"so good","label":"X","error":null}\n',
    "cells/summary.json": json.dumps(SUMMARY).encode(),
    "cells/results.csv": b"text,label,error\nso good,X,\n",
}


@dataclass(frozen=True)
class Said:
    code: int
    stdout: str
    lines: list[str]


class Shell:
    """Somebody who has set up nothing, in a folder with these files."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._monkeypatch, self._capsys = folder, monkeypatch, capsys
        monkeypatch.chdir(folder)
        for name in os.environ:
            if name.startswith(("AWS_", "FANFOLD_")):
                monkeypatch.delenv(name)
        monkeypatch.setenv("HOME", str(folder))
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def __call__(self, command: str, environment: Mapping[str, str] | None = None) -> Said:
        for name, value in (environment or {}).items():
            self._monkeypatch.setenv(name, value)
        self._monkeypatch.setattr("sys.argv", ["fanfold", *command.split()])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = self._capsys.readouterr()
        return Said(int(ended.value.code or 0), printed.out, printed.err.splitlines())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mistakes")
    for name, content in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def shell(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(folder, monkeypatch, capsys)
