"""`code/inference.py` of a folder of models: one container for all tasks, which answers as the toolkit itself does."""

import json
from pathlib import Path
from typing import Any

from sagemaker_huggingface_inference_toolkit.handler_service import HuggingFaceHandlerService
from sagemaker_huggingface_inference_toolkit.transformers_utils import get_pipeline


def model_fn(folder: str) -> dict[str, Any]:
    """The pipelines of the models in a folder, by task."""
    models: dict[str, str] = json.loads(Path(folder, "tasks.json").read_text(encoding="utf-8"))
    return {task: get_pipeline(task, -1, f"{folder}/{model}") for task, model in models.items()}


def predict_fn(data: dict[str, Any], models: dict[str, Any]) -> Any:
    """What the pipeline of the task that a request names makes of the rest."""
    return HuggingFaceHandlerService().predict(data, models[data.pop("task")])
