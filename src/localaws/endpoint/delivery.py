"""Reading inputs, writing outputs and publishing notifications, all under the role of the endpoint's model."""

from __future__ import annotations

import json
import logging
import threading
from collections import defaultdict, deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.connections import explained
from localaws.endpoint import notifications
from localaws.endpoint.calls import Caller, NewObject, Notification
from localaws.endpoint.notifications import Occasion
from localaws.endpoint.outcomes import Failure, Outcome, Response, storage_refused
from localaws.errors import ServerDiedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

    from types_boto3_s3 import S3Client

    from localaws.endpoint.calls import Calls
    from localaws.endpoint.cloud import Cloud
    from localaws.endpoint.endpoints import AsyncOutput, Endpoint
    from localaws.endpoint.invocations import Invocation
    from localaws.endpoint.locations import Destinations, S3Location
    from localaws.endpoint.requests import InferenceRequest

logger = logging.getLogger(__name__)

_RENEW_BEFORE = timedelta(minutes=5)
# What is delivered at once, at most: requests, and bytes of responses.
_MOST, _MOST_BYTES = 100, 4_194_304


@dataclass(frozen=True, slots=True)
class Settled:
    """An invocation with its outcome, and where that goes."""

    invocation: Invocation
    output: AsyncOutput
    places: Destinations
    outcome: Outcome

    @property
    def size(self) -> int:
        """Bytes of the response."""
        return len(self.outcome.body) if isinstance(self.outcome, Response) else 0


@dataclass(frozen=True, slots=True)
class _ActingRole:
    """What acts as one role, until its credentials end."""

    s3: S3Client
    caller: Caller
    expires: datetime


def arrives() -> bool:
    """Let every notification arrive."""
    return False


