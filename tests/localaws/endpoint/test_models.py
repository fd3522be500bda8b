from __future__ import annotations

import json
import sys
from datetime import date
from types import SimpleNamespace
from typing import IO, TYPE_CHECKING, Any

import pytest

from localaws.endpoint.models import ModelError, ModelServer, TransformersModel, VaderModel, load_model
from localaws.endpoint.models.transformers_folder import task_of
from localaws.errors import ModelUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

JSON = "application/json"
BODIES = [
    *(b"", b"{", b"[]", b'"good"', b"\xff", b'{"inputs": "a", "parameters": 1}'),
    # The container reads UTF-8 only, and no byte-order mark.
    *('{"inputs": "a"}'.encode("utf-8-sig"), '{"inputs": "a"}'.encode("utf-16")),
]


@pytest.fixture(scope="module")
def vader() -> VaderModel:
    return VaderModel()


def predict(model: VaderModel, inputs: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(model.predict(json.dumps({"inputs": inputs}).encode(), JSON, JSON))
    return found


def test_vader_labels_like_the_roberta_model(vader: VaderModel) -> None:
    found = predict(vader, ["I hate this awful thing", "It is a table", "I love this great thing"])
    assert [one["label"] for one in found] == ["LABEL_0", "LABEL_1", "LABEL_2"]
    assert all(0.5 < one["score"] <= 1 for one in found)


@pytest.mark.parametrize(("inputs", "count"), [("good", 1), (["good"], 1), (["good", ""], 2), ([], 0)])
def test_a_flat_list_comes_back_whatever_goes_in(vader: VaderModel, inputs: object, count: int) -> None:
    assert len(predict(vader, inputs)) == count


@pytest.mark.parametrize("inputs", [["good", 1], ["good", None], [["good"]], 7, None, {"text": "good"}])
def test_an_element_that_is_no_text_fails_the_whole_list(vader: VaderModel, inputs: object) -> None:
    with pytest.raises(ModelError) as caught:
        predict(vader, inputs)
    assert caught.value.status == 400


@pytest.mark.parametrize("body", [b'{"messages": []}', b'{"model": "m", "prompt": "so good"}', b'{"input": ["a"]}'])
def test_a_request_of_another_api_is_refused_with_what_to_run(vader: VaderModel, body: bytes) -> None:
    with pytest.raises(ModelError, match=r"takes no other requests, .*: run a model that does \(--model\)"):
        vader.predict(body, JSON, "")


@pytest.mark.parametrize("body", BODIES)
def test_a_malformed_body_is_refused(vader: VaderModel, body: bytes) -> None:
    with pytest.raises(ModelError) as caught:
        vader.predict(body, JSON, "")
    assert caught.value.status == 400


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json; charset=utf-8"])
def test_the_content_type_is_json_to_the_letter(vader: VaderModel, content_type: str) -> None:
    with pytest.raises(ModelError, match="400"):
        vader.predict(b'{"inputs": "good"}', content_type, "")


def test_vader_starts_in_silence_as_a_library_does(caplog: pytest.LogCaptureFixture) -> None:
    load_model("vader")
    assert caplog.text == ""


@pytest.mark.parametrize("ends", [pytest.fail, pytest.skip, sys.exit])
def test_whatever_a_function_raises_is_an_answer(ends: Callable[..., object]) -> None:
    with pytest.raises(ModelError, match="400"):
        load_model(lambda _inputs: ends()).predict(b'{"inputs": ["a"]}', JSON, "")


@pytest.mark.parametrize("result", [iter("a"), date(2026, 1, 1), b"a"])
def test_a_result_that_is_no_json_is_named(result: object) -> None:
    with pytest.raises(ModelError, match=f"TypeError: Object of type {type(result).__name__} is not JSON serial"):
        load_model(lambda _inputs: result).predict(b'{"inputs": ["a"]}', JSON, "")


def test_a_model_folder_is_run_by_a_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def pipeline(task: str, **loaded: object) -> Callable[..., list[dict[str, object]]]:
        def run(inputs: object, **parameters: object) -> list[dict[str, object]]:
            if inputs is None:
                raise TypeError
            calls.append((task, loaded["model"], inputs, parameters))
            return [{"label": "x", "score": SimpleNamespace(tolist=lambda: 0.5)}]

        return run

    monkeypatch.setitem(sys.modules, "transformers", SimpleNamespace(pipeline=pipeline))
    (tmp_path / "config.json").write_text('{"architectures": ["BertForSequenceClassification"]}', encoding="utf-8")
    model = load_model(str(tmp_path))

    answer = model.predict(b'{"inputs": ["a"], "parameters": {"truncation": true}}', JSON, "")
    assert json.loads(answer) == [{"label": "x", "score": 0.5}]
    assert calls == [("text-classification", str(tmp_path), ["a"], {"truncation": True})]
    with pytest.raises(ModelError, match="400"):
        model.predict(b'{"inputs": null}', JSON, "")


@pytest.mark.parametrize(
    ("architecture", "task"),
    [
        ("RobertaForSequenceClassification", "text-classification"),
        ("BertForTokenClassification", "token-classification"),
        ("GPT2LMHeadModel", "text-generation"),
        ("LlamaForCausalLM", "text-generation"),
        ("T5ForConditionalGeneration", "text2text-generation"),
        ("MarianMTModel", "text2text-generation"),
        ("MPNetModel", "feature-extraction"),
    ],
)
def test_a_model_is_used_for_what_it_was_saved_for(tmp_path: Path, architecture: str, task: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"architectures": [architecture]}), encoding="utf-8")
    assert task_of(tmp_path) == task


