"""What packed models answer without the server in front: `answer.py`, with the container's Python.

Reads a JSON list of cases, and prints for each the embeddings of its texts together, and beside them the vectors of the
tokens of each text alone, as transformers itself makes them.
"""

import json
import os
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from safetensors.torch import load_file
from transformers import AutoConfig, T5EncoderModel, pipeline

TASK = "feature-extraction"


def answer(folder: str, texts: list[str], parameters: dict[str, Any], *, on_gpu: bool) -> dict[str, Any]:
    """What the code of a packed model answers, and in what precision. There is no GPU: the CPU stands in for it."""
    code = runpy.run_path(f"{folder}/code/inference.py")
    asked: list[int] = []

    def on_cpu(*given: Any, device: int, **others: Any) -> Any:
        asked.append(device)
        return pipeline(*given, device=-1, **others)

    context = SimpleNamespace(system_properties={"gpu_id": "3" if on_gpu else None})
    with (
        patch.dict(code["Model"].__init__.__globals__, pipeline=on_cpu),
        patch("torch.cuda.is_available", return_value=on_gpu),
    ):
        model = code["model_fn"](folder, context)
    found = code["predict_fn"]({"inputs": texts, "parameters": parameters}, model)
    precision = str(model.pipeline.model.dtype).removeprefix("torch.")
    return {"embeddings": [one["embedding"] for one in found], "device": asked, "precision": precision}


def alone(folder: str, texts: list[str], max_length: int) -> list[list[list[float]]]:
    """The vectors of each text's tokens."""
    is_t5 = AutoConfig.from_pretrained(folder).model_type == "t5"
    model = T5EncoderModel.from_pretrained(folder) if is_t5 else folder
    cut = {"truncation": True, "max_length": max_length}
    return [
        vectors for (vectors,) in pipeline(TASK, model=model, tokenizer=folder, device=-1)(texts, tokenize_kwargs=cut)
    ]


def pickle_weights(folder: str) -> None:
    """Have the model's further modules keep their weights as older versions did."""
    for file in Path(folder).glob("*/model.safetensors"):
        torch.save(load_file(file), file.with_name("pytorch_model.bin"))
        file.unlink()


os.environ.update(HF_TASK=TASK, FANFOLD_BATCH_TOKENS="64")
torch.set_num_threads(1)
answers = []
for case in json.load(sys.stdin):
    if case["is_pickled"]:
        pickle_weights(case["folder"])
    answered = answer(case["folder"], case["texts"], case["parameters"], on_gpu=case["on_gpu"])
    answers.append({**answered, "tokens": alone(case["folder"], case["read"], case["max_length"])})
print(json.dumps(answers))  # noqa: T201 - it says what they are
