"""Chaos: what goes wrong in a cloud now and then goes wrong often.

Workers are killed in the middle of a batch, messages come twice, notifications get lost, and the endpoint answers
500, is slow, and forgets what it had in hand. The seed decides when something happens; what it happens to is for the
threads' timing to decide as well.
"""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from random import Random
from typing import TYPE_CHECKING

from localaws.conditions import Conditions
from localaws.endpoint.models import Model, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from localaws.endpoint.requests import InferenceRequest
    from localaws.endpoint.server import AsyncEndpointServer
    from localaws.functions.workers import Worker

# How likely each fault is, each time it may happen.
_ODDS = {
    "workers killed": 0.1,
    "messages repeated": 0.1,
    "notifications lost": 0.05,
    "requests answered 500": 0.1,
    "requests slow": 0.1,
}
# Seconds, at most: until a worker is killed, that a request takes, between two restarts of the endpoint.
_KILL_WITHIN, _SLOW_FOR, _RESTART_WITHIN = 0.3, 1.0, 10.0
_REDELIVERY_SECONDS = 5
# What got lost is found soon: an output within two minutes, a request when its time to live is over. A file may name a
# shorter one than the template takes, in its metadata.
_PARAMETERS = {
    "SweepSchedule": "rate(1 minute)",
    "QuietSeconds": "2",
    "GraceSeconds": "1",
    "JobDefaults": '{"request-ttl-seconds": 900}',
}


class Chaos(Conditions):
    """Conditions under which everything goes wrong at times.

    `faults` counts what has happened.

    Example:
        >>> LocalCloud(root, conditions=Chaos(seed=7))
    """

    def __init__(self, seed: int) -> None:
        super().__init__(_REDELIVERY_SECONDS)
        self.parameters = _PARAMETERS
        self.faults: Counter[str] = Counter()
        self._random = Random(seed)  # noqa: S311 # the same faults again is what is wanted
        self._ended = threading.Event()
        self._restarts: threading.Thread | None = None

    @contextmanager
    def invoking(self, worker: Worker) -> Iterator[None]:
        """Sometimes kill the worker."""
        killer = threading.Timer(self._random.uniform(0, _KILL_WITHIN), worker.interrupt)
        if self._happens("workers killed"):
            killer.start()
        try:
            yield
        finally:
            killer.cancel()

    def comes_again(self) -> bool:
        """Sometimes."""
        return self._happens("messages repeated")

    def gets_lost(self) -> bool:
        """Sometimes."""
        return self._happens("notifications lost")

    def service_time(self, request: InferenceRequest) -> float:
        """Sometimes up to a second."""
        del request
        return self._random.uniform(0, _SLOW_FOR) if self._happens("requests slow") else 0.0

    def model(self, model: Model) -> Model:
        """One that sometimes breaks."""
        return _BreakingModel(model, lambda: self._happens("requests answered 500"))

    def begin(self, endpoint: AsyncEndpointServer) -> None:
        """Restart it every few seconds."""
        self._restarts = threading.Thread(target=self._restart, args=(endpoint,), name="chaos", daemon=True)
        self._restarts.start()

    def end(self) -> None:
        """Restart it no more."""
        self._ended.set()
        if self._restarts is not None:
            self._restarts.join()

    def _restart(self, endpoint: AsyncEndpointServer) -> None:
        while not self._ended.wait(self._random.uniform(0, _RESTART_WITHIN)):
            endpoint.restart()
            self.faults["restarts of the endpoint"] += 1

    def _happens(self, fault: str) -> bool:
        happens = self._random.random() < _ODDS[fault]
        self.faults[fault] += happens
        return happens


@dataclass(frozen=True, slots=True)
class _BreakingModel:
    """A model that answers 500 whenever it is told to break."""

    model: Model
    breaks: Callable[[], bool]

    def predict(self, body: bytes, content_type: str, accept: str) -> bytes:
        if self.breaks():
            raise ModelError(HTTPStatus.INTERNAL_SERVER_ERROR, "chaos")
        return self.model.predict(body, content_type, accept)
