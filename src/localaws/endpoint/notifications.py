"""The messages an asynchronous endpoint publishes to SNS. Pure: facts in, a dict for ``json.dumps`` out.

Members, their order and most wordings are from captured notifications.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.endpoint.locations import Destinations
    from localaws.endpoint.outcomes import Failure, Response
    from localaws.endpoint.requests import InferenceRequest

INCLUDED_RESPONSE_LIMIT = 128 * 1024
"""Bytes of response a notification may carry; a larger one is to be read from S3."""
_HINT = "Check S3 path location(if configured) or Cloudwatch for additional details."


@dataclass(frozen=True, slots=True)
class Occasion:
    """What every notification tells beside its outcome; times are seconds since 1970."""

    region: str
    endpoint_name: str
    request: InferenceRequest
    destinations: Destinations
    received_at: float
    happened_at: float


def completed(occasion: Occasion, answer: Response, *, include_response: bool) -> dict[str, Any]:
    """Build the message for the success topic.

    Example (shortened): ``{"awsRegion": "eu-west-1", …, "invocationStatus": "Completed",
    "responseParameters": {"contentType": "application/json", "outputLocation": "s3://…"}, …,
    "eventName": "InferenceResult"}``, with ``responseBody`` when the response is included and not too large.
    """
    message = _head(occasion, "Completed")
    message["requestParameters"] = _request_parameters(occasion)
    message["responseParameters"] = {
        "contentType": answer.content_type,
        "outputLocation": occasion.destinations.output.uri,
    }
    if include_response:
        message |= _response_body(answer.body)
    return message | _tail(occasion)


def failed(occasion: Occasion, failure: Failure, *, include_response: bool) -> dict[str, Any]:
    """Build the message for the error topic; its status is ``Failed``, or ``Expired`` if nobody worked on it.

    ``responseParameters`` is there when the failure was written to S3: ``{"failureLocation": "s3://…"}``, and no
    response where the model didn't get to say anything.
    """
    message = _head(occasion, "Expired" if failure.expired else "Failed")
    message["failureReason"] = failure.reason
    message["requestParameters"] = _request_parameters(occasion)
    if occasion.destinations.failure:
        message["responseParameters"] = {"failureLocation": occasion.destinations.failure.uri}
    if include_response and failure.status:
        message |= _response_body(failure.as_json())
    return message | _tail(occasion)


def _head(occasion: Occasion, status: str) -> dict[str, Any]:
    return {
        "awsRegion": occasion.region,
        "eventTime": _timestamp(occasion.happened_at),
        "receivedTime": _timestamp(occasion.received_at),
        "invocationStatus": status,
    }


def _tail(occasion: Occasion) -> dict[str, str]:
    return {
        "inferenceId": occasion.request.inference_id,
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }


def _request_parameters(occasion: Occasion) -> dict[str, str]:
    request = occasion.request
    given = {
        "accept": request.accept,
        "contentType": request.content_type,
        "endpointName": occasion.endpoint_name,
        "inputLocation": request.input_location.uri if request.input_location else None,
        "customAttributes": request.custom_attributes,
    }
    return {name: value for name, value in given.items() if value is not None}


def _response_body(body: bytes) -> dict[str, Any]:
    if len(body) > INCLUDED_RESPONSE_LIMIT:
        return {}
    content = base64.b64encode(body).decode("ascii")
    return {"responseBody": {"content": content, "message": _HINT, "encoding": "BASE64"}}


def _timestamp(seconds: float) -> str:
    """Example: ``2023-05-23T03:23:21.814Z``."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
