"""AWS's services on this machine, with nothing in them yet."""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from localaws.access.guard import Guard
from localaws.access.private import make_folder, open_log
from localaws.autoscaling import ScalingSimulation
from localaws.conditions import Conditions
from localaws.connections import raise_file_limit
from localaws.credentials import LocalSession
from localaws.endpoint.cloud import Cloud
from localaws.endpoint.models import serving
from localaws.endpoint.server import AsyncEndpointServer
from localaws.errors import PortInUseError
from localaws.server.process import ServerProcess
from localaws.template import REGION


class Services:
    """The server process that stands in for AWS, and the SageMaker runtime, which runs the model in this process.

    Example:
        >>> services = Services("vader", Path("logs"))
        >>> services.begin()
        >>> services.wait_ready()
        >>> services.session().client("s3").list_buckets()["Buckets"]
        []
    """

    def __init__(  # noqa: PLR0913 # all but two have a default
        self,
        model: str | Callable[..., Any],
        logs: Path,
        *,
        task: str | None = None,
        container: str | None = None,
        port: int = 0,
        endpoint_port: int = 0,
        conditions: Conditions | None = None,
    ) -> None:
        """Take what to start, see `localaws.cloud.LocalCloud`; nothing starts before `begin`."""
        self._model, self._task, self._container = model, task, container
        self._logs = logs
        self._port, self._endpoint_port = port, endpoint_port
        self._conditions = conditions or Conditions()
        self._running = contextlib.ExitStack()
        self._sessions: dict[str | None, LocalSession] = {}

    def begin(self) -> None:
        """Start the server process; until `wait_ready`, there is time for something else."""
        raise_file_limit()
        make_folder(self._logs)
        log = self._running.enter_context(open_log(self._logs / "server.log"))
        self._server = ServerProcess(self._port, log)
        self._running.callback(self._server.stop)

    def wait_ready(self, environment: Mapping[str, str] | None = None) -> None:
        """Load the model, start the runtime, and wait until everything serves: about two seconds, and the model's.

        `environment` is that of the endpoint's container.

        Raises:
            PortInUseError: a port is another program's.
            ModelUnavailableError: there is no such model.
        """
        served = serving(
            self._model, self._logs, task=self._task, container=self._container, environment=environment or {}
        )
        model = self._conditions.model(self._running.enter_context(served))
        self._server.wait_ready()
        keys = self._server.services["sagemaker.amazonaws.com"]
        self.endpoint = AsyncEndpointServer(
            model,
            cloud=Cloud(self._server.url, REGION, keys.access_key_id, keys.secret_access_key),
            calls=self._server,
            guard=Guard(self._server.find_keys),
            port=self._endpoint_port,
            service_time=self._conditions.service_time,
            gets_lost=self._conditions.gets_lost,
        )
        try:
            self.endpoint.start()
        except OSError as error:
            raise PortInUseError(str(error)) from error
        # Before the server, or what it delivers fails.
        self._running.callback(self.endpoint.stop)
        self.addresses = {
            "AWS_ENDPOINT_URL": self._server.url,
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": self.endpoint.url,
        }
        self.endpoints = {"": self._server.url, "sagemaker-runtime": self.endpoint.url}

    def simulate_scaling(self, speed: float, listener: Callable[[str], None]) -> None:
        """Let endpoints scale so many times faster than real; `listener` gets a line whenever one does."""
        scaling = ScalingSimulation(self.session(), self.endpoint, self._server.set_instances, speed, listener)
        scaling.start()
        self._running.callback(scaling.stop)

    def stop(self) -> None:
        """End everything. May be called again, or when nothing runs."""
        self._running.close()

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables under which any AWS tool talks to these services, as their administrator."""
        regions = {"AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION}
        return {**self.addresses, **self._server.admin.environment, **regions, **self._past_proxies()}

    def _past_proxies(self) -> dict[str, str]:
        """Variables that lead tools past the proxies of this environment, if it has any, to these services only."""
        proxies, host = getproxies(), str(urlsplit(self._server.url).hostname)
        others = [other.strip() for other in proxies.pop("no", "").split(",")]
        if not proxies or proxy_bypass(host):
            return {}
        # Some tools read the one, some the other.
        return dict.fromkeys(("no_proxy", "NO_PROXY"), ",".join(filter(None, [*others, host])))

    def session(self, service: str | None = None) -> LocalSession:
        """The boto3 session of the administrator, or of a service such as `lambda.amazonaws.com`."""
        if service not in self._sessions:
            keys = self._server.services[service] if service else self._server.admin
            self._sessions[service] = LocalSession(self.endpoints, keys)
        return self._sessions[service]
