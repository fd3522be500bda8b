"""A model that answers by a clock of its own, in no time."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from localaws.endpoint.models import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class FakeModel:
    """Labels texts by their first word, in batches as a pipeline: each request takes 50 ms, each row less in a batch.

    `now` is its clock. It refuses texts that begin with "bad", and is otherwise as a test makes it.
    """

    now: float = 0.0
    row_seconds: Callable[[int], float] = lambda batch: 0.01 if batch == 1 else 0.002
    results: Callable[[list[str], int], list[Any]] = lambda texts, _batch: [
        {"label": text.split()[0], "score": 0.9} for text in texts
    ]
    requests: list[dict[str, Any]] = field(default_factory=list)

    def predict(self, body: bytes, content_type: str, accept: str) -> bytes:
        assert (content_type, accept) == ("application/json", "application/json")
        request = json.loads(body)
        self.requests.append(request)
        texts, batch = request["inputs"], request["parameters"].get("batch_size", 1)
        self.now += 0.05 + len(texts) * self.row_seconds(batch)
        if refused := [text for text in texts if text.startswith("bad")]:
            raise ModelError(400, json.dumps({"code": 400, "message": f"{len(refused)} bad texts"}))
        return json.dumps(self.results(texts, batch)).encode()


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()