class Delivery:
    """The hands of the endpoint: everything it does in S3 and SNS."""

    def __init__(self, cloud: Cloud, calls: Calls, clock: Callable[[], float], gets_lost: Callable[[], bool]) -> None:
        """Take the cloud to act in, who makes the calls of every request, a clock, and who says what gets lost.

        Notifications tell the time by that clock, and get lost.
        """
        self._cloud = cloud
        self._calls = calls
        self._clock = clock
        self._gets_lost = gets_lost
        self._by_role: dict[str, _ActingRole] = {}
        self._lock = threading.Lock()

    def read(self, endpoint: Endpoint, request: InferenceRequest, location: S3Location) -> InferenceRequest | Failure:
        """Give a request with its input, which lies at a location, or the failure to settle it with."""
        try:
            found = self._acting(endpoint.role_arn).s3.get_object(Bucket=location.bucket, Key=location.key)
            body = found["Body"].read()
        except (ClientError, BotoCoreError) as error:
            return storage_refused("read the input from", location, _why(error))
        return replace(request, body=body, object_type=found["ContentType"])

    def deliver(self, several: Sequence[Settled]) -> None:
        """Write outcomes to S3, then tell their topics. What can't be written is told as a failure, or logged."""
        by_role: dict[str, list[Settled]] = defaultdict(list)
        for one in several:
            by_role[one.invocation.endpoint.role_arn].append(one)
        for role, of_role in by_role.items():
            self._deliver(role, of_role)

    def _deliver(self, role: str, several: Sequence[Settled]) -> None:
        written = [(one, one.places.output) for one in several if isinstance(one.outcome, Response)]
        refused = self._write(role, written)
        several = [replace(one, outcome=refused.get(id(one), one.outcome)) for one in several]
        failed = [
            (one, one.places.failure) for one in several if isinstance(one.outcome, Failure) and one.places.failure
        ]
        refused = self._write(role, failed)
        for one, _ in failed:
            if id(one) in refused:
                logger.error("%s: %s", one.invocation.request.inference_id, refused[id(one)].message)
        self._publish(role, several)

    def _write(self, role: str, several: Sequence[tuple[Settled, S3Location]]) -> dict[int, Failure]:
        """Store outcomes; what is refused, by the identity of the one that it is of."""
        objects = []
        for one, place in several:
            outcome = one.outcome
            body, content_type = (
                (outcome.body, outcome.content_type)
                if isinstance(outcome, Response)
                else (outcome.as_json(), "application/json")
            )
            objects.append(NewObject(place.bucket, place.key, body, content_type, one.output.kms_key_id))
        whys = self._called(role, lambda caller: self._calls.put_objects(caller, objects), len(objects))
        return {
            id(one): storage_refused("write to", place, why)
            for (one, place), why in zip(several, whys, strict=True)
            if why
        }

    def _publish(self, role: str, several: Sequence[Settled]) -> None:
        told = [(one, topic) for one in several if (topic := self._topic(one)) and not self._gets_lost()]
        # On AWS, functions beside one another keep up with all callers; here two of them share what cores there are,
        # and a caller with many answers must not have the others wait for theirs.
        told_of = [
            Notification(
                topic,
                json.dumps(self._message(one), separators=(",", ":")),
                one.invocation.request.custom_attributes,
            )
            for one, topic in told
        ]
        whys = self._called(role, lambda caller: self._calls.publish(caller, told_of), len(told_of))
        for (one, topic), why in zip(told, whys, strict=True):
            if why:
                # AWS counts these in its NotificationFailures metric, and the message is lost there too.
                logger.error("%s: notification to %s failed: %s", one.invocation.request.inference_id, topic, why)

    @staticmethod
    def _topic(one: Settled) -> str | None:
        return one.output.success_topic if isinstance(one.outcome, Response) else one.output.error_topic

    def _message(self, one: Settled) -> dict[str, Any]:
        occasion = Occasion(
            region=self._cloud.region,
            endpoint_name=one.invocation.endpoint.name,
            request=one.invocation.request,
            destinations=one.places,
            received_at=one.invocation.received_at,
            happened_at=self._clock(),
        )
        if isinstance(one.outcome, Response):
            include = one.output.include_response_in_success
            return notifications.completed(occasion, one.outcome, include_response=include)
        logger.info("%s: %s", one.invocation.request.inference_id, one.outcome.reason)
        return notifications.failed(occasion, one.outcome, include_response=one.output.include_response_in_error)

    def _called(self, role: str, call: Callable[[Caller], list[str | None]], count: int) -> list[str | None]:
        """Why each of so many calls was refused: all, if the role cannot be assumed."""
        if not count:
            return []
        try:
            return call(self._acting(role).caller)
        except (ClientError, BotoCoreError, ServerDiedError) as error:
            return [_why(error)] * count

    def _acting(self, role: str) -> _ActingRole:
        with self._lock:
            known = self._by_role.get(role)
            if known is None or known.expires - _RENEW_BEFORE < datetime.now(UTC):
                known = self._assume(role)
                self._by_role[role] = known
            return known

    def _assume(self, role: str) -> _ActingRole:
        answer = self._cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="SageMaker")
        keys = answer["Credentials"]
        acting = self._cloud.acting_as(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
        caller = Caller(self._cloud.region, keys["AccessKeyId"], keys["SessionToken"])
        return _ActingRole(acting.client("s3"), caller, keys["Expiration"])


class Outbox:
    """Outcomes that wait to be delivered; those that came meanwhile go together, which costs less than one by one.

    Example:
        >>> outbox = Outbox(delivery.deliver, io)
        >>> outbox.add(settled)
    """

    def __init__(self, deliver: Callable[[Sequence[Settled]], None], io: Executor) -> None:
        """Take who delivers, and in whose threads."""
        self._deliver = deliver
        self._io = io
        self._waiting: deque[Settled] = deque()
        self._lock = threading.Lock()
        self._busy = False
        self._closed = False

    def add(self, settled: Settled) -> None:
        """Have an outcome delivered soon; not after `close`."""
        with self._lock:
            if self._closed:
                return
            self._waiting.append(settled)
            if not self._busy:
                self._busy = True
                self._io.submit(self._empty)

    def close(self) -> None:
        """Begin no further delivery; what waits is gone."""
        with self._lock:
            self._closed = True
            self._waiting.clear()

    def _empty(self) -> None:
        while some := self._take():
            try:
                self._deliver(some)
            except Exception:
                logger.exception("%d outcomes were not delivered together: each is tried alone", len(some))
                self._deliver_each(some)

    def _deliver_each(self, several: Sequence[Settled]) -> None:
        """As with SNS, what has been told already may be told again."""
        for one in several:
            try:
                self._deliver([one])
            except Exception:
                logger.exception("%s: the outcome is lost", one.invocation.request.inference_id)

    def _take(self) -> list[Settled]:
        taken: list[Settled] = []
        with self._lock:
            size = 0
            while self._waiting and len(taken) < _MOST and size < _MOST_BYTES:
                taken.append(self._waiting.popleft())
                size += taken[-1].size
            self._busy = bool(taken)
        return taken


def _why(error: ClientError | BotoCoreError | ServerDiedError) -> str:
    """Example: ``NoSuchKey: The specified key does not exist.``."""
    if isinstance(error, ClientError):
        return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
    return explained(error)
