"""Models of the Hugging Face Hub: how they are named, and what of them is downloaded."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from fanfold.client import local_parameters
from fanfold.hub import HubModel, needed


def test_a_folder_goes_before_a_model_of_the_hub_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner/name").mkdir(parents=True)
    assert HubModel.parse("owner/name") is None
    assert HubModel.parse("owner/name@main") == HubModel("owner/name", "main")
    assert HubModel.parse("owner/other", "v1") == HubModel("owner/other", "v1")
    assert HubModel.parse("owner/other@refs/pr/1", "v1") == HubModel("owner/other", "refs/pr/1")


@pytest.mark.parametrize("model", ["vader", "name", "./owner/name", "owner/name/more", "http://127.0.0.1:8080", print])
def test_what_has_another_form_is_no_model_of_the_hub(model: object) -> None:
    assert HubModel.parse(model) is None


@pytest.mark.parametrize(
    ("model", "called"),
    [
        ("models/my model/", "my-model"),
        ("http://127.0.0.1:8080", "127.0.0.1-8080"),
        ("http://127.0.0.1:8080/v1/chat/completions?key=secret", "127.0.0.1-8080-v1-chat-completions"),
    ],
)
def test_a_local_model_is_called_by_its_folder_or_address(model: str, called: str) -> None:
    assert local_parameters(model)["HfModelId"] == called


@pytest.mark.parametrize(
    ("weights", "loaded"),
    [
        (["model.safetensors", "pytorch_model.bin", "tf_model.h5"], ["model.safetensors"]),
        (["pytorch_model.bin", "training_args.bin", "adapter_model.safetensors"], ["pytorch_model.bin"]),
        (
            ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "consolidated.safetensors"],
            ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
        ),
        (["flax_model.msgpack"], []),
    ],
)
def test_weights_are_downloaded_in_one_format(weights: list[str], loaded: list[str]) -> None:
    dense = ["2_Dense/pytorch_model.bin", "3_Dense/model.safetensors"]
    weights, loaded = [*weights, *dense, "3_Dense/pytorch_model.bin", "3_CNN/model.safetensors"], [*loaded, *dense]
    beside = [
        "config.json",
        "1_Pooling/config.json",
        "2_Dense/config.json",
        "bpe.model",
        "merges.txt",
        "bpe.codes",
        "a.spm",
        "chat.jinja",
    ]
    assert needed([*weights, *beside, "README.md", "onnx/config.json", "model.py"]) == [*loaded, *beside]


@pytest.mark.parametrize(
    ("files", "complete"),
    [
        (["config.json"], False),
        (["model.safetensors"], False),
        (["config.json", "model-00001-of-00002.safetensors", "model.safetensors.index.json"], False),
        (["config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"], True),
        (["config.json", "pytorch_model.bin"], True),
    ],
)
def test_what_an_interrupted_download_left_is_no_model_without_the_hub(
    tmp_path: Path, files: list[str], *, complete: bool
) -> None:
    def refuse(**_: object) -> None:
        raise ConnectionError

    for name in files:
        (tmp_path / name).touch()
    nothing = type("Nothing", (OSError,), {})
    errors = SimpleNamespace(RevisionNotFoundError=nothing, LocalEntryNotFoundError=nothing)
    hub = SimpleNamespace(
        constants=SimpleNamespace(HF_HUB_ETAG_TIMEOUT=1),
        errors=errors,
        HfApi=lambda: SimpleNamespace(model_info=refuse),
        snapshot_download=lambda **_: str(tmp_path),
    )
    found = HubModel("acme/sentiment", None)
    if complete:
        assert found._download(hub) == tmp_path  # noqa: SLF001 # the package is none of those of the tests
    else:
        with pytest.raises(ConnectionError):  # which is said with the cache that is not complete
            found._download(hub)  # noqa: SLF001 # likewise
