"""A model saved by Hugging Face's transformers, in a folder."""

from __future__ import annotations

import importlib
import json
import threading
from typing import TYPE_CHECKING

from localaws.endpoint.models import huggingface
from localaws.errors import ModelUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


# What a model is for that was saved from a class with such a name; without a head it gives embeddings.
_TASKS = {
    "ForSequenceClassification": "text-classification",  # checkov:skip=CKV_SECRET_6:the name of a class
    "ForTokenClassification": "token-classification",
    "ForQuestionAnswering": "question-answering",
    "ForMaskedLM": "fill-mask",
    "ForCausalLM": "text-generation",
    "LMHeadModel": "text-generation",
    "ForConditionalGeneration": "text2text-generation",
    "MTModel": "text2text-generation",
}
_HEADLESS = "feature-extraction"


def task_of(path: Path) -> str:
    """The task of the model in a folder, as its config.json tells; ModelUnavailableError if there is none.

    A model for zero-shot classification is saved as one for text classification, so that task has to be named.
    """
    try:
        saved_from = " ".join(json.loads((path / "config.json").read_text(encoding="utf-8"))["architectures"])
    except OSError as error:
        raise ModelUnavailableError(
            f"{path} holds no model: it has no config.json that can be read ({error.strerror}); name the folder that "
            "save_pretrained of transformers has written"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelUnavailableError(
            f"{path} holds no model that transformers has saved: its config.json tells no architectures; save it again "
            "with save_pretrained, or name its task by --task"
        ) from error
    return next((task for name, task in _TASKS.items() if name in saved_from), _HEADLESS)


class TransformersModel:
    """Runs a transformers pipeline on the CPU, as Hugging Face's inference container would."""

    def __init__(self, path: Path, task: str | None = None, environment: Mapping[str, str] | None = None) -> None:
        """Load the model in a folder; ModelUnavailableError if transformers is missing or can't load it.

        Of the container's variables, ``environment``, those count that limit requests and responses.

        Example: ``TransformersModel(Path("models/nli"), "zero-shot-classification")``.
        """
        task = task or task_of(path)
        if (path / "code/inference.py").is_file():
            msg = f"{path} has code of its own in code/inference.py, which only the container runs"
            raise ModelUnavailableError(f"{msg}: name it by --container")
        try:
            # Optional and slow to import, so only here.
            transformers = importlib.import_module("transformers")
        except ImportError as error:
            msg = f"{path} needs transformers and PyTorch to run: pip install 'fanfold[transformers]'"
            raise ModelUnavailableError(msg) from error
        try:
            # Code that a model's config.json names is not run, as in the container. Without a word on it, transformers
            # asks at the terminal, or takes a line of standard input for the answer.
            self._pipeline = transformers.pipeline(
                task, model=str(path), tokenizer=str(path), device=-1, trust_remote_code=False
            )
        except (ImportError, OSError, ValueError, KeyError) as error:
            msg = f"transformers can't load {path} for {task}: {error}"
            raise ModelUnavailableError(msg) from error
        self._limits = huggingface.Limits.of(environment or {})
        # A fast tokenizer refuses to be used by two threads when one of them changes the truncation.
        self._one_at_a_time = threading.Lock()

    def predict(self, body: bytes, content_type: str, accept: str) -> bytes:
        """Run the pipeline on ``inputs`` with ``parameters``. See ``Model.predict``."""
        self._limits.check_request(body)
        call = huggingface.decode(body, content_type, accept)
        try:
            with self._one_at_a_time:
                prediction = self._pipeline(call.inputs, **call.parameters)
            response = huggingface.encode(prediction)
        except Exception as error:
            # The container answers every exception with 400, whatever it is.
            raise huggingface.refused(str(error)) from error
        self._limits.check_response(response)
        return response
