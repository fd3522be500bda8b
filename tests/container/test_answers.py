"""The container and what stands in for it answer alike: each task's shapes, each malformed request, each limit."""

import json
from typing import Any

import pytest
from tests.container.conftest import JSON, ask

from localaws.endpoint.models import Model, ModelError

pytestmark = pytest.mark.container

A, B = "I love Paris", "The soup was awful"
ASKED = {"question": "Where?", "context": A}
GENERATE = {"max_new_tokens": 3, "do_sample": False}
IN_BATCHES = {"truncation": True, "max_length": 64, "batch_size": 8}
LABELS = {"candidate_labels": ["travel", "cooking"]}
# What is asked, and the shape of what comes: a list, an object by its keys, or a type.
LABEL = {"label": str, "score": float}
TOPICS = {"sequence": str, "labels": [str], "scores": [float]}
ENTITY = {"entity": str, "score": float, "index": int, "word": str, "start": int, "end": int}
GROUP = {"entity_group": str, "score": float, "word": str, "start": int, "end": int}
TOKEN = {"score": float, "token": int, "token_str": str, "sequence": str}
ANSWER = {"score": float, "start": int, "end": int, "answer": str}
SHAPES: list[tuple[str, Any, dict[str, Any] | None, Any]] = [
    ("text-classification", A, None, [LABEL]),
    ("text-classification", [A], None, [LABEL]),
    ("text-classification", [A, B], None, [LABEL]),
    ("text-classification", [A, B], {"top_k": None}, [[LABEL]]),
    ("text-classification", A, {"top_k": None}, [LABEL]),
    ("text-classification", [A, B], {"top_k": 1}, [[LABEL]]),
    ("text-classification", [A, B], {"batch_size": 2, "truncation": True, "max_length": 8}, [LABEL]),
    ("text-classification", [{"text": A, "text_pair": B}] * 2, None, [LABEL]),
    ("text-classification", [{"text": A, "text_pair": B}, {"text": A}], IN_BATCHES, [LABEL]),
    ("text-classification", {"text": A, "text_pair": B}, None, LABEL),
    ("text-classification", [], None, []),
    ("text-classification", "", None, [LABEL]),
    ("zero-shot-classification", [A, B], LABELS, [TOPICS]),
    ("zero-shot-classification", [A], LABELS, [TOPICS]),
    ("zero-shot-classification", [A, B], {**LABELS, "batch_size": 8}, [TOPICS]),
    ("zero-shot-classification", A, {**LABELS, "multi_label": True}, TOPICS),
    ("token-classification", [A, B], None, [[ENTITY]]),
    ("token-classification", [A, B], {"aggregation_strategy": "simple", "batch_size": 8}, [[GROUP]]),
    ("token-classification", [A], {"aggregation_strategy": "simple"}, [[GROUP]]),
    ("token-classification", A, {"aggregation_strategy": "simple"}, [GROUP]),
    ("feature-extraction", [A, B], None, [[[[float]]]]),
    ("feature-extraction", A, None, [[[float]]]),
    ("text-generation", [A, B], GENERATE, [[{"generated_text": str}]]),
    ("text-generation", A, {**GENERATE, "return_full_text": False}, [{"generated_text": str}]),
    ("fill-mask", [f"{A} [MASK]", f"{B} [MASK]"], None, [[TOKEN]]),
    ("fill-mask", [f"{A} [MASK]", f"{B} [MASK]"], {"batch_size": 8}, [[TOKEN]]),
    ("fill-mask", [f"{A} [MASK]"], {"top_k": 2}, [TOKEN]),
    ("fill-mask", [f"[MASK] {A} [MASK]"], {"top_k": 1}, [[TOKEN]]),
    ("question-answering", [ASKED, ASKED], None, [ANSWER]),
    ("question-answering", [ASKED, ASKED], {"batch_size": 8}, [ANSWER]),
    ("question-answering", [ASKED], None, ANSWER),
    ("question-answering", ASKED, None, ANSWER),
]
REFUSED: list[tuple[str, Any, dict[str, Any] | None, str]] = [
    ("text-classification", [A, 1], None, "text input must be of type"),
    ("text-classification", [A, B, None], IN_BATCHES, "You need to specify either `text` or `text_target`"),
    ("text-classification", [A, None], None, "You need to specify either `text` or `text_target`"),
    ("text-classification", ["Paris " * 100], None, "size of tensor"),
    ("text-classification", [A], {"nothing": 1}, "unexpected keyword argument 'nothing'"),
    ("zero-shot-classification", [A], None, "has no len()"),
    ("fill-mask", [A], None, "No mask_token ([MASK]) found on the input"),
    ("question-answering", [{"question": "", "context": A}], None, "`question` cannot be empty"),
]
REQUEST = json.dumps({"inputs": [A]})
SAMPLES: dict[str, tuple[bytes, str, str, int]] = {
    "json": (REQUEST.encode(), JSON, "", 200),
    "any answer": (REQUEST.encode(), JSON, "*/*", 200),
    "byte-order mark": (REQUEST.encode("utf-8-sig"), JSON, "", 400),
    "UTF-16": (REQUEST.encode("utf-16"), JSON, "", 400),
    "no UTF-8": (b'{"inputs": ["I love \xff"]}', JSON, "", 400),
    "nothing": (b"", JSON, "", 400),
    "half": (b"{", JSON, "", 400),
    "list": (b"[]", JSON, "", 400),
    "text": (b'"I love Paris"', JSON, "", 400),
    "empty object": (b"{}", JSON, "", 400),
    "object without inputs": (b'{"text": "I love Paris"}', JSON, "", 200),
    "null": (b'{"inputs": null}', JSON, "", 400),
    "null parameters": (b'{"inputs": ["I love Paris"], "parameters": null}', JSON, "", 200),
    "no parameters": (b'{"inputs": ["I love Paris"], "parameters": {}}', JSON, "", 200),
    "list of parameters": (b'{"inputs": ["I love Paris"], "parameters": []}', JSON, "", 400),
    "number of parameters": (b'{"inputs": ["I love Paris"], "parameters": 1}', JSON, "", 400),
    "more beside": (b'{"inputs": ["I love Paris"], "more": 1}', JSON, "", 200),
    "no type": (REQUEST.encode(), "", "", 400),
    "text type": (REQUEST.encode(), "text/plain", "", 400),
    "type with charset": (REQUEST.encode(), "application/json; charset=utf-8", "", 400),
    "answer as text": (REQUEST.encode(), JSON, "text/plain", 400),
    "long request": (REQUEST.encode().ljust(20_000), JSON, "", 200),
    "too long request": (REQUEST.encode().ljust(20_001), JSON, "", 413),
    "long answer": (json.dumps({"inputs": [A] * 200}).encode(), JSON, "", 200),
    "too long answer": (json.dumps({"inputs": ["a"] * 1000}).encode(), JSON, "", 500),
    "after the worker's death": (REQUEST.encode(), JSON, "", 200),
}


