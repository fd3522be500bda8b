"""A model's folder, and the code that runs it, as a model.tar.gz."""

from __future__ import annotations

import io
import json
import os
import tarfile
from gzip import GzipFile
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from fanfold.doctor.findings import Verdict
from fanfold.doctor.model import examine_model
from fanfold.errors import PackError
from fanfold.folder import whole_file
from fanfold.packing.embedding import plan_embedding
from fanfold_core.input.errors import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

_CODE = Path(__file__).with_name("inference.py")
_CONFIG, _SCRIPT, _PLAN = "config.json", "code/inference.py", "code/embedding.json"
# Weights hardly get smaller.
_COMPRESSION = 1


def pack(folder: Path, file: Path, labels: Sequence[str] = ()) -> int:
    """Write a model.tar.gz of the model in a folder; the number of files in it.

    `labels` are names for the model's classes, in their order.

    The same folder gives the same bytes. The file is there when it is whole.

    Raises:
        PackError: the container cannot load the model, the packed code cannot make its embeddings, or the folder has
            code of its own.
        ModelFilesError: a file of the model cannot be read.

    Example:
        >>> pack(Path("models/sentiment"), Path("model.tar.gz"), ["negative", "neutral", "positive"])
        7
    """
    _check(folder)
    members: dict[str, Path | bytes] = {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if _belongs(path, folder)
    }
    members[_SCRIPT] = _CODE
    members[_PLAN] = json.dumps(plan_embedding(folder), indent=2).encode()
    if labels:
        members[_CONFIG] = _labelled(folder, labels)
    try:
        with (
            whole_file(file) as raw,
            GzipFile("", "wb", _COMPRESSION, raw, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w") as archive,
        ):
            for name, content in sorted(members.items(), key=itemgetter(0)):
                _add(archive, name, content)
    except OSError as error:
        raise PackError(f"cannot write {file} ({error.strerror}): free some space, or choose another file") from error
    return len(members)


def _check(folder: Path) -> None:
    if (folder / _SCRIPT).exists():
        raise PackError(f"{folder} has its own {_SCRIPT}: make the archive with `tar -czf model.tar.gz -C {folder} .`")
    wrong = [finding.words for finding in examine_model(folder) if finding.verdict is Verdict.WRONG]
    if wrong:
        raise PackError(f"{folder}: {wrong[0]}")


def _labelled(folder: Path, labels: Sequence[str]) -> bytes:
    """The model's config.json with other names for its classes."""
    config = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
    classes = len(config.get("id2label") or ()) or int(config.get("num_labels", 2))
    if len(labels) != classes:
        raise PackError(
            f"the model in {folder} has {counted(classes, 'label')}, and you give {len(labels):,}: name each"
        )
    named = {"id2label": dict(enumerate(labels)), "label2id": {label: number for number, label in enumerate(labels)}}
    return json.dumps({**config, **named}, indent=2).encode()


def _belongs(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.is_file() and not hidden


def _add(archive: tarfile.TarFile, name: str, content: Path | bytes) -> None:
    member = tarfile.TarInfo(name)
    member.mode = 0o644
    with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as stream:
        member.size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        archive.addfile(member, stream)
