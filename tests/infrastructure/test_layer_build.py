"""The layers as they are built for Lambda: twice the same bytes, and compiled; what is deployed. `make test-supply`."""

import _imp
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pyarrow as pa
import pytest
from pyarrow.parquet import write_table
from tests.witness.binaries import handler_imports

from fanfold.deploying.package import package
from localaws import template

ROOT = Path(__file__).parents[2]
LAYERS = ["CoreLayer", "NumpyLayer", "ParquetLayer"]
# What differs between two machines: who may read new files, the hour, the order of sets.
MACHINES = [("022", {"TZ": "UTC", "PYTHONHASHSEED": "1"}), ("077", {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "2"})]
UNCHECKED_HASH = 0b01
MIB = 1024 * 1024
# Of a function with its layers, unpacked.
MOST_UNPACKED = 250 * MIB

pytestmark = pytest.mark.supply


@pytest.fixture(scope="module", params=LAYERS)
def builds(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A layer as two machines build it, at once."""
    running = []
    for umask, variables in MACHINES:
        folder = tmp_path_factory.mktemp(request.param)
        shutil.copytree(ROOT / "layers/core", folder / "source", copy_function=shutil.copyfile)
        target, python = folder / "built", sys.executable
        build = f"umask {umask}; exec make build-{request.param} ARTIFACTS_DIR={target} PYTHON={python}"
        environment = {**os.environ, **variables}
        running.append((target, subprocess.Popen(["/bin/sh", "-c", build], cwd=folder / "source", env=environment)))
    assert [process.wait() for _, process in running] == [0, 0]
    return [target / "python" for target, _ in running]


def contents(built: Path) -> dict[str, tuple[int, int, str]]:
    """What a zip of a layer holds: access rights, times and bytes by path."""
    return {
        path.relative_to(built).as_posix(): (
            path.stat().st_mode,
            int(path.stat().st_mtime),
            sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in sorted(built.rglob("*"))
    }


def test_two_builds_are_the_same(builds: list[Path]) -> None:
    one, other = map(contents, builds)
    assert len(one) > 20
    assert one == other


def test_every_module_is_compiled_and_its_bytecode_is_not_checked_against_its_source(builds: list[Path]) -> None:
    sources = list(builds[0].rglob("*.py"))
    assert len(sources) >= 4
    for source in sources:
        compiled = (source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc").read_bytes()
        assert int.from_bytes(compiled[4:8], "little") == UNCHECKED_HASH
        # The key of the hash is the version whose bytecode it is.
        assert compiled[8:16] == _imp.source_hash(int.from_bytes(compiled[:4], "little"), source.read_bytes())
        assert b"/opt/python/" in compiled


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is deployed, as Lambda unpacks it."""
    (zips := tmp_path_factory.mktemp("deployed") / "zips").mkdir()
    packaged = package(template.read(ROOT), ROOT, zips)
    assert packaged.is_compiled
    for name, archive in packaged.archives.items():
        ZipFile(archive.file).extractall(zips.parent / name)
    return zips.parent


@pytest.fixture(scope="module")
def python() -> str:
    """Lambda's Python."""
    asked = ["python3.13", "-c", "import sys; print(sys.executable)"]
    environment = {**os.environ, "PYENV_VERSION": "3.13"}
    return subprocess.run(asked, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_what_is_deployed_is_imported_by_lambdas_python(deployed: Path, python: str) -> None:
    assert len(handler_imports(Path(python), ROOT, deployed)) == 5


READ = """
import sys
from io import BytesIO
sys.path[:] = [*sys.argv[1:], *sys.path]
from fanfold_core.input.parquet.stream import json_lines
content = sys.stdin.buffer.read()
with json_lines(lambda start, end=None: BytesIO(content[start:end]), len(content)) as blocks:
    sys.stdout.buffer.writelines(blocks)
"""


@pytest.mark.parametrize("function", ["Splitter", "Assembler"])
def test_a_function_with_the_layer_for_it_reads_parquet(deployed: Path, python: str, function: str) -> None:
    write_table(pa.table({"text": ["so good"]}), content := BytesIO())
    layers = template.read(ROOT)["Resources"][f"{function}Function"]["Properties"]["Layers"]
    folders = [str(deployed / layer["Ref"] / "python") for layer in (*layers, {"Ref": "CoreLayer"})]
    command = [python, "-I", "-S", "-c", READ, *folders]
    ended = subprocess.run(command, input=content.getvalue(), capture_output=True, check=True)
    assert ended.stdout == b'{"text":"so good"}\n'


def test_a_function_with_all_layers_is_smaller_than_lambda_allows(deployed: Path) -> None:
    largest = sum(
        file.stat().st_size
        for name in (*LAYERS, "SplitterFunction")
        for file in (deployed / name).rglob("*")
        if file.is_file()
    )
    assert 150 * MIB < largest < MOST_UNPACKED
