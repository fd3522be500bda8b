"""The cloud the endpoint acts in: an address, a region and a set of keys, from which boto3 clients are made."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, overload

import boto3
from botocore.config import Config

from localaws.access.profiles import session_without_profile

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sts import STSClient

# A session reads each service's description once, which takes longer than anything else here; but making clients of
# one session is not safe in several threads.
_session_lock = threading.Lock()


@cache
def _session() -> boto3.Session:
    return boto3.Session(botocore_session=session_without_profile())


@dataclass(frozen=True, slots=True)
class Cloud:
    """Where to send API calls, and as whom. ``connections`` is how many threads will share a client.

    Example: ``Cloud("http://127.0.0.1:5000", "eu-west-1", "test", "test").client("s3")``.
    """

    url: str
    region: str
    access_key_id: str
    secret_access_key: str
    session_token: str | None = None
    connections: int = 16

    def acting_as(self, access_key_id: str, secret_access_key: str, session_token: str) -> Cloud:
        """Give the same cloud under other keys."""
        return replace(
            self, access_key_id=access_key_id, secret_access_key=secret_access_key, session_token=session_token
        )

    @overload
    def client(self, service: Literal["s3"]) -> S3Client: ...
    @overload
    def client(self, service: Literal["sagemaker"]) -> SageMakerClient: ...
    @overload
    def client(self, service: Literal["sts"]) -> STSClient: ...
    def client(self, service: Any) -> Any:
        """Make a boto3 client; takes some 10 ms when one of the service was made before, and is safe to share."""
        with _session_lock:
            return _session().client(
                service,
                region_name=self.region,
                endpoint_url=self.url,
                aws_access_key_id=self.access_key_id,
                aws_secret_access_key=self.secret_access_key,
                aws_session_token=self.session_token,
                config=self._config(),
            )

    def _config(self) -> Config:
        return Config(
            max_pool_connections=self.connections,
            connect_timeout=5,
            retries={"mode": "standard", "total_max_attempts": 3},
            s3={"addressing_style": "path"},
            # Checksums and parameter validation are over half of a small call's cost, and this is all loopback.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            parameter_validation=False,
            # Whatever proxy the environment names.
            proxies={},
        )
