"""A job that may cost so much ends there, with all that is predicted, and a retry goes on."""

from collections.abc import Mapping
from random import Random
from typing import Any

from tests.pipeline import models
from tests.pipeline.handlers import Handlers
from tests.pipeline.pipeline import Pipeline

from fanfold_core.app.rounds import start_retry
from fanfold_core.domain.job import State

TEXTS = [f"text {number}" for number in range(240)]
CONTENT = ("text\n" + "\n".join(TEXTS) + "\n").encode()
ONE_AT_A_TIME = {"rows-per-request": "1", "request-ttl-seconds": "900"}
# What the instance that the handlers are told of costs between two sweeps, and until it sleeps.
SWEEP_DOLLARS, AWAKE_DOLLARS = 300 / 3600 * 0.736, 900 / 3600 * 0.736


class Slow(Random):
    """An endpoint whose answers take two minutes each."""

    def choice(self, seq: object) -> int:  # type: ignore[override]
        del seq
        return 120


def cost(summary: Mapping[str, Any]) -> float:
    return float(sum(summary["dollars"].values()) + summary["seconds"] / 3600 * 0.736) + AWAKE_DOLLARS


def test_a_job_ends_at_its_budget_and_retries_complete_it(handlers: Handlers) -> None:
    played = Pipeline(handlers, lambda body: models.response(models.good_text(body)), Slow())
    ended = played.run(CONTENT, ONE_AT_A_TIME | {"max-dollars": "0.40"})
    predicted = [row for row in ended.rows if row["label"]]
    assert ended.state is State.CANCELLED
    assert 0.4 - SWEEP_DOLLARS <= cost(ended.summary) <= 0.4
    assert ended.job.reason.startswith(f"max-dollars=0.40 was reached after {len(predicted)} of 240 rows: $0.1")
    assert ", and $0.2453 kept for 1 instance until the endpoint sleeps; " in ended.job.reason
    assert f"`fanfold retry {ended.job.id}` continues" in ended.job.reason
    assert [row["text"] for row in ended.rows] == TEXTS
    assert len(predicted) + len(ended.failed) == len(TEXTS)
    assert {row["error"] for row in ended.rows if not row["label"]} == {"cancelled"}

    while ended.state is State.CANCELLED:
        known = {row["text"] for row in ended.rows if row["label"]}
        following = start_retry(ended.job.id, handlers.ledger, handlers.queues, handlers.clock())
        ended = played.finish(following.id)
        assert known.isdisjoint(text for body in ended.requests for text in models.inputs(body))
        assert known < {row["text"] for row in ended.rows if row["label"]}
    assert (ended.state, ended.failed) == (State.SUCCEEDED, [])
    assert [(row["text"], row["label"]) for row in ended.rows] == [(text, f"of {text}") for text in TEXTS]
