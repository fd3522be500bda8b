"""Classes of failure."""

import pytest

from fanfold_core.domain.keys import RequestId
from fanfold_core.domain.outcomes import Broken, Refused, failed
from fanfold_core.domain.spans import Span

REQUEST = RequestId("job", 0, Span(0, 2), 1)


@pytest.mark.parametrize("status", ["400", "404", "413", "422"])
def test_a_client_error_of_the_model_is_a_refusal(status: str) -> None:
    assert failed(REQUEST, f"ClientError: Received client error ({status}) from model.") == Refused(
        REQUEST, f"ClientError: Received client error ({status}) from model."
    )


@pytest.mark.parametrize(
    "reason",
    [
        "ClientError: Received server error (500) from model.",
        "ClientError: Received client error (429) from model.",
        "ClientError: Received client error (408) from model.",
        "InternalServerException",
        "status Expired",
        "",
    ],
)
def test_everything_else_is_the_platforms_doing(reason: str) -> None:
    assert isinstance(failed(REQUEST, reason), Broken)
