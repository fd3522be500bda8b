"""What `fanfold model pack` makes, in the container itself: its own answers, in order, whatever the batches are."""

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fanfold.packing.pack import pack
from localaws.endpoint.models import Model

pytestmark = pytest.mark.container

CUT = {"truncation": True, "max_length": 32}
# Of many lengths, in no order.
TEXTS = [
    " ".join(["I love Paris", "the soup was awful", "Marie Curie"][number % 3 :] * (number * 7 % 5))
    for number in range(24)
]


@pytest.fixture(scope="module")
def packed(
    serve: Callable[..., Model], folders: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Model]:
    """Serves the model of a folder, packed and unpacked again."""

    def served(name: str, task: str, *labels: str) -> Model:
        archive = pack(folders / name, tmp_path_factory.mktemp("packed") / "model.tar.gz", labels).file
        unpacked = tmp_path_factory.mktemp("unpacked") / "model"
        with tarfile.open(archive) as opened:
            opened.extractall(unpacked, filter="data")
        return serve("container", unpacked, {"FANFOLD_BATCH_TOKENS": "64"}, task)

    return served


def ask(model: Model, inputs: Any, parameters: dict[str, Any]) -> Any:
    body = json.dumps({"inputs": inputs, "parameters": parameters}).encode()
    return json.loads(model.predict(body, "application/json", ""))


def test_labels_are_those_of_the_model_in_the_order_of_the_texts(
    packed: Callable[..., Model], serve: Callable[..., Model], folders: Path
) -> None:
    own = ask(serve("container", folders / "sentiment", {}, "text-classification"), TEXTS, CUT)
    model = packed("sentiment", "text-classification", "bad", "so-so", "good")
    found = ask(model, TEXTS, CUT)
    names = {"LABEL_0": "bad", "LABEL_1": "so-so", "LABEL_2": "good"}
    assert [one["label"] for one in found] == [names.get(one["label"], one["label"]) for one in own]
    assert [one["score"] for one in found] == pytest.approx([one["score"] for one in own], abs=1e-4)
    assert ask(model, TEXTS[5], CUT) == pytest.approx(found[5], abs=1e-4)


def test_a_text_has_one_embedding_the_mean_of_its_tokens(
    packed: Callable[..., Model], serve: Callable[..., Model], folders: Path
) -> None:
    own = ask(serve("container", folders / "embeddings", {}, "feature-extraction"), TEXTS, {})
    found = ask(packed("embeddings", "feature-extraction"), TEXTS, {})
    assert len(found) == len(TEXTS)
    for one, (tokens,) in zip(found, own, strict=True):
        mean = [sum(values) / len(tokens) for values in zip(*tokens, strict=True)]
        assert one["embedding"] == pytest.approx(mean, abs=1e-4)
