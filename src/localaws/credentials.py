"""Who calls: keys, sessions that send their calls to the local cloud, and roles to act in."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import RefreshableCredentials

from localaws.access.profiles import session_without_profile
from localaws.template import REGION

# Keys with less time left than this are replaced.
MARGIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys as AWS gives them; a user's have no `token`, and never expire."""

    access_key_id: str
    secret_access_key: str
    token: str = ""
    expires: datetime | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The keys as environment variables."""
        named = {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": self.token,
        }
        return {name: value for name, value in named.items() if value}

    @property
    def fresh(self) -> bool:
        """Whether they will be valid for a while."""
        return self.expires is None or self.expires - datetime.now(UTC) > MARGIN


class LocalSession(boto3.Session):
    """A boto3 session whose clients and resources talk to the local cloud.

    Example:
        >>> LocalSession({"": url}, keys).client("s3").list_buckets()
    """

    def __init__(self, endpoints: Mapping[str, str], keys: Keys, core: botocore.session.Session | None = None) -> None:
        """Take URLs by service name, "" for every other service."""
        named = {} if core else {name.lower(): value for name, value in keys.environment.items()}
        core = core or session_without_profile()
        # Whatever proxy the environment names: what is on this machine is reached without one.
        core.set_default_client_config(Config(proxies={}))
        super().__init__(botocore_session=core, region_name=REGION, **named)
        self._endpoints = endpoints
        # Threads may share a client, but not make one at once.
        self._lock = threading.RLock()
        self._clients: dict[str, Any] = {}

    def client(self, service_name: str, *args: Any, **options: Any) -> Any:
        """A client, see boto3; without options always the same one."""
        is_plain = not args and not options
        options.setdefault("endpoint_url", self._endpoints.get(service_name, self._endpoints[""]))
        with self._lock:
            if is_plain and service_name in self._clients:
                return self._clients[service_name]
            made = super().client(service_name, *args, **options)  # type: ignore[call-overload]
            if is_plain:
                self._clients[service_name] = made
            return made

    def resource(self, service_name: str, *args: Any, **options: Any) -> Any:
        """A resource, see boto3."""
        options.setdefault("endpoint_url", self._endpoints.get(service_name, self._endpoints[""]))
        return super().resource(service_name, *args, **options)  # type: ignore[call-overload]


class Role:
    """A role that a service acts in; its keys are replaced before they expire."""

    def __init__(self, service: LocalSession, arn: str, endpoints: Mapping[str, str]) -> None:
        self._service = service
        self._arn = arn
        self._endpoints = endpoints
        self._lock = threading.Lock()
        self._keys: Keys | None = None

    def keys(self) -> Keys:
        """Keys that are valid for a while.

        Raises:
            ClientError: AccessDenied, if the role doesn't trust the service.
        """
        with self._lock:
            if self._keys is None or not self._keys.fresh:
                sts = self._service.client("sts")
                answer = sts.assume_role(RoleArn=self._arn, RoleSessionName=self._arn.rpartition("/")[2][:64])
                given = answer["Credentials"]
                self._keys = Keys(
                    given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], given["Expiration"]
                )
            return self._keys

    def session(self) -> LocalSession:
        """A session that acts in the role for as long as it lives."""
        core = session_without_profile()
        core._credentials = RefreshableCredentials.create_from_metadata(  # type: ignore[attr-defined] # noqa: SLF001 # botocore has no other way to give it these
            self._metadata(), refresh_using=self._metadata, method="local-cloud"
        )
        return LocalSession(self._endpoints, self.keys(), core)

    def _metadata(self) -> dict[str, str]:
        keys = self.keys()
        return {
            "access_key": keys.access_key_id,
            "secret_key": keys.secret_access_key,
            "token": keys.token,
            "expiry_time": str(keys.expires),
        }
