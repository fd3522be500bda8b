"""The asynchronous endpoint: `app.ports.Endpoint` over InvokeEndpointAsync."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from fanfold_core.app.ports import Postponed
from fanfold_core.domain.errors import EndpointError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_sagemaker_runtime import SageMakerRuntimeClient

    from fanfold_core.domain.requests import Request

CONNECTIONS = 32
# HTTP 400, like the refusals, but about the moment and not about the request; told by code since its message is null.
_THROTTLED = {"ThrottlingException", "TooManyRequestsException", "Throttling"}
_CLIENT_ERRORS = range(400, 500)


class SageMakerEndpoint:
    """Sends requests side by side, over `CONNECTIONS` connections."""

    def __init__(self, client: SageMakerRuntimeClient) -> None:
        self._client = client

    def send(self, endpoint: str, requests: Sequence[Request], ttl_seconds: int) -> list[Postponed]:
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            answers = pool.map(partial(self._send, endpoint, ttl_seconds), requests)
            return [answer for answer in answers if answer is not None]

    def _send(self, endpoint: str, ttl_seconds: int, request: Request) -> Postponed | None:
        payload: dict[str, Any] = {"InputLocation": request.location} if request.location else {"Body": request.body}
        try:
            self._client.invoke_endpoint_async(
                EndpointName=endpoint,
                ContentType="application/json",
                Accept="application/json",
                InferenceId=str(request.id),
                S3OutputPathExtension=request.id.folder,
                Filename=request.id.filename,
                RequestTTLSeconds=ttl_seconds,
                **payload,
            )
        except ClientError as error:
            code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status in _CLIENT_ERRORS and code not in _THROTTLED:
                raise EndpointError(endpoint, f"{code}: {error.response['Error']['Message']}") from error
            return Postponed(request, str(error))
        except BotoCoreError as error:  # the connection failed or timed out, after botocore's own retries
            return Postponed(request, str(error))
        return None
