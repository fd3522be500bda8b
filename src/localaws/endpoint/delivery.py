"""Reading inputs, writing outputs and publishing notifications, all under the role of the endpoint's model."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.connections import explained
from localaws.endpoint import notifications
from localaws.endpoint.calls import CallError, Calls
from localaws.endpoint.notifications import Occasion
from localaws.endpoint.outcomes import Failure, Outcome, Response, storage_refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_s3 import S3Client

    from localaws.endpoint.cloud import Cloud
    from localaws.endpoint.endpoints import AsyncOutput, Endpoint
    from localaws.endpoint.invocations import Invocation
    from localaws.endpoint.locations import Destinations, S3Location
    from localaws.endpoint.requests import InferenceRequest

logger = logging.getLogger(__name__)

_RENEW_BEFORE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _RoleClients:
    """Clients that act as one role, until its credentials end."""

    s3: S3Client
    calls: Calls
    expires: datetime


def arrives() -> bool:
    """Let every notification arrive."""
    return False


class Delivery:
    """The hands of the endpoint: everything it does in S3 and SNS."""

    def __init__(self, cloud: Cloud, clock: Callable[[], float], gets_lost: Callable[[], bool]) -> None:
        """Take the cloud to act in, the clock that notifications tell the time by, and who says that one gets lost."""
        self._cloud = cloud
        self._clock = clock
        self._gets_lost = gets_lost
        self._by_role: dict[str, _RoleClients] = {}
        self._lock = threading.Lock()

    def read(self, endpoint: Endpoint, request: InferenceRequest, location: S3Location) -> InferenceRequest | Failure:
        """Give a request with its input, which lies at a location, or the failure to settle it with."""
        try:
            found = self._clients(endpoint.role_arn).s3.get_object(Bucket=location.bucket, Key=location.key)
            body = found["Body"].read()
        except (ClientError, BotoCoreError) as error:
            return storage_refused("read the input from", location, _why(error))
        return replace(request, body=body, object_type=found["ContentType"])

    def deliver(self, invocation: Invocation, output: AsyncOutput, places: Destinations, outcome: Outcome) -> None:
        """Write an outcome to S3, then tell the topic. What can't be written is told as a failure, or logged."""
        role = invocation.endpoint.role_arn
        if isinstance(outcome, Response):
            refused = self._write(role, places.output, outcome.body, outcome.content_type, output.kms_key_id)
            outcome = refused or outcome
        if isinstance(outcome, Failure) and places.failure:
            refused = self._write(role, places.failure, outcome.as_json(), "application/json", output.kms_key_id)
            if refused:
                logger.error("%s: %s", invocation.request.inference_id, refused.message)
        occasion = Occasion(
            region=self._cloud.region,
            endpoint_name=invocation.endpoint.name,
            request=invocation.request,
            destinations=places,
            received_at=invocation.received_at,
            happened_at=self._clock(),
        )
        if isinstance(outcome, Response):
            include = output.include_response_in_success
            message = notifications.completed(occasion, outcome, include_response=include)
            self._publish(role, output.success_topic, message, invocation.request.custom_attributes)
        else:
            logger.info("%s: %s", invocation.request.inference_id, outcome.reason)
            message = notifications.failed(occasion, outcome, include_response=output.include_response_in_error)
            self._publish(role, output.error_topic, message, invocation.request.custom_attributes)

    def _write(
        self, role: str, location: S3Location, body: bytes, content_type: str, key_id: str | None
    ) -> Failure | None:
        try:
            self._clients(role).calls.put_object(location, body, content_type, key_id)
        except (CallError, ClientError, BotoCoreError) as error:
            return storage_refused("write to", location, _why(error))
        return None

    def _publish(self, role: str, topic: str | None, message: dict[str, Any], group: str | None) -> None:
        if topic is None or self._gets_lost():
            return
        # On AWS, functions beside one another keep up with all callers; here two of them share what cores there are,
        # and a caller with many answers must not have the others wait for theirs.
        try:
            self._clients(role).calls.publish(topic, json.dumps(message, separators=(",", ":")), group)
        except (CallError, ClientError, BotoCoreError) as error:
            # AWS counts these in its NotificationFailures metric, and the message is lost there too.
            logger.error("%s: notification to %s failed: %s", message["inferenceId"], topic, _why(error))  # noqa: TRY400

    def _clients(self, role: str) -> _RoleClients:
        with self._lock:
            known = self._by_role.get(role)
            if known is None or known.expires - _RENEW_BEFORE < datetime.now(UTC):
                known = self._assume(role)
                self._by_role[role] = known
            return known

    def _assume(self, role: str) -> _RoleClients:
        answer = self._cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="SageMaker")
        keys = answer["Credentials"]
        acting = self._cloud.acting_as(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
        return _RoleClients(acting.client("s3"), Calls(acting), keys["Expiration"])


def _why(error: CallError | ClientError | BotoCoreError) -> str:
    """Example: ``NoSuchKey: The specified key does not exist.``."""
    if isinstance(error, ClientError):
        return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
    return explained(error) if isinstance(error, BotoCoreError) else str(error)
