"""What is sent to S3 is the same for the same sources, and is what SAM's transform takes."""

import json
import os
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from tests.unit.deploying.conftest import transformed

from fanfold.deploying.package import Archive, Package, package, template_key, write_zip
from fanfold.errors import DeployError
from fanfold.project import find_root
from localaws import template

ROOT = find_root()


def write(folder: Path, files: dict[str, str]) -> list[tuple[str, Path]]:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [(name, folder / name) for name in files]


def test_the_same_files_are_the_same_archive(tmp_path: Path) -> None:
    one = write(tmp_path / "one", {"a.py": "1", "b.py": "2"})
    other = write(tmp_path / "other", {"b.py": "2", "a.py": "1"})
    for _, path in other:
        os.utime(path, (0, 0))
        path.chmod(0o600)
    keys = {write_zip(one, tmp_path / "one.zip"), write_zip(other, tmp_path / "other.zip")}
    assert len(keys) == 1
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes()
    # Whoever runs as a user of Lambda's can read them.
    assert [info.external_attr >> 16 & 0o777 for info in ZipFile(tmp_path / "one.zip").infolist()] == [0o644, 0o644]


@pytest.mark.parametrize("other", [{"a.py": "2"}, {"b.py": "1"}, {"a.py": "1", "b.py": ""}, {"a.py": "1b"}])
def test_other_files_are_another_archive(other: dict[str, str], tmp_path: Path) -> None:
    known = write_zip(write(tmp_path / "one", {"a.py": "1"}), tmp_path / "one.zip")
    assert write_zip(write(tmp_path / "other", other), tmp_path / "other.zip") != known


def test_a_program_stays_one(tmp_path: Path) -> None:
    ((name, path),) = write(tmp_path / "one", {"run": "#!/bin/sh"})
    plain = write_zip([(name, path)], tmp_path / "one.zip")
    path.chmod(0o755)
    assert write_zip([(name, path)], tmp_path / "two.zip") != plain
    assert ZipFile(tmp_path / "two.zip").infolist()[0].external_attr >> 16 & 0o777 == 0o755


def test_layers_are_built_and_carry_bytecode_and_functions_carry_none(root: Path, tmp_path: Path) -> None:
    (tmp_path / "built").mkdir()
    packaged = package(template.read(root), root, tmp_path / "built")
    names = {name: ZipFile(archive.file).namelist() for name, archive in packaged.archives.items()}
    assert names == {
        "Core": ["python/__pycache__/shared.cpython-313.pyc", "python/shared.py"],
        "Echo": ["handler.py"],
    }
    assert packaged.is_compiled


def test_a_layer_without_bytecode_is_told_of(root: Path, tmp_path: Path) -> None:
    with (root / "layers/core/build.py").open("a", encoding="utf-8") as script:
        # In the words of the real one, which a test without pip and network can't run.
        said = 'print("without bytecode")'
        assert said in (ROOT / "layers/core/build.py").read_text(encoding="utf-8")
        script.write(said)
    (tmp_path / "built").mkdir()
    assert not package(template.read(root), root, tmp_path / "built").is_compiled


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("raise SystemExit('no matching distribution')", "Core could not be built: no matching distribution"),
        ("import runpy; runpy.run_module('pip_that_is_not_there')", "Core could not be built: "),
        ("raise SystemExit(sys.executable + ': No module named pip')", "-m ensurepip"),
    ],
)
def test_a_layer_that_cannot_be_built_says_why(script: str, words: str, root: Path, tmp_path: Path) -> None:
    (root / "layers/core/build.py").write_text(f"import sys\n{script}", encoding="utf-8")
    (tmp_path / "built").mkdir()
    with pytest.raises(DeployError, match=words):
        package(template.read(root), root, tmp_path / "built")


def sent(source: dict[str, Any], bucket: str) -> str:
    """The system's own template, with its code in a bucket."""
    names = [name for name, it in source["Resources"].items() if it["Type"] in template.CODE_PLACES]
    archives = {name: Archive(Path(f"{name}.zip"), f"fanfold/{name}.zip") for name in names}
    return Package(source, archives, is_compiled=True).template(bucket)


def test_the_systems_template_is_transformed_with_all_code_in_the_bucket() -> None:
    resources = transformed(sent(template.read(ROOT), "artifacts"))["Resources"]
    code = {name: it["Properties"]["Code"] for name, it in resources.items() if it["Type"] == "AWS::Lambda::Function"}
    layers = [it["Properties"]["Content"] for it in resources.values() if it["Type"] == "AWS::Lambda::LayerVersion"]
    assert len(code) == 5
    assert code == {name: {"S3Bucket": "artifacts", "S3Key": f"fanfold/{name}.zip"} for name in code}
    keys = [f"fanfold/{name}.zip" for name in ("CoreLayer", "NumpyLayer", "ParquetLayer")]
    assert layers == [{"S3Bucket": "artifacts", "S3Key": key} for key in keys]


def test_but_for_where_code_is_the_systems_template_is_as_it_was() -> None:
    source = template.read(ROOT)
    body = json.loads(sent(source, "artifacts"))
    places = 0
    for name, resource in body["Resources"].items():
        if place := template.CODE_PLACES.get(resource["Type"]):
            resource["Properties"][place] = source["Resources"][name]["Properties"][place]
            assert (ROOT / resource["Properties"][place]).is_dir()
            places += 1
    assert places == 8
    assert body == source


def test_every_handler_is_in_its_functions_archive(tmp_path: Path) -> None:
    functions = template.load(ROOT).functions
    for name, code in functions.items():
        write_zip(((path.name, path) for path in code.folder.glob("*.py")), tmp_path / f"{name}.zip")
        module, _, function = code.handler.partition(".")
        text = ZipFile(tmp_path / f"{name}.zip").read(f"{module}.py").decode()
        assert f"def {function}(" in text or f"{function} =" in text
    assert len(functions) == 5


def test_a_template_is_named_by_its_content() -> None:
    assert template_key("one") == template_key("one") != template_key("other")
