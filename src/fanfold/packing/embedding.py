"""How a model makes one embedding of a text, as sentence-transformers has written it beside the model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fanfold.errors import PackError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_MODULES, _POOLING = "modules.json", "1_Pooling"
# Prompts, and what kind of model it is; and how the transformer is called, in files of several names.
_OF_MODEL, _OF_TRANSFORMER = "config_sentence_transformers.json", "sentence_*_config.json"
# The flags of older versions, in the order in which they join the vectors of several modes.
_MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_ACTIVATIONS = frozenset({"GELU", "Identity", "ReLU", "SiLU", "Sigmoid", "Tanh"})
# With other values of these, the vectors would be other ones.
_TRANSFORMER_WITH = {
    "transformer_task": "feature-extraction",
    "module_output_name": "token_embeddings",
    "processing_kwargs": {},
}
_DENSE_WITH = {
    "module_input_name": "sentence_embedding",
    "module_output_name": "sentence_embedding",
    "use_residual": False,
}


def plan_embedding(folder: Path) -> dict[str, Any]:
    """What the packed code does to make an embedding: the mean of the tokens for a model that says nothing of it.

    Raises:
        PackError: the model does something else that this code cannot do, or lacks a file.

    Example:
        >>> plan_embedding(Path("models/all-MiniLM-L6-v2"))
        {'prompt': '', 'lower_case': False, 'max_length': 256, 'pooling': ['mean'], 'layers': [{'type': 'Normalize'}]}
    """
    of_model = _read(folder, _OF_MODEL)
    modules = _modules(folder, of_model)
    of_transformer = _read(folder, next((file.name for file in sorted(folder.glob(_OF_TRANSFORMER))), _OF_TRANSFORMER))
    _check(folder, "its Transformer", of_transformer, _TRANSFORMER_WITH)
    prompt = (of_model.get("prompts") or {}).get(of_model.get("default_prompt_name")) or ""
    return {
        "prompt": prompt,
        "lower_case": bool(of_transformer.get("do_lower_case")),
        "max_length": of_transformer.get("max_seq_length"),
        "pooling": _pooling(folder, modules[0][1], has_prompt=bool(prompt)) if modules else ["mean"],
        "layers": list(_layers(folder, modules[1:])),
    }


def _modules(folder: Path, of_model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The classes of the modules after the transformer, and where their files are; the first one pools."""
    if of_model.get("model_type") == "CrossEncoder":
        # It scores pairs, whatever its modules are.
        return []
    if not (folder / _MODULES).is_file():
        return [("Pooling", _POOLING)] if (folder / _POOLING / "config.json").is_file() else []
    modules = []
    for module in _read(folder, _MODULES, list):
        # The classes have moved within the package.
        package, *_, kind = str(module.get("type", "")).split(".")
        if package != "sentence_transformers":
            raise _refusal(folder, f"code of its own ({module.get('type')})")
        modules.append((kind, str(module.get("path", ""))))
    for number, wanted in enumerate(("Transformer", "Pooling")):
        kind = modules[number][0] if number < len(modules) else "nothing"
        if kind != wanted:
            raise _refusal(folder, f"{kind} in place of a {wanted}")
    if where := modules[0][1]:
        raise _refusal(folder, f"a Transformer in {where}")
    return modules[1:]


def _pooling(folder: Path, path: str, *, has_prompt: bool) -> list[str]:
    """The modes whose vectors are joined."""
    said = _config(folder, path)
    flags = [name for name, value in said.items() if name.startswith("pooling_mode_") and value]
    flagged = [mode for name, mode in _MODES.items() if name in flags] + [name for name in flags if name not in _MODES]
    named = said.get("pooling_mode") or flagged or "mean"
    modes = [str(mode).lower() for mode in ([named] if isinstance(named, str) else named)]
    if unknown := [mode for mode in modes if mode not in _MODES.values()]:
        raise _refusal(folder, f"the pooling {', '.join(unknown)}")
    if has_prompt and said.get("include_prompt") is False:
        raise _refusal(folder, "a prompt that its pooling leaves out (include_prompt)")
    return modes


def _layers(folder: Path, modules: list[tuple[str, str]]) -> Iterator[dict[str, str]]:
    """What becomes of the pooled vector."""
    for kind, path in modules:
        if kind == "Normalize":
            yield {"type": kind}
        elif kind == "Dense":
            said = _config(folder, path)
            _check(folder, path, said, _DENSE_WITH)
            named = str(said.get("activation_function", "torch.nn.Tanh"))
            package, *_, activation = named.split(".")
            if package != "torch" or activation not in _ACTIVATIONS:
                raise _refusal(folder, f"the activation {named}")
            if not any((folder / path / name).is_file() for name in ("model.safetensors", "pytorch_model.bin")):
                raise PackError(f"{folder} has no weights in {path}: copy the whole model")
            yield {"type": kind, "path": path, "activation": activation}
        # It only changes something in training.
        elif kind != "Dropout":
            raise _refusal(folder, f"{kind} after its Pooling")


def _config(folder: Path, path: str) -> dict[str, Any]:
    if not (folder / path / "config.json").is_file():
        raise PackError(f"{folder} has no {path}/config.json, which its {_MODULES} names: copy the whole model")
    said: dict[str, Any] = _read(folder, f"{path}/config.json")
    return said


def _check(folder: Path, name: str, said: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for key, value in wanted.items():
        if said.get(key) not in (None, value):
            raise _refusal(folder, f"{key}={json.dumps(said[key])} in {name}")


def _refusal(folder: Path, what: str) -> PackError:
    return PackError(
        f"{folder} makes embeddings with {what}, which the packed code cannot do: add a code/inference.py of your own "
        f"that calls sentence-transformers, and make the archive with `tar -czf model.tar.gz -C {folder} .`"
    )


def _read(folder: Path, name: str, kind: type = dict) -> Any:
    """A file's JSON, an empty one if there is no such file."""
    file = folder / name
    if not file.is_file():
        return kind()
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise PackError(f"{folder}: {name} cannot be read ({error}): copy the whole model") from error
    if not isinstance(found, kind):
        raise PackError(f"{folder}: {name} is no JSON {'object' if kind is dict else 'list'}: copy the whole model")
    return found
