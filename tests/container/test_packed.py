"""What `fanfold model pack` makes, in the container itself: its own answers, in order, whatever the batches are."""

import json
import math
import shutil
import struct
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.container.conftest import PYTHON, ask

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
        unpacked = repacked(folders / name, tmp_path_factory.mktemp("packed"), *labels)
        return serve("container", unpacked, {"FANFOLD_BATCH_TOKENS": "64"}, task)

    return served


def repacked(folder: Path, to: Path, *labels: str) -> Path:
    """A model's folder, packed and unpacked again."""
    archive, unpacked = to / "model.tar.gz", to / "model"
    pack(folder, archive, labels)
    with tarfile.open(archive) as opened:
        opened.extractall(unpacked, filter="data")
    return unpacked


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


Vector = list[float]
MODES: Mapping[str, Callable[[list[Vector]], Vector]] = {
    "cls": lambda tokens: tokens[0],
    "max": lambda tokens: [max(values) for values in zip(*tokens, strict=True)],
    "mean": lambda tokens: mean(tokens, [1] * len(tokens)),
    "mean_sqrt_len_tokens": lambda tokens: [
        value * math.sqrt(len(tokens)) for value in mean(tokens, [1] * len(tokens))
    ],
    "weightedmean": lambda tokens: mean(tokens, range(1, len(tokens) + 1)),
    "lasttoken": lambda tokens: tokens[-1],
}
DENSE = {"in_features": 16, "out_features": 2, "bias": True, "activation_function": "torch.nn.modules.activation.Tanh"}
WEIGHT, BIAS = [[0.1 * (number % 5 - 2) for number in range(16)], [0.1] * 16], [0.3, -0.2]


def mean(tokens: list[Vector], weights: Any) -> Vector:
    of_weights = list(weights)
    return [
        sum(weight * value for weight, value in zip(of_weights, values, strict=True)) / sum(of_weights)
        for values in zip(*tokens, strict=True)
    ]


def densed(vector: Vector) -> Vector:
    """What DENSE and Normalize make of a vector."""
    found = [
        math.tanh(sum(w * value for w, value in zip(row, vector, strict=True)) + bias)
        for row, bias in zip(WEIGHT, BIAS, strict=True)
    ]
    return [value / math.hypot(*found) for value in found]


def safetensors(tensors: Mapping[str, list[Any]]) -> bytes:
    """A file of weights, as its format says."""
    header, data = {}, b""
    for name, rows in tensors.items():
        values = [value for row in rows for value in row] if isinstance(rows[0], list) else rows
        shape = [len(rows), len(rows[0])] if isinstance(rows[0], list) else [len(rows)]
        packed = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@dataclass(frozen=True)
class Case:
    """A model of sentence-transformers, and what it makes of the vectors of a text's tokens."""

    expected: Callable[[list[Vector]], Vector]
    files: Mapping[str, Any]
    model: str = "embeddings"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    read: Callable[[str], str] = str
    max_length: int = 64
    on_gpu: bool = False
    is_pickled: bool = False

    def made(self, folders: Path, to: Path) -> Path:
        """Its folder."""
        folder = shutil.copytree(folders / self.model, to / "of_user")
        for name, content in self.files.items():
            file = folder / name
            file.parent.mkdir(exist_ok=True)
            if isinstance(content, bytes):
                file.write_bytes(content)
            else:
                before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
                file.write_text(json.dumps({**before, **content} if before else content), encoding="utf-8")
        return repacked(folder, to)


def modules(*names: str) -> dict[str, Any]:
    """The module list that sentence-transformers writes."""
    listed = [
        {
            "idx": number,
            "name": str(number),
            "path": f"{number}_{name}" if number else "",
            "type": f"sentence_transformers.models.{name}",
        }
        for number, name in enumerate(["Transformer", *names])
    ]
    return {"modules.json": listed}


def joined(tokens: list[Vector]) -> Vector:
    return [value for pooled in MODES.values() for value in pooled(tokens)]


LAST = {"word_embedding_dimension": 16, "pooling_mode_mean_tokens": False, "pooling_mode_lasttoken": True}
MEAN = {
    **modules("Pooling"),
    "1_Pooling/config.json": {"word_embedding_dimension": 16, "pooling_mode_mean_tokens": True},
}
ALL = {**modules("Pooling"), "1_Pooling/config.json": {"embedding_dimension": 16, "pooling_mode": list(MODES)}}
FURTHER = {
    **MEAN,
    **modules("Pooling", "Dropout", "Dense", "Normalize"),
    "2_Dropout/config.json": {"dropout": 0.1},
    "3_Dense/config.json": DENSE,
    "3_Dense/model.safetensors": safetensors({"linear.weight": WEIGHT, "linear.bias": BIAS}),
}
CASES = {
    "one mode": Case(MODES["lasttoken"], {**MEAN, "1_Pooling/config.json": LAST}),
    "all modes": Case(joined, ALL),
    "padded on the left": Case(joined, {**ALL, "tokenizer_config.json": {"padding_side": "left"}}),
    "further modules": Case(lambda tokens: densed(MODES["mean"](tokens)), FURTHER),
    "further modules, pickled": Case(lambda tokens: densed(MODES["mean"](tokens)), FURTHER, is_pickled=True),
    "a prompt, and as many tokens as the model reads": Case(
        MODES["mean"],
        {
            **MEAN,
            "config_sentence_transformers.json": {"prompts": {"query": "Paris: "}, "default_prompt_name": "query"},
            "sentence_bert_config.json": {"max_seq_length": 6, "do_lower_case": True},
            "tokenizer.json": {"normalizer": None},
        },
        parameters={"truncation": True, "max_length": 512},
        read=lambda text: f"Paris: {text}".lower(),
        max_length=6,
    ),
    "fewer tokens than the model reads": Case(MODES["mean"], MEAN, parameters={"max_length": 5}, max_length=5),
    "an encoder": Case(
        MODES["mean"],
        {**MEAN, "tokenizer_config.json": {"model_input_names": ["input_ids", "attention_mask"]}},
        "summarizer",
    ),
    "on a GPU": Case(MODES["mean"], MEAN, on_gpu=True),
}


@pytest.fixture(scope="module")
def answered(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """What the packed code answers to each case, in one process."""
    asked = [
        {
            "folder": str(case.made(folders, tmp_path_factory.mktemp("case"))),
            "texts": TEXTS,
            "parameters": case.parameters,
            "read": [case.read(text) for text in TEXTS],
            "max_length": case.max_length,
            "on_gpu": case.on_gpu,
            "is_pickled": case.is_pickled,
        }
        for case in CASES.values()
    ]
    command = [PYTHON, str(Path(__file__).with_name("answer.py"))]
    run = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return dict(zip(CASES, json.loads(run.stdout), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_an_embedding_is_what_sentence_transformers_makes_of_the_tokens(answered: Mapping[str, Any], name: str) -> None:
    case, answer = CASES[name], answered[name]
    precision, exact = ("float16", 2e-2) if case.on_gpu else ("float32", 1e-4)
    assert (answer["device"], answer["precision"]) == ([3 if case.on_gpu else -1], precision)
    for embedding, tokens in zip(answer["embeddings"], answer["tokens"], strict=True):
        assert embedding == pytest.approx(case.expected(tokens), abs=exact)
