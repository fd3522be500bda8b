"""What a deploy sends to S3: the code of functions and layers as zip files, and the template that names them."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from fanfold.errors import DeployError
from localaws import template

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_PREFIX = "fanfold"
_BLOCK = 1 << 20
_FIRST_YEAR_OF_A_ZIP = (1980, 1, 1, 0, 0, 0)
_UNIX, _REGULAR_FILE = 3, 0o100000
_OWNER_EXECUTES = 0o100
# What layers/core/build.py says where there is no Python of Lambda's version.
_UNCOMPILED = "without bytecode"


@dataclass(frozen=True, slots=True)
class Archive:
    """A zip file, and the key that its content gives it: code that has not changed is not sent again."""

    file: Path
    key: str

    @property
    def size(self) -> int:
        """Bytes."""
        return self.file.stat().st_size


@dataclass(frozen=True, slots=True)
class Package:
    """A template and the code that it names. `archives` goes by the logical ids of functions and layers.

    Layers that are not `is_compiled` work, but every cold start compiles their modules anew.
    """

    source: Mapping[str, Any]
    archives: Mapping[str, Archive]
    is_compiled: bool

    def template(self, bucket: str) -> str:
        """The template as CloudFormation takes it, with its code in a bucket.

        CloudFormation knows no merge keys (`<<`) of YAML, so it gets JSON.
        """
        body = copy.deepcopy(dict(self.source))
        for name, archive in self.archives.items():
            resource = body["Resources"][name]
            resource["Properties"][template.CODE_PLACES[resource["Type"]]] = f"s3://{bucket}/{archive.key}"
        return json.dumps(body)


def template_key(text: str) -> str:
    """Where a template goes."""
    return f"{_PREFIX}/{sha256(text.encode()).hexdigest()}.template"


def package(source: Mapping[str, Any], root: Path, folder: Path) -> Package:
    """Build the layers of a template of `root`, and write all code as zip files into `folder`.

    Raises:
        DeployError: a layer could not be built.
    """
    code = {
        name: root / resource["Properties"][template.CODE_PLACES[resource["Type"]]]
        for name, resource in source["Resources"].items()
        if resource["Type"] in template.CODE_PLACES
    }
    layers = [name for name in code if source["Resources"][name].get("Metadata", {}).get("BuildMethod") == "makefile"]
    # Most of their time is pip's, which waits for the network.
    with ThreadPoolExecutor() as pool:
        said = list(pool.map(lambda name: _build_layer(code[name], name, folder / name), layers))
    archives = {}
    for name, content in code.items():
        is_built = name in layers
        files = _files(folder / name if is_built else content, with_bytecode=is_built)
        file = folder / f"{name}.zip"
        archives[name] = Archive(file, f"{_PREFIX}/{write_zip(files, file)}.zip")
    return Package(source, archives, is_compiled=not any(_UNCOMPILED in words for words in said))


def write_zip(files: Iterable[tuple[str, Path]], archive: Path) -> str:
    """Write files, by their names in it, to an archive; a hash of names, access rights and contents.

    The same files are the same archive, whenever it is written; on another machine only zlib may pack them otherwise.
    """
    digest = sha256()
    with ZipFile(archive, "w", ZIP_DEFLATED) as writer:
        for name, path in sorted(files):
            mode = 0o755 if path.stat().st_mode & _OWNER_EXECUTES else 0o644
            info = ZipInfo(name, _FIRST_YEAR_OF_A_ZIP)
            info.compress_type, info.create_system = ZIP_DEFLATED, _UNIX
            info.external_attr = (_REGULAR_FILE | mode) << 16
            content = path.read_bytes()
            digest.update(f"{name}\0{mode:o}\0{len(content)}\0".encode() + content)
            writer.writestr(info, content)
    return digest.hexdigest()


def _files(folder: Path, *, with_bytecode: bool) -> Iterator[tuple[str, Path]]:
    """The files of a folder by their names in an archive. Beside sources, this machine has left its own bytecode."""
    for path in folder.rglob("*"):
        if path.is_file() and (with_bytecode or "__pycache__" not in path.parts):
            yield path.relative_to(folder).as_posix(), path


def _build_layer(content: Path, name: str, folder: Path) -> str:
    """Build a layer in a folder, and give what its script says."""
    command = [sys.executable, "-B", str(content / "build.py"), name, str(folder), "--bytecode-optional"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the project's own
    if ended.returncode:
        if re.search(r"No module named pip$", ended.stderr, re.MULTILINE):
            raise DeployError(
                f"the layers are built by pip, which is not installed for {sys.executable}: run "
                f"`{sys.executable} -m ensurepip` (or `uv pip install pip`)"
            )
        raise DeployError(f"{name} could not be built: {ended.stderr.strip() or ended.stdout.strip()}")
    return ended.stdout
