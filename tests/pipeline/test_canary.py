"""No cell and no answer leaves the files: what is told of a job names rows, bytes, lengths and statuses."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from tests.pipeline import models
from tests.pipeline.handlers import READERS, Handlers
from tests.pipeline.models import CANARY
from tests.pipeline.pipeline import Model, Pipeline

from fanfold_core.domain.job import State
from localaws.endpoint.outcomes import Failure

HEADERLESS = f"{CANARY},so bad\nJo,fine\n".encode()
TEXTS = f"id,text\n{CANARY},so bad {CANARY}\n".encode()
MANY = b"text\n" + b"".join(f"so bad {CANARY} {row}\n".encode() for row in range(60))
FIRST = f"the first line is '{CANARY}', "
GOOD = models.answering(models.good)
QUOTING = f'ClientError: Received client error (400) from primary with message "no {CANARY}". See the log.'


@dataclass(frozen=True)
class Case:
    """A file, its options and a model that have a job fail; what its reason says, and what stands with its results."""

    content: bytes
    reason: str
    details: str = ""
    options: dict[str, str] = field(default_factory=dict)
    model: Model = GOOD


CASES = {
    "no column tells": Case(HEADERLESS, "the file has 2 columns, and none has", FIRST),
    "no such column": Case(HEADERLESS, "no column is named 'x'", FIRST, {"input-column": "x"}),
    "no such index": Case(HEADERLESS, "no column 7: the file", FIRST, {"input-column": "7"}),
    "a payload that is none": Case(
        TEXTS,
        "'abs(inputs[0])' cannot be applied: function abs() takes number, not string",
        options={"payload-expression": "abs(inputs[0])"},
    ),
    "a model that rejects all": Case(
        MANY,
        "rows and predicted none: `fanfold errors ",
        f"most frequent error of a row: no {CANARY} (ClientError",
        {"max-attempts": "1"},
        lambda _: models.failing(400, f"no {CANARY}"),
    ),
    "a model that rejects all in SageMaker's words": Case(
        MANY,
        "rows and predicted none: `fanfold errors ",
        f"most frequent error of a row: {QUOTING}",
        {"max-attempts": "1"},
        lambda _: Failure(QUOTING, 0, ""),
    ),
    "a model that fails": Case(
        TEXTS,
        "predicted none of the rows sent: Received server error (500) from model with a message of 17 characters",
        model=lambda _: models.failing(500, f"no {CANARY}"),
    ),
    "answers that are none": Case(
        TEXTS,
        "1 of 1 row failed",
        "most frequent error of a row: result-expression finds nothing in the model's answer; the answer begins",
        {"result-expression": "[].{label: no}", "tolerated-failure-percentage": "0"},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_failed_job_tells_why_without_a_cell_or_an_answer(
    handlers: Handlers, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("fanfold_core.app.collect._HOPELESS_ROWS", 9)
    case = CASES[name]
    ended = Pipeline(handlers, case.model).run(case.content, {"deadline-hours": "1"} | case.options)
    assert ended.state is State.FAILED
    assert case.reason in ended.job.reason
    assert case.details in ended.summary["details"]
    assert (CANARY in ended.summary["details"]) == bool(case.details)
    assert ended.job.id in handlers.told()
    assert CANARY not in handlers.told()


@pytest.mark.parametrize("queue", READERS)
@pytest.mark.parametrize(
    "body", [CANARY, json.dumps([CANARY]), json.dumps({"job": CANARY}), json.dumps({"Records": [{"s3": CANARY}]})]
)
def test_a_message_that_cannot_be_read_is_not_quoted(handlers: Handlers, queue: str, body: str) -> None:
    handlers.empty()
    handlers.invoke(queue, {"one": body}, None)
    assert handlers.told()
    assert CANARY not in handlers.told()


def test_what_a_function_raises_is_told_without_its_words(
    pipeline: Callable[[Model], Pipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    played = pipeline(models.answering(models.good))
    handlers = played.handlers
    job = played.upload(TEXTS)

    def refuse(*_: object) -> None:
        raise ValueError(CANARY)

    monkeypatch.setattr(handlers.store, "head", refuse)
    record = {"bucket": {"name": "input"}, "object": {"key": f"{job}.csv", "versionId": "1"}}
    body = json.dumps({"Records": [{"s3": record}]})
    assert handlers.invoke("Uploads", {"one": body}, played) == {"one"}
    assert "ValueError in refuse" in handlers.told()
    assert CANARY not in handlers.told()