@pytest.fixture(scope="session")
def tasks(kind: str, request: pytest.FixtureRequest) -> Model:
    """All models at once."""
    found: Model = request.getfixturevalue("imitated" if kind == "imitation" else "tasks_in_container")
    return found


@pytest.fixture(scope="session")
def sentiment(kind: str, request: pytest.FixtureRequest) -> Model:
    """One model, as it is, within narrow limits."""
    found: Model = (
        request.getfixturevalue("imitated") if kind == "imitation" else request.getfixturevalue("stock").model
    )
    return found


def said(error: ModelError) -> str:
    """What a model says of a failure, which the container puts into an object."""
    try:
        message: str = json.loads(error.message)["message"]
    except ValueError:
        return error.message
    return message


def shape(answer: Any) -> Any:
    match answer:
        case dict():
            return {key: shape(value) for key, value in answer.items()}
        case list():
            kinds = [shape(one) for one in answer]
            filled = [kind for kind in kinds if kind != []] or kinds
            assert all(kind == filled[0] for kind in filled)
            return filled[:1]
        case _:
            return type(answer)


@pytest.mark.parametrize(("task", "inputs", "parameters", "expected"), SHAPES)
def test_each_task_answers_in_its_shape(
    tasks: Model, task: str, inputs: Any, parameters: dict[str, Any] | None, expected: Any
) -> None:
    answer = ask(tasks, task, inputs, parameters)
    assert shape(answer) == expected
    if isinstance(inputs, list) and task not in {"question-answering", "fill-mask"}:
        assert len(answer) == len(inputs)


def test_texts_of_all_lengths_are_classified_alike_in_batches(tasks: Model) -> None:
    texts = [" ".join([A, B] * (number * 7 % 5) + [A]) for number in range(20)]
    one_by_one, in_batches = (
        ask(tasks, "text-classification", texts, {**IN_BATCHES, "batch_size": size}) for size in (1, 8)
    )
    assert [one["label"] for one in in_batches] == [one["label"] for one in one_by_one]
    assert [one["score"] for one in in_batches] == pytest.approx([one["score"] for one in one_by_one], abs=1e-4)


@pytest.mark.parametrize(("task", "inputs", "parameters", "words"), REFUSED)
def test_each_exception_fails_the_whole_list_with_its_words(
    tasks: Model, task: str, inputs: Any, parameters: dict[str, Any] | None, words: str
) -> None:
    with pytest.raises(ModelError) as caught:
        ask(tasks, task, inputs, parameters)
    assert caught.value.status == 400
    assert words in said(caught.value)


@pytest.mark.parametrize(("body", "content_type", "accept", "status"), SAMPLES.values(), ids=SAMPLES)
def test_each_request_is_answered_with_its_status(
    sentiment: Model, body: bytes, content_type: str, accept: str, status: int
) -> None:
    if status == 200:
        assert json.loads(sentiment.predict(body, content_type, accept))
        return
    with pytest.raises(ModelError) as caught:
        sentiment.predict(body, content_type, accept)
    assert caught.value.status == status
    if status == 500:
        assert said(caught.value) == "Worker died."
