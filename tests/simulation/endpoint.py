"""The asynchronous endpoint: takes requests at the dispatcher's port, and works them off when the schedule says so."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from botocore.exceptions import ReadTimeoutError
from tests.simulation.cloud import Cloud
from tests.simulation.executions import at_work
from tests.simulation.scenario import Scenario, is_poison
from tests.simulation.schedule import Faults, Schedule

from fanfold_core.domain.errors import EndpointError
from fanfold_core.domain.requests import Postponed, Request
from fanfold_core.domain.spans import Span
from localaws.endpoint import notifications
from localaws.endpoint.locations import destinations
from localaws.endpoint.notifications import Occasion
from localaws.endpoint.outcomes import Failure, ModelError, Outcome, Response, expired, model_failed, timed_out
from localaws.endpoint.requests import InferenceRequest

# Rows beyond those of any chunk, and attempts beyond those of any run.
_FAR = 1_000
_MALFORMED = [b"", b"[]", b'{"error": "shape"}', b"[NaN]", b"[null]"]


@dataclass
class SimulatedEndpoint:
    """`waiting` are the requests that it has taken, `taken` counts them."""

    cloud: Cloud
    scenario: Scenario
    schedule: Schedule
    faults: Faults
    now: Callable[[], datetime]
    is_gone: bool = False
    waiting: list[Request] = field(default_factory=list)
    taken: int = 0

    def send(self, endpoint: str, requests: Sequence[Request], ttl_seconds: int) -> list[Postponed]:
        """The port. Real requests go side by side, so dying on the way may leave any of them sent."""
        del ttl_seconds
        late = []
        for request in self.schedule.shuffled(requests):
            execution = at_work()
            assert execution
            execution.before("sagemaker-runtime.InvokeEndpointAsync")
            if self.is_gone:
                raise EndpointError(endpoint, "ValidationError: Endpoint not found")
            if self.schedule.happens(self.faults.throttled):
                late.append(Postponed(request, "ThrottlingException: null"))
            else:
                self.waiting.append(request)
                self.taken += 1
            try:
                execution.after()
            except ReadTimeoutError as error:
                late.append(Postponed(request, str(error)))
        return late

    def work_off(self, request: Request) -> Iterator[str]:
        """Work a request off; the notifications that get through, which may be none or the same one twice."""
        self.waiting.remove(request)
        outcome = self._infer(request)
        is_lost = self.schedule.happens(self.faults.lost)
        occasion = self._occasion(request)
        if isinstance(outcome, Response):
            if is_lost and self.schedule.happens(0.5):
                return
            self.cloud.write(occasion.destinations.output.uri, outcome.body)
            include = self.schedule.happens(0.5)
            message = notifications.completed(occasion, outcome, include_response=include)
        else:
            message = notifications.failed(occasion, outcome, include_response=False)
        if not is_lost:
            yield json.dumps(message)
            if self.schedule.happens(self.faults.twice):
                yield json.dumps(message)

    def forge(self, request: Request) -> str:
        """A notification like that of a request, which somebody else has made: of his own request, or to do harm."""
        rows, body = request.id.span.rows, json.dumps([{"label": "a stranger's"}] * request.id.span.rows).encode()
        beyond = request.id._replace(span=Span(request.id.span.start + _FAR, rows))
        of_another = request._replace(folder=f"{request.folder}/another", nonce="another")
        completed = partial(notifications.completed, answer=Response(body, "application/json"), include_response=True)
        refused = partial(notifications.failed, failure=model_failed(ModelError(400, "")), include_response=False)
        never_sent = request._replace(id=request.id._replace(attempt=request.id.attempt + _FAR))
        forged = [
            completed(self._occasion(of_another)),
            completed(self._occasion(request._replace(id=beyond))),
            completed(self._occasion(never_sent)),
            refused(self._occasion(of_another)),
            refused(self._occasion(request._replace(id=beyond))),
            refused(self._occasion(never_sent._replace(nonce=""))),
        ]
        return json.dumps(self.schedule.choose(forged))

    def _infer(self, request: Request) -> Outcome:
        texts = json.loads(self._body(request))["inputs"]
        if self.schedule.happens(self.faults.flaky):
            broken: list[Failure] = [expired(3600), model_failed(ModelError(500, "")), timed_out()]
            return self.schedule.choose(broken)
        if any(map(is_poison, texts)):
            status = self.scenario.poison_status
            return model_failed(ModelError(status, "")) if status else timed_out()
        if self.schedule.happens(self.faults.moody):
            odd = [json.dumps(answer).encode() for answer in self.scenario.odd_answers(texts)]
            return Response(self.schedule.choose([*_MALFORMED, *odd]), "application/json")
        return Response(json.dumps(self.scenario.answer(texts)).encode(), "application/json")

    def _body(self, request: Request) -> bytes:
        if request.location is None:
            return request.body
        kept = self.cloud.read(request.location.removeprefix("s3://").partition("/")[2])
        assert kept is not None, f"{request.location} was named in a request and isn't there"
        return kept

    def _occasion(self, request: Request) -> Occasion:
        places = destinations(self.cloud.output_path, None, request.folder, request.id.filename)
        time = self.now().timestamp()
        made = InferenceRequest(str(request.id), b"", custom_attributes=request.nonce or None)
        return Occasion("us-east-1", "fanfold", made, places, time, time)
