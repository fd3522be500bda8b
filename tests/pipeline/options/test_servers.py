"""The recipes for servers that don't run here: their commands' expressions, and imitations of the documented routes.

What a route takes and answers is in the sources that the page links to: TEI's `router/src/http/types.rs`, TGI's
`router/src/sagemaker.rs`, LMI's `lmi_input_output_schema.md`. They ignore fields that they don't know.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.pages import recipe, written
from tests.pipeline import models
from tests.pipeline.pipeline import Ended, Model, Pipeline

from fanfold_core.domain.options import OPTIONS
from localaws.endpoint.outcomes import Outcome

MakePipeline = Callable[[Model], Pipeline]
PAGE = "recipes.md"
REVIEWS = written(PAGE, "All recipes use this file")
PLACES = ["Paris", "Lyon", "Paris"]
TEXTS = ["I love Paris in spring", "The soup was awful", "Marie Curie worked in Paris"]
# TEI's MAX_CLIENT_BATCH_SIZE, and the longest text that it takes without being told to cut it.
MOST_TEXTS, LONGEST = 32, 20


class RequestError(Exception):
    """A request that the server doesn't take: its status, and why."""


def imitation(route: Callable[[dict[str, Any]], Any]) -> Model:
    """A server's route, by what it makes of a request's JSON."""

    def model(body: bytes) -> Outcome:
        try:
            return models.response(json.dumps(route(json.loads(body))))
        except RequestError as error:
            status, message = error.args
            return models.failing(status, message)

    return model


def texts(given: Any) -> list[str]:
    """One text or several."""
    found = [given] if isinstance(given, str) else given
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise RequestError(422, "Failed to deserialize the JSON body")
    return found


def checked(given: list[list[str]], request: Mapping[str, Any]) -> list[list[str]]:
    """What TEI checks of texts and pairs of them."""
    if len(given) > MOST_TEXTS:
        raise RequestError(413, f"batch size {len(given)} > maximum allowed batch size {MOST_TEXTS}")
    if not request.get("truncate") and any(len(text) > LONGEST for pair in given for text in pair):
        raise RequestError(413, "`inputs` must have less tokens")
    return given


def embedding(text: str) -> list[float]:
    return [len(text) / 10, ord(text[0]) / 10]


def relevance(query: str, text: str) -> float:
    """The longer, the better: a request has its shortest text first."""
    return len(text) / (100 + len(query))


def embed(request: dict[str, Any]) -> Any:
    return [embedding(text) for [text] in checked([[text] for text in texts(request["inputs"])], request)]


def rerank(request: dict[str, Any]) -> Any:
    found = checked([[text] for text in texts(request["texts"])], request)
    ranks = [{"index": index, "score": relevance(request["query"], text)} for index, [text] in enumerate(found)]
    return sorted(ranks, key=lambda rank: -rank["score"])


def predict(request: dict[str, Any]) -> Any:
    """A text, a pair of texts in a list, or a list of lists of one text or a pair."""
    inputs = request["inputs"]
    is_batch = isinstance(inputs, list) and isinstance(inputs[0], list)
    found = checked([texts(given) for given in (inputs if is_batch else [inputs])], request)
    if not all(len(pair) in {1, 2} for pair in found):
        raise RequestError(422, "invalid length, expected a string, a pair of strings or a batch")
    answers = [[{"score": 0.25, "label": "other"}, {"score": 0.75, "label": "|".join(pair)}] for pair in found]
    return answers if is_batch else answers[0]


def generate(request: dict[str, Any]) -> dict[str, str]:
    """LMI's answer, which is an object."""
    if not isinstance(request["inputs"], str) or not isinstance(request.get("parameters", {}), dict):
        raise RequestError(424, "inputs is a string")
    return {"generated_text": f"{request['inputs']} and {request['parameters']['max_new_tokens']} more"}


def openai_embeddings(request: dict[str, Any]) -> Any:
    found = [
        {"object": "embedding", "index": index, "embedding": embedding(text)}
        for index, text in enumerate(texts(request["input"]))
    ]
    # The order of the list is not said anywhere; an index is.
    return {"object": "list", "data": found[::-1], "model": request["model"], "usage": {"prompt_tokens": 5}}


def run(make: MakePipeline, after: str, path: str, route: Callable[[dict[str, Any]], Any]) -> Ended:
    """Run the page's command that follows some words, with an imitation of what is at its path."""
    model, metadata = recipe(PAGE, after)
    assert model == f"http://127.0.0.1:8080{path}"
    assert metadata.keys() <= {option.name for option in OPTIONS.values()}
    return make(imitation(route)).run(REVIEWS, metadata)


def columns(ended: Ended) -> dict[str, list[str]]:
    """What the results have beside the file's own columns."""
    assert [row["error"] for row in ended.rows] == ["", "", ""]
    names = [name for name in ended.rows[0] if name not in {"id", "place", "text", "error"}]
    return {name: [row[name] for row in ended.rows] for name in names}


@pytest.mark.parametrize(
    ("after", "path", "route"),
    [
        ("One embedding for each text", "/embed", embed),
        ("### Embeddings with OpenAI's requests", "/v1/embeddings", openai_embeddings),
    ],
)
def test_a_text_has_its_embedding(
    pipeline: MakePipeline, after: str, path: str, route: Callable[[dict[str, Any]], Any]
) -> None:
    ended = run(pipeline, after, path, route)
    assert {name: list(map(json.loads, cells)) for name, cells in columns(ended).items()} == {
        "embedding": [embedding(text) for text in TEXTS]
    }
    assert len(ended.requests) < len(TEXTS)


def test_a_text_or_a_pair_of_texts_has_its_best_label(pipeline: MakePipeline) -> None:
    for after, labels in (
        ("A classifier's best label", TEXTS),
        ("make the pairs of columns", [f"{text}|{place}" for text, place in zip(TEXTS, PLACES, strict=True)]),
    ):
        ended = run(pipeline, after, "/predict", predict)
        assert columns(ended) == {"label": labels, "score": ["0.75"] * 3}
        assert len(ended.requests) < len(TEXTS)


def test_a_text_has_its_relevance_to_one_query_or_to_that_of_its_row(pipeline: MakePipeline) -> None:
    for after, queries in (("### Ranking", ["Where is the food bad?"] * 3), ("its own query", PLACES)):
        ended = run(pipeline, after, "/rerank", rerank)
        found = [float(cell) for cell in columns(ended)["relevance"]]
        assert found == [relevance(query, text) for query, text in zip(queries, TEXTS, strict=True)]
        assert len(set(found)) > 1
        assert (len(ended.requests) < len(TEXTS)) == (len(set(queries)) == 1)


@pytest.mark.parametrize("wrapped", [lambda answer: answer, lambda answer: [answer]], ids=["LMI", "TGI"])
def test_a_text_is_continued_by_a_server_that_takes_one_at_a_time(
    pipeline: MakePipeline, wrapped: Callable[[dict[str, str]], Any]
) -> None:
    ended = run(pipeline, "### Text generation without a chat", "/invocations", lambda body: wrapped(generate(body)))
    assert columns(ended) == {
        "reply": [f"{place}: {text} and 5 more" for place, text in zip(PLACES, TEXTS, strict=True)]
    }
