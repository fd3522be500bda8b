"""A request on its way, and what is needed to bring it there."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fanfold.local.endpoint.endpoints import Endpoint
    from fanfold.local.endpoint.locations import S3Location
    from fanfold.local.endpoint.outcomes import Failure, Outcome
    from fanfold.local.endpoint.requests import InferenceRequest


class Instance(Protocol):
    """What an instance does with a request whose body is there."""

    def __call__(self, request: InferenceRequest) -> Outcome:
        """Work on a request; may take its time, must not raise."""


class InputReader(Protocol):
    """Reads the input a request names."""

    def __call__(
        self, endpoint: Endpoint, request: InferenceRequest, location: S3Location
    ) -> InferenceRequest | Failure:
        """Give the request with the body that lies at a location, or why it can't be had; must not raise."""


@dataclass(slots=True, eq=False)
class Invocation:
    """A request on its way; ``done`` gets its outcome, or is cancelled when the server ends first."""

    endpoint: Endpoint
    request: InferenceRequest
    received_at: float
    done: Future[Outcome] = field(default_factory=Future)
    deadline: float = inf

    @property
    def expires_at(self) -> float:
        """When the request gives up waiting, in seconds since 1970."""
        return self.received_at + self.request.ttl_seconds


@dataclass(frozen=True, slots=True)
class Load:
    """How busy an endpoint is: requests waiting, worked on, instances there; `oldest` has waited so many seconds."""

    waiting: int
    running: int
    instances: int
    oldest: float = 0.0
