"""What `fanfold doctor` says before a deploy: of a model, and of the defaults that jobs are to have."""

import json
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from fanfold.cli import cli
from fanfold.client import local_cloud
from fanfold.doctor.model import examine_model
from fanfold.errors import LocalStartError, ModelFilesError
from fanfold.project import find_root

CONTAINER = "4.51.3"

Make = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Make:
    """Makes a folder as transformers saves one, as far as it is looked at."""

    def make(version: str, tokenizer: str = "RobertaTokenizer", **files: str) -> Path:
        model = tmp_path / "model"
        (model / "code").mkdir(parents=True)
        (model / "config.json").write_text(json.dumps({"transformers_version": version}))
        (model / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": tokenizer}))
        for name, text in files.items():
            (model / name).write_text(text)
        return model

    return make


def found(path: Path) -> list[str]:
    return [str(finding) for finding in examine_model(path)]


def test_the_container_is_the_templates() -> None:
    assert f"-transformers{CONTAINER}-" in (find_root() / "template.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("version", "tokenizer", "words"),
    [
        ("4.51.3", "RobertaTokenizer", "ok     it was saved by transformers 4.51.3"),
        ("4.9.0", "RobertaTokenizer", "ok     it was saved by transformers 4.9.0"),
        (
            "4.52.0",
            "RobertaTokenizer",
            "risky  it was saved by transformers 4.52.0; the container has 4.51.3, which may",
        ),
        ("5.0.0", "RobertaTokenizer", "risky  it was saved by transformers 5.0.0"),
        ("5.0.0", "TokenizersBackend", "wrong  it was saved by transformers 5.0.0; .* refuses every request"),
    ],
)
def test_a_model_of_newer_transformers_is_told_before_the_deploy(
    version: str, tokenizer: str, words: str, folder: Make
) -> None:
    (finding,) = found(folder(version, tokenizer))
    assert re.match(words, finding)


def test_an_archive_is_looked_at_like_its_folder(folder: Make, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(folder("5.1.0", "TokenizersBackend"), ".")
    assert found(tmp_path / "model.tar.gz") == found(tmp_path / "model")


def test_an_archive_of_the_folder_itself_is_found(folder: Make, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(folder("4.51.3"), "model")
    (finding,) = found(tmp_path / "model.tar.gz")
    assert finding.startswith("wrong  it has no config.json at its top")


def test_requirements_need_the_network(folder: Make) -> None:
    *_, finding = found(folder("4.51.3", **{"code/requirements.txt": "sentencepiece"}))
    assert finding.startswith("risky  it has a code/requirements.txt")
    assert "NetworkIsolation=off" in finding


@pytest.mark.parametrize("content", ["{", "[]"])
def test_files_that_cannot_be_read_are_named(content: str, folder: Make) -> None:
    model = folder("4.51.3", **{"config.json": content})
    with pytest.raises(ModelFilesError, match=r"config\.json"):
        found(model)


def test_what_is_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"none")
    with pytest.raises(ModelFilesError, match=r"model\.bin is no model's folder and no model\.tar\.gz"):
        found(tmp_path / "model.bin")


def test_defaults_of_jobs_are_printed_as_a_shell_and_both_deploys_take_them() -> None:
    ended = CliRunner().invoke(cli, ["doctor", "--job-defaults", '{"rows-per-request": 64, "bom": "yes"}'])
    assert ended.exit_code == 0
    assert ended.stdout == "ok     every job has rows-per-request=64, bom=yes unless its file says otherwise\n"
    command = r"""sam deploy --parameter-overrides 'JobDefaults="{\"rows-per-request\": 64, \"bom\": \"yes\"}"'"""
    ours = """fanfold deploy --parameter 'JobDefaults={"rows-per-request": 64, "bom": "yes"}'"""
    assert ended.stderr == f"{ours}\n{command}\n"


def test_defaults_that_no_job_may_have_are_wrong() -> None:
    ended = CliRunner().invoke(cli, ["doctor", "--json", "--job-defaults", '{"rows-per-request": 0}'])
    assert (ended.exit_code, ended.stderr) == (1, "")
    (finding,) = json.loads(ended.stdout)
    assert finding["verdict"] == "wrong"
    assert "JobDefaults: option rows-per-request is '0'; it must be a number from 1 to 1000" in finding["words"]


def test_defaults_with_more_bytes_than_lambda_takes_are_wrong() -> None:
    defaults = json.dumps({"input-column": "é" * 1_000}, ensure_ascii=False)
    ended = CliRunner().invoke(cli, ["doctor", "--job-defaults", defaults])
    assert ended.exit_code == 1
    assert ended.stdout.startswith(
        "wrong  the stack's parameter JobDefaults: it has 2,020 bytes in UTF-8, and may have"
    )


def test_a_local_cloud_with_defaults_that_no_job_may_have_does_not_start() -> None:
    with pytest.raises(LocalStartError, match="JobDefaults: 'rows' is no option"):
        local_cloud("vader", {"JobDefaults": '{"rows": 1}'})
