"""What the control plane says about an endpoint."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from localaws.endpoint.requests import ValidationError

if TYPE_CHECKING:
    from datetime import datetime

    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker.type_defs import AsyncInferenceConfigOutputTypeDef
    from types_boto3_sts import STSClient

_REMEMBER_SECONDS = 1.0
# AWS "chooses an optimal value" when the configuration doesn't say; one at a time promises the least.
_DEFAULT_CONCURRENCY = 1


@dataclass(frozen=True, slots=True)
class AsyncOutput:
    """Where an asynchronous endpoint puts what comes of its invocations."""

    output_path: str
    failure_path: str | None
    kms_key_id: str | None
    success_topic: str | None
    error_topic: str | None
    include_response_in_success: bool
    include_response_in_error: bool


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint in service. ``output`` is None for an endpoint that is not asynchronous.

    ``created`` tells it from an earlier endpoint of the same name.
    """

    name: str
    created: datetime
    variant: str
    role_arn: str
    initial_instances: int
    concurrency_per_instance: int
    output: AsyncOutput | None


class ControlPlane:
    """Asks SageMaker's control plane what an endpoint is, and remembers the answer for a second."""

    def __init__(self, sagemaker: SageMakerClient, sts: STSClient) -> None:
        """Take clients of the control plane; nothing is asked yet."""
        self._sagemaker = sagemaker
        self._sts = sts
        self._known: dict[str, tuple[float, Endpoint]] = {}
        self._lock = threading.Lock()

    @cached_property
    def account(self) -> str:
        """The account whose endpoints these are."""
        return self._sts.get_caller_identity()["Account"]

    def endpoint(self, name: str) -> Endpoint:
        """Look an endpoint up; raises ValidationError, worded as AWS words it, if there is none."""
        with self._lock:
            asked_at, endpoint = self._known.get(name, (0.0, None))
            if endpoint is None or time.monotonic() - asked_at > _REMEMBER_SECONDS:
                endpoint = self._describe(name)
                self._known[name] = (time.monotonic(), endpoint)
            return endpoint

    def _describe(self, name: str) -> Endpoint:
        try:
            described = self._sagemaker.describe_endpoint(EndpointName=name)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"ValidationException", "ValidationError"}:
                raise
            raise ValidationError(f"Endpoint {name} of account {self.account} not found.") from error
        config = self._sagemaker.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
        # Traffic splitting is not simulated: the first variant is the endpoint.
        variant = config["ProductionVariants"][0]
        model = self._sagemaker.describe_model(ModelName=variant["ModelName"])
        # The types say it is always there; for a real-time endpoint it isn't.
        asynchronous: AsyncInferenceConfigOutputTypeDef | None = config.get("AsyncInferenceConfig")
        client = asynchronous.get("ClientConfig", {}) if asynchronous else {}
        return Endpoint(
            name=name,
            created=described["CreationTime"],
            variant=variant["VariantName"],
            role_arn=model["ExecutionRoleArn"],
            initial_instances=variant.get("InitialInstanceCount", 1),
            concurrency_per_instance=client.get("MaxConcurrentInvocationsPerInstance", _DEFAULT_CONCURRENCY),
            output=_output(asynchronous) if asynchronous else None,
        )


def _output(config: AsyncInferenceConfigOutputTypeDef) -> AsyncOutput:
    output = config["OutputConfig"]
    notifications = output.get("NotificationConfig", {})
    included = notifications.get("IncludeInferenceResponseIn", [])
    return AsyncOutput(
        output_path=output["S3OutputPath"],
        failure_path=output.get("S3FailurePath"),
        kms_key_id=output.get("KmsKeyId"),
        success_topic=notifications.get("SuccessTopic"),
        error_topic=notifications.get("ErrorTopic"),
        include_response_in_success="SUCCESS_NOTIFICATION_TOPIC" in included,
        include_response_in_error="ERROR_NOTIFICATION_TOPIC" in included,
    )
