"""Several jobs: one is the retry of another, or both share an endpoint."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.pipeline import models
from tests.pipeline.pipeline import Ended, Model, Pipeline

from fanfold_core.app.rounds import start_retry
from fanfold_core.domain.job import State
from localaws.endpoint.outcomes import Outcome


@pytest.mark.parametrize(
    "name",
    [
        *("a.csv", "sixteen-letters-.csv", "quite-a-long-name-of-a-file.csv", "ähm.csv", ".csv"),
        *(
            "sixteen.letters.and.dots.csv",
            "日本語の長い名前のファイルです、十六文字以上.csv",
            f"{'x' * 200}.csv",
            "2026/..csv",
        ),
    ],
)
def test_failed_rows_are_tried_again_round_after_round(pipeline: Callable[[Model], Pipeline], name: str) -> None:
    mended: list[str] = []

    def model(body: bytes) -> Outcome:
        broken = [text for text in models.inputs(body) if text not in mended]
        return models.failing(400) if broken else models.response(models.good_text(body))

    played = pipeline(model)
    texts = [f"text {number}" for number in range(5)]
    mended.append(texts[0])
    ended = played.run(("text\n" + "\n".join(texts) + "\n").encode(), key=name)
    handlers = played.handlers
    for text in texts[1:]:
        mended.append(text)
        following = start_retry(ended.job.id, handlers.ledger, handlers.queues, handlers.clock())
        ended = played.finish(following.id)
        assert [row["label"] for row in ended.rows] == [f"of {t}" if t in mended else "" for t in texts]
    assert ended.state is State.SUCCEEDED
    assert ended.job.id.endswith(".5")


@pytest.mark.parametrize("hours", [0, 0.25, 0.5, 1])
def test_what_is_left_of_a_job_holds_up_no_other_one(pipeline: Callable[[Model], Pipeline], hours: float) -> None:
    """One text is answered with 503 each time: as an endpoint would be that is down, and asked for nothing else."""
    played = pipeline(models.poisoned(503))
    left = played.upload(b"text\nsoup\nsoup\npoison\n", {"rows-per-request": "2"}, "left.csv")
    played.wait(3600 * hours + 60)
    other = played.upload(
        "".join(f"{text}\n" for text in ["text", *range(100)]).encode(), {"rows-per-request": "2"}, "other.csv"
    )
    # Its requests take seconds, and the sweeper comes every five minutes.
    played.wait(600)
    assert played.ended(other).state is State.SUCCEEDED
    assert played.handlers.ledger.job(left).state is State.RUNNING


class Breaking:
    """A model that answers until it is `broken`, and then fails every request."""

    def __init__(self) -> None:
        self.answers, self.broken = models.poisoned(400), False

    def __call__(self, body: bytes) -> Outcome:
        return models.failing(500) if self.broken else self.answers(body)


KNOWN, NEW = [f"text {row}" for row in range(60)], [f"poison {row}" for row in range(12)]
FOUR = {"rows-per-request": "4", "max-attempts": "1"}


def taken_over_by_since(played: Pipeline, earlier: Ended) -> str:
    """What the earlier job has predicted stands in a new file."""
    return played.upload(file_of(KNOWN + NEW), FOUR | {"since": earlier.job.id})


def taken_over_by_a_retry(played: Pipeline, earlier: Ended) -> str:
    handlers = played.handlers
    return start_retry(earlier.job.id, handlers.ledger, handlers.queues, handlers.clock()).id


def file_of(texts: list[str]) -> bytes:
    return "".join(f"{text}\n" for text in ["text", *texts]).encode()


@pytest.mark.parametrize("take_over", [taken_over_by_since, taken_over_by_a_retry])
def test_rows_that_are_taken_over_do_not_make_a_job_wait_longer_for_a_model_that_fails(
    pipeline: Callable[[Model], Pipeline], take_over: Callable[[Pipeline, Ended], str]
) -> None:
    model = Breaking()
    played = pipeline(model)
    earlier = played.run(file_of(KNOWN + NEW), FOUR)
    played.wait(3600)
    model.broken = True
    ended = played.finish(take_over(played, earlier))
    assert ended.state is State.FAILED
    reason = "the model has failed every request for 30 minutes and predicted none of the rows sent: "
    assert ended.job.reason.startswith(reason)
    assert [row["label"] for row in ended.rows] == [*(f"of {text}" for text in KNOWN), *[""] * len(NEW)]
    assert ended.job.ended
    assert ended.job.ended - ended.job.created < timedelta(hours=1)


def test_a_retry_of_rows_that_the_model_rejects_again_tries_all_of_them(
    pipeline: Callable[[Model], Pipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are left are the ones that it rejects, and say nothing of the others."""
    monkeypatch.setattr("fanfold_core.app.collect._HOPELESS_ROWS", 3)
    played = pipeline(models.poisoned(400))
    earlier = played.run(file_of(KNOWN + NEW), FOUR)
    ended = played.finish(taken_over_by_a_retry(played, earlier))
    assert ended.state is State.COMPLETED_WITH_ERRORS
    assert (ended.failed, len(ended.failed)) == (earlier.failed, len(NEW))
