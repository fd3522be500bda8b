"""A model in a folder becomes the archive that an endpoint serves."""

import json
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from fanfold.cli import cli
from fanfold.errors import PackError
from fanfold.hub import HubModel
from fanfold.packing.pack import pack

LATER = "TokenizersBackend"  # checkov:skip=CKV_SECRET_6:the name of a class
CONFIG = {"architectures": ["RobertaForSequenceClassification"], "id2label": {"0": "LABEL_0", "1": "LABEL_1"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "sentiment"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("")
    (folder / "1_Pooling" / "config.json").write_text("{}")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def content(archive: Path, name: str) -> bytes:
    with tarfile.open(archive) as packed:
        found = packed.extractfile(name)
        assert found is not None
        return found.read()


def test_a_model_is_packed_with_the_code_that_runs_it(folder: Path, tmp_path: Path) -> None:
    packed = tmp_path / "model.tar.gz"
    assert pack(folder, packed) == 4
    with tarfile.open(packed) as archive:
        assert archive.getnames() == ["1_Pooling/config.json", "code/inference.py", "config.json", "model.safetensors"]
    assert content(packed, "model.safetensors") == b"weights"
    assert json.loads(content(packed, "config.json")) == CONFIG
    assert b"def predict_fn" in content(packed, "code/inference.py")


def test_the_same_model_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.tar.gz", tmp_path / "second.tar.gz"
    pack(folder, first)
    (folder / "model.safetensors").touch()
    pack(folder, second)
    assert second.read_bytes() == first.read_bytes()


def test_classes_get_the_names_that_are_given(folder: Path, tmp_path: Path) -> None:
    packed = tmp_path / "model.tar.gz"
    pack(folder, packed, ["bad", "good"])
    config = json.loads(content(packed, "config.json"))
    assert (config["id2label"], config["label2id"]) == ({"0": "bad", "1": "good"}, {"bad": 0, "good": 1})
    assert config["architectures"] == CONFIG["architectures"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("tokenizer_config.json", json.dumps({"tokenizer_class": LATER}), "which refuses every request"),
        ("code/inference.py", "", "has its own code/inference.py"),
    ],
)
def test_what_the_container_could_not_run_is_refused(
    folder: Path, tmp_path: Path, name: str, text: str, words: str
) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    with pytest.raises(PackError, match=words):
        pack(folder, tmp_path / "model.tar.gz")
    assert not list(tmp_path.glob("*model.tar.gz*"))


@pytest.mark.parametrize("command", [["model", "pack"], ["doctor", "--model"]])
def test_a_model_of_the_hub_is_downloaded_and_taken_as_a_folder(
    command: list[str], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[HubModel] = []

    def fetch(model: HubModel) -> Path:
        asked.append(model)
        return folder

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(HubModel, "fetch", fetch)
    run = CliRunner().invoke(cli, [*command, "acme/sentiment@v1"])
    assert (run.exit_code, asked) == (0, [HubModel("acme/sentiment", "v1")]), run.output
    assert (tmp_path / "model.tar.gz").exists() == (command[0] == "model")
    # A folder of the name goes before.
    (tmp_path / "acme").mkdir()
    folder.rename(tmp_path / "acme/sentiment")
    assert CliRunner().invoke(cli, [*command, "acme/sentiment"]).exit_code == 0
    assert len(asked) == 1


def test_other_labels_than_the_model_has_classes_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="has 2 labels, and you give 3: name each"):
        pack(folder, tmp_path / "model.tar.gz", ["a", "b", "c"])


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"has no config\.json at its top"):
        pack(tmp_path, tmp_path / "model.tar.gz")


def test_a_file_that_cannot_be_written_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"cannot write .*missing/model\.tar\.gz"):
        pack(folder, tmp_path / "missing" / "model.tar.gz")
