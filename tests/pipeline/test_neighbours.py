"""Jobs that share an endpoint."""

from collections.abc import Callable

import pytest
from tests.pipeline import models
from tests.pipeline.pipeline import Model, Pipeline

from fanfold_core.domain.job import State

OPTIONS = {"rows-per-request": "2"}


@pytest.mark.parametrize("hours", [0, 0.25, 0.5, 1])
def test_what_is_left_of_a_job_holds_up_no_other_one(pipeline: Callable[[Model], Pipeline], hours: float) -> None:
    """One text is answered with 503 each time: as an endpoint would be that is down, and asked for nothing else."""
    played = pipeline(models.poisoned(503))
    left = played.upload(b"text\nsoup\nsoup\npoison\n", OPTIONS, "left.csv")
    played.wait(3600 * hours + 60)
    other = played.upload("".join(f"{text}\n" for text in ["text", *range(100)]).encode(), OPTIONS, "other.csv")
    # Its requests take seconds, and the sweeper comes every five minutes.
    played.wait(600)
    assert played.ended(other).state is State.SUCCEEDED
    assert played.handlers.ledger.job(left).state is State.RUNNING
