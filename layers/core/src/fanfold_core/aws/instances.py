"""The instances of an endpoint: what the sweeper counts a job's dollars by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_sagemaker import SageMakerClient

# How SageMaker says that there is no such endpoint.
_NOT_FOUND = "ValidationException"


class SageMakerInstances:
    """Counts the instances of the stack's own endpoint, as SageMaker describes them.

    The client is made when it is needed first: SageMaker's description is the largest of all, and few jobs need it.
    """

    def __init__(self, own: str, make_client: Callable[[], SageMakerClient]) -> None:
        self._own = own
        self._make_client = make_client
        self._client: SageMakerClient | None = None

    def __call__(self, endpoint: str) -> int:
        """How many instances of all variants there are, or are about to be; 0 if there is no such endpoint.

        Nor are those of another one counted, which the stack had when a job began: it may not ask for them any more.
        """
        if endpoint != self._own:
            return 0
        self._client = self._client or self._make_client()
        try:
            described = self._client.describe_endpoint(EndpointName=endpoint)
        except ClientError as error:
            if error.response["Error"]["Code"] == _NOT_FOUND:
                return 0
            raise
        return sum(
            max(variant.get("CurrentInstanceCount", 0), variant.get("DesiredInstanceCount", 0))
            for variant in described.get("ProductionVariants", [])
        )
