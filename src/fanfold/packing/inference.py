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
from typing import Any

import torch
from transformers import pipeline

# Tokens of a batch, padding included: a GPU of 16 GB holds them with a model like RoBERTa, and gains little by more.
# A CPU gains nothing from batches that leave its caches.
_TOKENS_ON_GPU, _TOKENS_ON_CPU = 16_384, 2_048
# How long a text of a batch must be, next to the longest. On a GPU, few texts take as long as many.
_SIMILAR_ON_GPU, _SIMILAR_ON_CPU = 0.5, 0.9
# What an input that is no text, like a question with its context, is taken for.
_CHARACTERS_PER_TOKEN = 4
_EMBEDDINGS = "feature-extraction"


class Model:
    """A pipeline, and how many tokens it is given at once."""

    def __init__(self, folder: Path, task: str, device: int) -> None:
        on_gpu = device >= 0
        self.tokens = int(os.environ.get("FANFOLD_BATCH_TOKENS", _TOKENS_ON_GPU if on_gpu else _TOKENS_ON_CPU))
        self.similar = _SIMILAR_ON_GPU if on_gpu else _SIMILAR_ON_CPU
        half = {"torch_dtype": torch.float16} if on_gpu else {}
        self.pipeline = pipeline(task, model=str(folder), tokenizer=str(folder), device=device, **half)
        self.pooling = Pooling.of(folder) if task == _EMBEDDINGS else None
        self._prepare_padding(task)

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
        results: list[Any] = [None] * len(inputs)
        for batch in self._batches(self._lengths(inputs, parameters)):
            of_batch = [inputs[row] for row in batch]
            if self.pooling:
                found = self._embed(of_batch, parameters, self.pooling)
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

    def _embed(self, texts: list[str], parameters: dict[str, Any], pooling: Pooling) -> list[dict[str, list[float]]]:
        cut = {"truncation": True, **parameters}
        encoded = self.pipeline.tokenizer(texts, padding=True, return_tensors="pt", **cut).to(self.pipeline.device)
        with torch.inference_mode():
            states = self.pipeline.model(**encoded).last_hidden_state.float()
        pooled = pooling(states, encoded["attention_mask"])
        return [{"embedding": embedding} for embedding in pooled.tolist()]


class Pooling:
    """Makes one embedding of a text's, as sentence-transformers does: the mean, or the first token's."""

    def __init__(self, *, first: bool, normalized: bool) -> None:
        self._first, self._normalized = first, normalized

    @classmethod
    def of(cls, folder: Path) -> Pooling:
        """What the model's own files say, if sentence-transformers has written any."""
        said = _read(folder / "1_Pooling/config.json", {})
        modules = _read(folder / "modules.json", [])
        return cls(
            first=bool(said.get("pooling_mode_cls_token")),
            normalized=any(module["type"].endswith(".Normalize") for module in modules),
        )

    def __call__(self, states: Any, mask: Any) -> Any:
        """Embeddings of (texts, tokens, dimensions), for which `mask` tells tokens from padding."""
        if self._first:
            pooled = states[:, 0]
        else:
            weights = mask.unsqueeze(-1)
            pooled = (states * weights).sum(1) / weights.sum(1)
        return torch.nn.functional.normalize(pooled) if self._normalized else pooled


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


def _read(file: Path, default: Any) -> Any:
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else default
