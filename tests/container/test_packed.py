"""What `fanfold model pack` makes, in the container itself: its own answers, in order, whatever the batches are."""

import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.container.conftest import ask

from fanfold.packing.pack import pack
from localaws.endpoint.models import Model

pytestmark = pytest.mark.container

SENTIMENT, EMBEDDINGS = "text-classification", "feature-extraction"
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
        archive = tmp_path_factory.mktemp("packed") / "model.tar.gz"
        pack(folders / name, archive, labels)
        unpacked = tmp_path_factory.mktemp("unpacked") / "model"
        with tarfile.open(archive) as opened:
            opened.extractall(unpacked, filter="data")
        return serve("container", unpacked, {"FANFOLD_BATCH_TOKENS": "64"}, task)

    return served


def test_labels_are_those_of_the_model_in_the_order_of_the_texts(
    packed: Callable[..., Model], tasks_in_container: Model
) -> None:
    own = ask(tasks_in_container, SENTIMENT, TEXTS, CUT)
    model = packed("sentiment", SENTIMENT, "bad", "so-so", "good")
    found = ask(model, SENTIMENT, TEXTS, CUT)
    names = {"negative": "bad", "neutral": "so-so", "positive": "good"}
    assert [one["label"] for one in found] == [names[one["label"]] for one in own]
    assert [one["score"] for one in found] == pytest.approx([one["score"] for one in own], abs=1e-4)
    # It makes batches of its own.
    assert ask(model, SENTIMENT, TEXTS, {**CUT, "batch_size": 3}) == found
    alone = ask(model, SENTIMENT, TEXTS[5], CUT)
    assert (alone["label"], alone["score"]) == (found[5]["label"], pytest.approx(found[5]["score"], abs=1e-4))


def test_a_text_has_one_embedding_the_mean_of_its_tokens(
    packed: Callable[..., Model], tasks_in_container: Model
) -> None:
    own = ask(tasks_in_container, EMBEDDINGS, TEXTS, {})
    model = packed("embeddings", EMBEDDINGS)
    found = ask(model, EMBEDDINGS, TEXTS, {})
    assert len(found) == len(TEXTS)
    assert ask(model, EMBEDDINGS, TEXTS, {"batch_size": 3}) == found
    for one, (tokens,) in zip(found, own, strict=True):
        mean = [sum(values) / len(tokens) for values in zip(*tokens, strict=True)]
        assert one["embedding"] == pytest.approx(mean, abs=1e-4)
