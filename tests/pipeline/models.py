"""Models, good and bad, as an endpoint tells of them: what comes of a request's body."""

import json
from collections.abc import Callable
from typing import Any

from localaws.endpoint.outcomes import ModelError, Outcome, Response, model_failed, timed_out

# Stands in files, and in what models say of them; and must never stand in what is told of a job.
CANARY = "Ann-Smith-1970"
Predict = Callable[[list[Any]], Any]


def label(text: Any) -> str:
    """The label of an input: no two inputs have the same."""
    return f"of {text if isinstance(text, str) else json.dumps(text, sort_keys=True)}"


def good(texts: list[Any]) -> list[dict[str, Any]]:
    """One result per input, in their order."""
    return [{"label": label(text), "score": 0.5} for text in texts]


def good_text(body: bytes) -> str:
    """What a good model answers to a request."""
    return json.dumps(good(inputs(body)), ensure_ascii=False)


def completion(message: dict[str, Any], reason: str = "stop") -> Outcome:
    """What a language model answers: one choice, why it ended it, and the tokens that it took."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
    return response(json.dumps({"object": "chat.completion", "choices": [choice], "usage": usage}))


def chatting(body: bytes) -> Outcome:
    """A language model that answers each text with its label."""
    return completion({"content": label(json.loads(body)["messages"][-1]["content"])})


def structured(body: bytes) -> Outcome:
    """A language model that answers each text with a JSON object, if the request asks for one."""
    asked = json.loads(body)
    (found,) = good([asked["messages"][-1]["content"]])
    return completion({"content": json.dumps(found)}) if "response_format" in asked else chatting(body)


def answering(predict: Predict) -> Callable[[bytes], Outcome]:
    """A model that makes a JSON answer of the inputs."""
    return lambda body: response(json.dumps(predict(inputs(body))))


def response(text: str) -> Response:
    """An answer as it is."""
    return Response(text.encode(), "application/json")


def failing(status: int, message: str = f"prediction failure: {CANARY}") -> Outcome:
    """An HTTP status; 0 for a container that doesn't answer in time."""
    return model_failed(ModelError(status, message)) if status else timed_out()


def poisoned(status: int) -> Callable[[bytes], Outcome]:
    """A good model that fails with a status where an input holds the word poison."""
    return lambda body: failing(status) if b"poison" in body else response(good_text(body))


def inputs(body: bytes) -> list[Any]:
    """What a request asks about."""
    found = json.loads(body)
    texts = found["inputs"] if isinstance(found, dict) and "inputs" in found else found
    return texts if isinstance(texts, list) else [texts]
