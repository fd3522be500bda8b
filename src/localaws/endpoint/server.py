"""The endpoint server put together: HTTP surface, control plane, queues, model, and hands in S3 and SNS."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from concurrent.futures import CancelledError, Future
from http import HTTPStatus
from typing import TYPE_CHECKING

from localaws.endpoint.delivery import Delivery, Outbox, Settled, arrives
from localaws.endpoint.endpoints import ControlPlane, Endpoint
from localaws.endpoint.invocations import Invocation, Load, ModelInstance, no_extra_time
from localaws.endpoint.io_threads import IoThreads
from localaws.endpoint.locations import destinations
from localaws.endpoint.outcomes import Failure, Outcome
from localaws.endpoint.queues import EndpointQueue
from localaws.endpoint.requests import (
    InferenceRequest,
    ModelAnsweredError,
    RequestParser,
    ServiceUnavailableError,
    ValidationError,
)
from localaws.endpoint.surface import LOOPBACK, HttpSurface, Reply
from localaws.lifetime import Lifetime

if TYPE_CHECKING:
    from collections.abc import Callable

    from localaws.access.guard import Guard
    from localaws.endpoint.calls import Calls
    from localaws.endpoint.cloud import Cloud
    from localaws.endpoint.models import Model
    from localaws.endpoint.requests import Headers

logger = logging.getLogger(__name__)

_TICK_SECONDS = 0.1
_PATIENCE_SECONDS = 5.0
"""How long ``stop`` waits for calls of S3 and SNS, or a model, that are still at work."""
_STOPPING = "The local endpoint is stopping."


class AsyncEndpointServer(Lifetime):
    """A server to which every endpoint of the control plane is reachable, all of them running one model.

    Example::

        cloud = Cloud("http://127.0.0.1:5000", "eu-west-1", "k", "s")
        with AsyncEndpointServer(VaderModel(), cloud=cloud, calls=calls, guard=Guard(find_keys)) as server:
            runtime = boto3.client("sagemaker-runtime", endpoint_url=server.url)
            runtime.invoke_endpoint_async(EndpointName="tweets", ContentType="application/json", Body=b'{"inputs": …}')
    """

    def __init__(  # noqa: PLR0913 -- all but three have defaults
        self,
        model: Model,
        *,
        cloud: Cloud,
        calls: Calls,
        guard: Guard,
        port: int = 0,
        clock: Callable[[], float] = time.time,
        service_time: Callable[[InferenceRequest], float] = no_extra_time,
        gets_lost: Callable[[], bool] = arrives,
    ) -> None:
        """Take what to run, where, who makes the calls of every request there, and who lets requests in.

        ``clock`` gives seconds since 1970 and decides about expiry and time-outs, looked at every 0.1 s.
        ``service_time`` gives the seconds an instance is to be busy with a request, at least; 0 is as fast as the
        model. ``gets_lost`` says of each notification whether it does. ``cloud.connections`` is also the number of
        threads for S3 and SNS.
        """
        self._cloud = cloud
        self._guard = guard
        self._port = port
        self._clock = clock
        self._parser = RequestParser()
        self._control_plane = ControlPlane(cloud.client("sagemaker"), cloud.client("sts"))
        self._delivery = Delivery(cloud, calls, clock, gets_lost)
        self._queues: dict[str, EndpointQueue] = {}
        self._queues_lock = threading.Lock()
        self._stopping = threading.Event()
        self._instance = ModelInstance(model, service_time, self._stopping)
        self._model_name = type(model).__name__

    def start(self) -> None:
        """Listen; OSError with a plain message when the port is taken. A server starts once."""
        self._surface = HttpSurface(self._port, self, self._guard)
        self._io = IoThreads(self._cloud.connections)
        self._outbox = Outbox(self._delivery.deliver, self._io)
        self._threads = [
            threading.Thread(target=self._surface.serve_forever, args=(0.05,), name="endpoint-http"),
            threading.Thread(target=self._watch_the_clock, name="endpoint-clock"),
        ]
        for thread in self._threads:
            thread.start()
        logger.info("asynchronous endpoints at %s, running %s", self.url, self._model_name)

    def stop(self) -> None:
        """End every thread. Calls of S3 and SNS under way are waited for; what waits is gone."""
        with self._queues_lock:
            self._stopping.set()
        for queue in self._queues.values():
            queue.close()
        self._surface.close()
        self._outbox.close()
        self._io.stop(_PATIENCE_SECONDS)
        until = time.monotonic() + _PATIENCE_SECONDS
        for queue in self._queues.values():
            queue.join(until)
        for thread in self._threads:
            thread.join()

    def restart(self) -> None:
        """Lose all that waits or is being worked on, as a process that is killed would, and go on."""
        with self._queues_lock:
            queues = list(self._queues.values())
        for queue in queues:
            queue.lose_all()

    @property
    def url(self) -> str:
        """The value for ``AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME``."""
        return f"http://{LOOPBACK}:{self._surface.server_address[1]}"

    def set_instances(self, endpoint_name: str, count: int) -> None:
        """Scale an endpoint to ``count`` instances, 0 or more, whatever its configuration says."""
        self._queue(self._control_plane.endpoint(endpoint_name)).set_instances(count)

    def load(self, endpoint_name: str) -> Load:
        """Tell how busy an endpoint is."""
        return self._queue(self._control_plane.endpoint(endpoint_name)).load()

    def invoke_async(self, endpoint_name: str, headers: Headers, body: bytes) -> Reply:
        """Accept an InvokeEndpointAsync request; raises ValidationError."""
        request = self._parser.asynchronous(headers, body)
        endpoint = self._control_plane.endpoint(endpoint_name)
        if endpoint.output is None:
            message = f"Endpoint {endpoint_name} has no AsyncInferenceConfig: it is not asynchronous."
            raise ValidationError(message)
        output = endpoint.output
        places = destinations(output.output_path, output.failure_path, request.output_path_extension, request.filename)
        invocation = Invocation(endpoint, request, self._clock())

        def hand_over(done: Future[Outcome]) -> None:
            with contextlib.suppress(CancelledError):
                self._outbox.add(Settled(invocation, output, places, done.result()))

        invocation.done.add_done_callback(hand_over)
        self._queue(endpoint).submit(invocation)
        located = {"X-Amzn-SageMaker-OutputLocation": places.output.uri}
        if places.failure:
            located["X-Amzn-SageMaker-FailureLocation"] = places.failure.uri
        return Reply(HTTPStatus.ACCEPTED, json.dumps({"InferenceId": request.inference_id}).encode(), located)

    def invoke(self, endpoint_name: str, headers: Headers, body: bytes) -> Reply:
        """Answer an InvokeEndpoint request; raises ValidationError, ModelAnsweredError, ServiceUnavailableError."""
        request = self._parser.synchronous(headers, body)
        endpoint = self._control_plane.endpoint(endpoint_name)
        invocation = Invocation(endpoint, request, self._clock())
        self._queue(endpoint).submit(invocation)
        try:
            outcome = invocation.done.result()
        except CancelledError as error:
            raise ServiceUnavailableError(_STOPPING) from error
        if isinstance(outcome, Failure):
            if outcome.expired:
                message = f"No instance of {endpoint_name} took the request in time."
                raise ServiceUnavailableError(message)
            kind = "client" if HTTPStatus.BAD_REQUEST <= outcome.status < HTTPStatus.INTERNAL_SERVER_ERROR else "server"
            message = f'Received {kind} error ({outcome.status}) from primary with message "{outcome.message}".'
            raise ModelAnsweredError(message, outcome.status, outcome.message)
        answered = {"Content-Type": outcome.content_type, "x-Amzn-Invoked-Production-Variant": endpoint.variant}
        if request.custom_attributes is not None:
            answered["X-Amzn-SageMaker-Custom-Attributes"] = request.custom_attributes
        return Reply(HTTPStatus.OK, outcome.body, answered)

    def _queue(self, endpoint: Endpoint) -> EndpointQueue:
        with self._queues_lock:
            if self._stopping.is_set():
                raise ServiceUnavailableError(_STOPPING)
            queue = self._queues.get(endpoint.name)
            if queue is None or queue.created != endpoint.created:
                if queue:
                    queue.close()
                queue = self._queues[endpoint.name] = EndpointQueue(
                    endpoint, instance=self._instance, reader=self._delivery.read, io=self._io, clock=self._clock
                )
            return queue

    def _watch_the_clock(self) -> None:
        while not self._stopping.wait(_TICK_SECONDS):
            with self._queues_lock:
                queues = list(self._queues.values())
            for queue in queues:
                queue.tick()
