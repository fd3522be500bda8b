"""Several jobs: one is the retry of another, or both share an endpoint."""

from collections.abc import Callable

import pytest
from tests.pipeline import models
from tests.pipeline.pipeline import Model, Pipeline

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
