"""`code/inference.py` of a model that tells of the process it is in."""

import os
from typing import Any


def model_fn(folder: str) -> str:
    """No model."""
    return folder


def predict_fn(data: dict[str, Any], _model: str) -> list[dict[str, Any]]:
    """The process and its variables, for each text."""
    variables = {
        "task": "HF_TASK",
        "limit": "MMS_MAX_RESPONSE_SIZE",
        "workers": "SAGEMAKER_MODEL_SERVER_WORKERS",
    }
    found = {name: os.environ.get(variable, "") for name, variable in variables.items()}
    return [{"pid": os.getpid(), **found}] * len(data["inputs"])
