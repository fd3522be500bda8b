"""A model in a folder becomes the archive that an endpoint serves."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fanfold.cli import cli
from fanfold.errors import PackError
from fanfold.hub import HubModel
from fanfold.packing.embedding import plan_embedding
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


def content_of(archive: Path, name: str) -> bytes:
    with tarfile.open(archive) as packed:
        found = packed.extractfile(name)
        assert found is not None
        return found.read()


def test_a_model_is_packed_with_the_code_that_runs_it(folder: Path, tmp_path: Path) -> None:
    packed = tmp_path / "model.tar.gz"
    assert pack(folder, packed) == 5
    with tarfile.open(packed) as archive:
        assert archive.getnames() == [
            "1_Pooling/config.json",
            "code/embedding.json",
            "code/inference.py",
            "config.json",
            "model.safetensors",
        ]
    assert content_of(packed, "model.safetensors") == b"weights"
    assert json.loads(content_of(packed, "config.json")) == CONFIG
    assert b"def predict_fn" in content_of(packed, "code/inference.py")
    assert json.loads(content_of(packed, "code/embedding.json"))["pooling"] == ["mean"]


def test_the_same_model_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.tar.gz", tmp_path / "second.tar.gz"
    pack(folder, first)
    (folder / "model.safetensors").touch()
    pack(folder, second)
    assert second.read_bytes() == first.read_bytes()


def test_classes_get_the_names_that_are_given(folder: Path, tmp_path: Path) -> None:
    packed = tmp_path / "model.tar.gz"
    pack(folder, packed, ["bad", "good"])
    config = json.loads(content_of(packed, "config.json"))
    assert (config["id2label"], config["label2id"]) == ({"0": "bad", "1": "good"}, {"bad": 0, "good": 1})
    assert config["architectures"] == CONFIG["architectures"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("tokenizer_config.json", json.dumps({"tokenizer_class": LATER}), "which refuses every request"),
        ("code/inference.py", "", "has its own code/inference.py"),
        ("1_Pooling/config.json", '{"pooling_mode": "median"}', "makes embeddings with the pooling median"),
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


TRANSFORMER, POOLING, DENSE = (f"sentence_transformers.models.{name}" for name in ("Transformer", "Pooling", "Dense"))
# As newer versions write it.
NEWER = "sentence_transformers.sentence_transformer.modules"
OF_DENSE = {
    "in_features": 4,
    "out_features": 2,
    "bias": True,
    "activation_function": "torch.nn.modules.linear.Identity",
}


def modules(*kinds: str) -> dict[str, Any]:
    """The module list of a model whose transformer is at its top."""
    return {
        "modules.json": [
            {"path": f"{number}_{kind.rpartition('.')[2]}" if number else "", "type": kind}
            for number, kind in enumerate(kinds)
        ]
    }


def plan_of(folder: Path, files: dict[str, Any]) -> dict[str, Any]:
    """What the packed code is told of a model with these files."""
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    return plan_embedding(folder)


@pytest.mark.parametrize(
    ("said", "modes"),
    [
        ({}, ["mean"]),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, ["cls"]),
        ({"pooling_mode_lasttoken": True, "include_prompt": False}, ["lasttoken"]),
        ({"pooling_mode_weightedmean_tokens": True}, ["weightedmean"]),
        ({"pooling_mode_mean_sqrt_len_tokens": True}, ["mean_sqrt_len_tokens"]),
        # In the order of their vectors, not of the file.
        ({"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True}, ["max", "mean"]),
        ({"pooling_mode": "LastToken", "pooling_mode_mean_tokens": True}, ["lasttoken"]),
        ({"pooling_mode": ["mean", "cls"]}, ["mean", "cls"]),
    ],
)
def test_a_packed_model_pools_as_sentence_transformers_has_written(
    folder: Path, said: dict[str, Any], modes: list[str]
) -> None:
    plan = {"prompt": "", "lower_case": False, "max_length": None, "pooling": modes, "layers": []}
    assert plan_of(folder, {"1_Pooling/config.json": said}) == plan
    assert plan_of(folder, modules(TRANSFORMER, POOLING)) == plan
    newer = modules("sentence_transformers.base.modules.transformer.Transformer", f"{NEWER}.pooling.Pooling")
    assert plan_of(folder, newer) == plan


def test_a_packed_model_has_the_prompt_the_length_and_the_further_modules_of_its_own(folder: Path) -> None:
    files = {
        **modules(TRANSFORMER, POOLING, "sentence_transformers.models.Dropout", DENSE, f"{NEWER}.normalize.Normalize"),
        "config_sentence_transformers.json": {"prompts": {"q": "query: ", "d": "text: "}, "default_prompt_name": "q"},
        "sentence_bert_config.json": {"max_seq_length": 128, "do_lower_case": True},
        "3_Dense/config.json": OF_DENSE,
        "3_Dense/pytorch_model.bin": "weights",
    }
    assert plan_of(folder, files) == {
        "prompt": "query: ",
        "lower_case": True,
        "max_length": 128,
        "pooling": ["mean"],
        "layers": [{"type": "Dense", "path": "3_Dense", "activation": "Identity"}, {"type": "Normalize"}],
    }


def test_a_cross_encoder_whose_modules_score_pairs_is_packed(folder: Path) -> None:
    files = {
        **modules(TRANSFORMER, "sentence_transformers.cross_encoder.modules.LogitScore"),
        "config_sentence_transformers.json": {"model_type": "CrossEncoder"},
    }
    assert plan_of(folder, files)["pooling"] == ["mean"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"1_Pooling/config.json": {"pooling_mode": "median"}}, "with the pooling median, which .* cannot do: add a"),
        ({"1_Pooling/config.json": {"pooling_mode_median_tokens": True}}, "the pooling pooling_mode_median_tokens"),
        (modules(TRANSFORMER, "sentence_transformers.models.WordWeights", POOLING), "with WordWeights in place of a"),
        (modules(TRANSFORMER), "with nothing in place of a Pooling"),
        (modules("sentence_transformers.models.StaticEmbedding"), "with StaticEmbedding in place of a Transformer"),
        (
            {"modules.json": [{"type": TRANSFORMER, "path": "0_BERT"}, {"type": POOLING, "path": "1_Pooling"}]},
            "with a Transformer in 0_BERT",
        ),
        (modules(TRANSFORMER, POOLING, "sentence_transformers.models.LSTM"), "with LSTM after its Pooling"),
        (modules(TRANSFORMER, "custom_st.Pooling"), r"with code of its own \(custom_st.Pooling\)"),
        ({"modules.json": {}}, "modules.json is no JSON list: copy the whole model"),
        (modules(TRANSFORMER, POOLING, DENSE), "has no 2_Dense/config.json, which its modules.json names"),
        ({**modules(TRANSFORMER, POOLING, DENSE), "2_Dense/config.json": OF_DENSE}, "has no weights in 2_Dense"),
        (
            {**modules(TRANSFORMER, POOLING, DENSE), "2_Dense/config.json": {"activation_function": "mine.Tanh"}},
            "with the activation mine.Tanh",
        ),
        (
            {**modules(TRANSFORMER, POOLING, DENSE), "2_Dense/config.json": {**OF_DENSE, "use_residual": True}},
            "with use_residual=true in 2_Dense",
        ),
        (
            {"sentence_bert_config.json": {"transformer_task": "fill-mask"}},
            'with transformer_task="fill-mask" in its Transformer',
        ),
        (
            {
                "1_Pooling/config.json": {"include_prompt": False},
                "config_sentence_transformers.json": {"prompts": {"q": "query: "}, "default_prompt_name": "q"},
            },
            "with a prompt that its pooling leaves out",
        ),
    ],
)
def test_an_embedding_that_the_packed_code_would_make_otherwise_is_refused_by_name(
    folder: Path, files: dict[str, Any], words: str
) -> None:
    with pytest.raises(PackError, match=words):
        plan_of(folder, files)


def test_other_labels_than_the_model_has_classes_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="has 2 labels, and you give 3: name each"):
        pack(folder, tmp_path / "model.tar.gz", ["a", "b", "c"])


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"has no config\.json at its top"):
        pack(tmp_path, tmp_path / "model.tar.gz")


def test_a_file_that_cannot_be_written_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"cannot write .*missing/model\.tar\.gz"):
        pack(folder, tmp_path / "missing" / "model.tar.gz")
