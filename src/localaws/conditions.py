"""Under which conditions the local cloud runs. Here they are fair: nothing goes wrong by itself."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localaws.endpoint.models import Model
    from localaws.endpoint.requests import InferenceRequest
    from localaws.endpoint.server import AsyncEndpointServer
    from localaws.functions.workers import Worker


class Conditions:
    """Fair conditions. Each method is a place where something could go wrong, and is asked each time it could.

    Example:
        >>> LocalCloud(root, conditions=Conditions(redelivery_seconds=1))
    """

    def __init__(self, redelivery_seconds: int | None = None) -> None:
        """Take after how many seconds a message that failed comes again, if not after its queue's time-out."""
        self.redelivery_seconds = redelivery_seconds
        self.parameters: Mapping[str, str] = {}

    def invoking(self, worker: Worker) -> AbstractContextManager[object]:
        """What surrounds an invocation in a worker."""
        return nullcontext(worker)

    def comes_again(self) -> bool:
        """Whether a message that is done comes again all the same."""
        return False

    def gets_lost(self) -> bool:
        """Whether a notification of the endpoint gets lost."""
        return False

    def service_time(self, request: InferenceRequest) -> float:
        """Seconds that an instance of the endpoint is busy with a request at least."""
        del request
        return 0.0

    def model(self, model: Model) -> Model:
        """The model as the endpoint finds it."""
        return model

    def begin(self, endpoint: AsyncEndpointServer) -> None:
        """The endpoint runs."""

    def end(self) -> None:
        """The endpoint is to end."""
