"""Whether a model on this machine will load in the stack's container, before it is uploaded and deployed."""

from __future__ import annotations

import json
import re
import tarfile
import zlib
from typing import TYPE_CHECKING, Any

from fanfold.doctor.findings import Finding, Verdict
from fanfold.errors import ModelFilesError
from fanfold.project import find_root
from localaws import template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_CONFIG, _TOKENIZER, _REQUIREMENTS = "config.json", "tokenizer_config.json", "code/requirements.txt"
# What transformers 5 calls tokenizers that have no class of their own; 4 has no such class.
_OF_TRANSFORMERS_5 = "TokenizersBackend"


def examine_model(path: Path) -> Iterator[Finding]:
    """Look at a folder that transformers has saved, or at a model.tar.gz.

    Raises:
        ModelFilesError: it is neither, or a file in it cannot be read.

    Example:
        >>> [str(finding) for finding in examine_model(Path("my-model"))]
        ['ok     it was saved by transformers 4.51.3; the container has 4.51.3']
    """
    files = _files(path)
    if _CONFIG not in files:
        wrong = f"it has no {_CONFIG} at its top, where the container looks; pack what is in the folder, not the folder"
        yield Finding(Verdict.WRONG, wrong)
        return
    saved_by = str(_read(path, files, _CONFIG).get("transformers_version", "an unknown version"))
    has = _container_version()
    saved = f"it was saved by transformers {saved_by}; the container has {has}"
    remedy = f"save it with transformers {has}, or set ContainerImage to a container that has what it needs"
    if _TOKENIZER in files and _read(path, files, _TOKENIZER).get("tokenizer_class") == _OF_TRANSFORMERS_5:
        yield Finding(Verdict.WRONG, f"{saved}, which refuses every request: it doesn't know its tokenizer; {remedy}")
    elif _numbers(saved_by) > _numbers(has):
        yield Finding(Verdict.RISKY, f"{saved}, which may not load it; {remedy}")
    else:
        yield Finding(Verdict.OK, saved)
    if _REQUIREMENTS in files:
        words = "which the container installs from the network when it starts; deploy it with NetworkIsolation=off"
        yield Finding(Verdict.RISKY, f"it has a {_REQUIREMENTS}, {words}")


def _files(path: Path) -> Mapping[str, bytes]:
    """The files that are looked at, by their paths in the model."""
    looked_at = {_CONFIG, _TOKENIZER, _REQUIREMENTS}
    try:
        if path.is_dir():
            return {name: (path / name).read_bytes() for name in looked_at if (path / name).is_file()}
        with tarfile.open(path) as archive:
            members = ((member.name.removeprefix("./"), archive.extractfile(member)) for member in archive)
            return {name: stream.read() for name, stream in members if name in looked_at and stream}
    except OSError as error:
        raise ModelFilesError(f"cannot read {path}: {error.strerror or error}") from error
    except (tarfile.TarError, EOFError, zlib.error) as error:
        # tarfile says what each of its methods says, a line each.
        why = str(error).partition("\n")[0].removesuffix(":")
        raise ModelFilesError(
            f"{path} is no model's folder and no model.tar.gz ({why}): name the folder, or make the archive with "
            "`tar -czf model.tar.gz -C FOLDER .`"
        ) from error


def _read(path: Path, files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    try:
        found = json.loads(files[name])
    except ValueError as error:
        raise ModelFilesError(f"{path}: {name} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise ModelFilesError(f"{path}: {name} is no JSON object")
    return found


def _container_version() -> str:
    """The version of transformers in the container that the template names."""
    tag = template.read(find_root())["Mappings"]["HuggingFaceImage"]["cpu"]["Tag"]
    return tag.partition("-transformers")[2].partition("-")[0]  # type: ignore[no-any-return] # a text of the template


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]