@pytest.mark.parametrize("config", ["", "[]", "{}"])
def test_a_folder_without_a_model_says_so(tmp_path: Path, config: str) -> None:
    (tmp_path / "config.json").write_text(config, encoding="utf-8")
    with pytest.raises(ModelUnavailableError, match="holds no model that transformers has saved"):
        load_model(str(tmp_path))


def test_a_model_folder_without_transformers_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ModelUnavailableError, match=r"pip install 'fanfold\[transformers\]'"):
        TransformersModel(tmp_path, "text-classification")


def test_a_function_is_called_with_inputs_and_the_parameters_that_it_takes() -> None:
    body = json.dumps({"inputs": ["a", {"b": 1}], "parameters": {"top_k": 2, "truncation": True}}).encode()
    some = load_model(lambda inputs, top_k=1: [[one, top_k] for one in inputs])
    assert json.loads(some.predict(body, JSON, JSON)) == [["a", 2], [{"b": 1}, 2]]
    every = load_model(lambda _inputs, **parameters: [parameters])
    assert json.loads(every.predict(body, JSON, JSON)) == [{"top_k": 2, "truncation": True}]


def test_what_a_function_raises_fails_its_request_in_its_words() -> None:
    with pytest.raises(ModelError, match="400: ZeroDivisionError: ") as caught:
        load_model(lambda inputs: 1 // len(inputs)).predict(b'{"inputs": []}', JSON, JSON)
    assert caught.value.status == 400


def test_an_unknown_model_is_answered_with_the_choices() -> None:
    with pytest.raises(ModelUnavailableError, match="'vader', a folder"):
        load_model("no-such-folder")


def test_a_folder_with_code_of_its_own_is_left_to_the_container(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/inference.py").write_text("def predict_fn(data, model): ...", encoding="utf-8")
    with pytest.raises(ModelUnavailableError, match="which only the container runs: name it by --container"):
        TransformersModel(tmp_path, "text-classification")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[IO[str]]:
    with (tmp_path / "container.log").open("w", encoding="utf-8") as stream:
        yield stream


def test_a_container_without_its_packages_says_which_is_missing(
    tmp_path: Path, log: IO[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    java = tmp_path / "bin/java"
    java.parent.mkdir()
    java.touch(mode=0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ModelUnavailableError, match=r"has no package mms: .* see docs/models.md"):
        ModelServer(sys.executable, tmp_path, log=log, task="fill-mask").start()
    with pytest.raises(ModelUnavailableError, match=r"the container's Python no-such-python does not run: .*No such"):
        ModelServer("no-such-python", tmp_path, log=log, task="fill-mask").start()


def test_a_container_without_java_says_so(tmp_path: Path, log: IO[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ModelUnavailableError, match="needs Java, and there is no java in JAVA_HOME"):
        ModelServer(sys.executable, tmp_path, log=log, task="fill-mask").start()
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelUnavailableError, match="needs Java, and there is no java on the PATH"):
        ModelServer(sys.executable, tmp_path, log=log, task="fill-mask").start()
