"""What the inference container runs for a model that `fanfold model pack` has packed.

The container's own code gives a pipeline all inputs of a request at once, and the pipeline computes them one by one, or
in batches as they come, each as long as its longest text. Here they go in batches of similar length, in half precision
on a GPU, and their results come back in the order of the inputs. Texts get one embedding, not one for each token.

Hugging Face's toolkit calls `model_fn` once in each worker, and `predict_fn` for each request:
https://github.com/aws/sagemaker-huggingface-inference-toolkit. This file runs alone, in the container's Python.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file
from transformers import pipeline

if TYPE_CHECKING:
    from collections.abc import Callable

# Tokens of a batch, padding included: a GPU of 16 GB holds them with a model like RoBERTa, and gains little by more.
# A CPU gains nothing from batches that leave its caches.
_TOKENS_ON_GPU, _TOKENS_ON_CPU = 16_384, 2_048
# How long a text of a batch must be, next to the longest. On a GPU, few texts take as long as many.
_SIMILAR_ON_GPU, _SIMILAR_ON_CPU = 0.5, 0.9
# What an input that is no text, like a question with its context, is taken for.
_CHARACTERS_PER_TOKEN = 4
_EMBEDDINGS = "feature-extraction"
# Models with a decoder whose embeddings are those of the encoder.
_ENCODER_ALONE = {"longt5", "mt5", "switch_transformers", "t5", "umt5"}


class Model:
    """A pipeline, and how many tokens it is given at once."""

    def __init__(self, folder: Path, task: str, device: int) -> None:
        on_gpu = device >= 0
        self.tokens = int(os.environ.get("FANFOLD_BATCH_TOKENS", _TOKENS_ON_GPU if on_gpu else _TOKENS_ON_CPU))
        self.similar = _SIMILAR_ON_GPU if on_gpu else _SIMILAR_ON_CPU
        half = {"torch_dtype": torch.float16} if on_gpu else {}
        self.pipeline = pipeline(task, model=str(folder), tokenizer=str(folder), device=device, **half)
        self._prepare_padding(task)
        self.embedding = (
            Embedding(folder, self.pipeline.tokenizer, self.pipeline.model) if task == _EMBEDDINGS else None
        )

    def _prepare_padding(self, task: str) -> None:
        """Have models that were trained on single texts pad others to their length: what they add isn't looked at."""
        tokenizer, config = self.pipeline.tokenizer, self.pipeline.model.config
        if tokenizer.pad_token is None and tokenizer.eos_token is not None:
            tokenizer.pad_token = tokenizer.eos_token
        if getattr(config, "pad_token_id", None) is None:
            config.pad_token_id = tokenizer.pad_token_id
        if task == "text-generation":
            tokenizer.padding_side = "left"

    def predict(self, inputs: list[Any], parameters: dict[str, Any]) -> list[Any]:
        """One result for each input, in their order."""
        # Batches are made here, whatever a request says of them.
        parameters = {name: value for name, value in parameters.items() if name != "batch_size"}
        if self.embedding:
            inputs, parameters = [self.embedding.prepare(text) for text in inputs], self.embedding.cut(parameters)
        results: list[Any] = [None] * len(inputs)
        for batch in self._batches(self._lengths(inputs, parameters)):
            of_batch = [inputs[row] for row in batch]
            if self.embedding:
                found = self.embedding(of_batch, parameters)
            else:
                found = self.pipeline(of_batch, **parameters, batch_size=len(batch))
            for row, result in zip(batch, found, strict=True):
                results[row] = result
        return results

    def _lengths(self, inputs: list[Any], parameters: dict[str, Any]) -> list[int]:
        """The tokens of each input."""
        if self.pipeline.tokenizer.pad_token is None:
            # Nothing can be padded, so each goes alone.
            return [self.tokens] * len(inputs)
        if not all(isinstance(one, str) for one in inputs):
            return [len(json.dumps(one)) // _CHARACTERS_PER_TOKEN + 1 for one in inputs]
        cut = {name: parameters[name] for name in ("truncation", "max_length") if name in parameters}
        return [len(tokens) for tokens in self.pipeline.tokenizer(inputs, **cut)["input_ids"]]

    def _batches(self, lengths: list[int]) -> list[list[int]]:
        """The inputs that are computed together, the longest first: memory that is too small for them is soon seen."""
        batches: list[list[int]] = []
        for row in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
            longest, rows = (lengths[batches[-1][0]], len(batches[-1])) if batches else (0, 0)
            if (rows + 1) * longest <= self.tokens and lengths[row] >= self.similar * longest > 0:
                batches[-1].append(row)
            else:
                batches.append([row])
        return batches


class Embedding:
    """Makes one embedding of a text's, by the plan that `fanfold model pack` has made of the model's own files."""

    def __init__(self, folder: Path, tokenizer: Any, model: Any) -> None:
        plan = json.loads((folder / "code/embedding.json").read_text(encoding="utf-8"))
        self._prompt, self._lower_case, self._modes = plan["prompt"], plan["lower_case"], plan["pooling"]
        self._layers = [_LAYERS[layer.pop("type")](folder, model.device, **layer) for layer in plan["layers"]]
        self._tokenizer = tokenizer
        # On the right, it leaves the positions of a text's own tokens as they are alone.
        tokenizer.padding_side = "right"
        self._model = model.get_encoder() if model.config.model_type in _ENCODER_ALONE else model
        limit, positions = tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", None) or 0
        # XLNet has -1: any number.
        tokenizer.model_max_length = plan["max_length"] or (min(limit, positions) if positions > 0 else limit)

    def prepare(self, text: str) -> str:
        """The text that is tokenized."""
        text = self._prompt + text
        return text.lower() if self._lower_case else text

    def cut(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Parameters that cut texts where they say, but no later than sentence-transformers does."""
        cut = {"truncation": True, **parameters}
        if cut.get("max_length"):
            cut["max_length"] = min(cut["max_length"], self._tokenizer.model_max_length)
        return cut

    def __call__(self, texts: list[str], cut: dict[str, Any]) -> list[dict[str, list[float]]]:
        """One embedding for each text."""
        encoded = self._tokenizer(texts, padding=True, return_tensors="pt", **cut).to(self._model.device)
        with torch.inference_mode():
            states = self._model(**encoded).last_hidden_state.float()
            vectors = pool(states, encoded["attention_mask"], self._modes)
            for layer in self._layers:
                vectors = layer(vectors)
        return [{"embedding": vector} for vector in vectors.tolist()]


def pool(states: Any, mask: Any, modes: list[str]) -> Any:
    """Vectors of (texts, dimensions) from those of (texts, tokens, dimensions), as sentence-transformers joins them.

    `mask` tells tokens from padding.
    """
    texts, mask = torch.arange(len(states), device=states.device), mask.to(states.dtype)
    # From 1 for a text's first token.
    positions = mask.cumsum(1) * mask
    pooled = {
        "cls": lambda: states[texts, mask.argmax(1)],
        "lasttoken": lambda: states[texts, positions.argmax(1)],
        "max": lambda: states.masked_fill(mask.unsqueeze(-1) == 0, -torch.inf).amax(1),
        "mean": lambda: _mean(states, mask),
        "mean_sqrt_len_tokens": lambda: _mean(states, mask) * mask.sum(1, keepdim=True).sqrt(),
        "weightedmean": lambda: _mean(states, positions),
    }
    return torch.cat([pooled[mode]() for mode in modes], dim=1)


def _mean(states: Any, weights: Any) -> Any:
    return (states * weights.unsqueeze(-1)).sum(1) / weights.sum(1, keepdim=True)


def _dense(folder: Path, device: Any, path: str, activation: str) -> Callable[[Any], Any]:
    """A linear layer with the weights in a folder of the model's."""
    safe = folder / path / "model.safetensors"
    weights = (
        load_file(safe) if safe.exists() else torch.load(safe.with_name("pytorch_model.bin"), "cpu", weights_only=True)
    )
    weight, *bias = (
        weights[name].to(device, torch.float32) for name in ("linear.weight", "linear.bias") if name in weights
    )
    function = getattr(torch.nn, activation)()
    return lambda vectors: function(torch.nn.functional.linear(vectors, weight, *bias))


_LAYERS: dict[str, Callable[..., Callable[[Any], Any]]] = {
    "Dense": _dense,
    "Normalize": lambda *_: torch.nn.functional.normalize,
}


def model_fn(model_dir: str, context: Any = None) -> Model:
    """Load the model. The toolkit calls it once in each worker, and names its GPU."""
    folder = Path(model_dir)
    device = int(context.system_properties.get("gpu_id") or 0) if torch.cuda.is_available() else -1
    return Model(folder, os.environ["HF_TASK"], device)


def predict_fn(data: dict[str, Any], model: Model) -> Any:
    """Answer a request: `{"inputs": …, "parameters": {…}}`, of a list of inputs or of one."""
    inputs, parameters = data["inputs"], data.get("parameters") or {}
    if isinstance(inputs, list):
        return model.predict(inputs, parameters)
    (result,) = model.predict([inputs], parameters)
    return result
