"""`code/inference.py` of a model that some words upset, each in its own way."""

import os
import time
from collections import Counter
from typing import Any

import torch

TIMES_BUSY = 3
_seen = Counter[str]()


def predict_fn(data: dict[str, Any], model: Any, context: Any) -> Any:  # noqa: C901 - a case for each
    """The model's own answer, unless a text says otherwise: `trouble: kill`."""
    for text in data["inputs"]:
        match text.partition("trouble: ")[2].split():
            case ["kill"]:
                os._exit(1)
            case ["exit"]:
                raise SystemExit(1)
            case ["busy"]:
                _seen[text] += 1
                if _seen[text] <= TIMES_BUSY:
                    return _status(context, 503)
            case ["slow"]:
                time.sleep(0.3)
            case ["stall"]:
                time.sleep(3600)
            case ["memory"]:
                raise MemoryError
            case ["cuda"]:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            case ["nan"]:
                return [float("nan")] * len(data["inputs"])
            case ["large"]:
                return [{"label": "x" * 7_000_000}] * len(data["inputs"])
            case ["status", status]:
                return _status(context, int(status))
    return model(data["inputs"], **data.get("parameters", {}))


def _status(context: Any, status: int) -> dict[str, Any]:
    context.set_response_status(code=status, phrase="as told", idx=0)
    return {"code": status, "type": "InternalServerException", "message": "as told"}
