"""The local cloud: everything started, put together, and ended."""

import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from localaws import properties, template
from localaws.access.private import open_log, temporary_folder
from localaws.access.profiles import read_descriptions
from localaws.conditions import Conditions
from localaws.credentials import LocalSession
from localaws.functions.preloading import ForkServers
from localaws.functions.runtime import Functions, LogListener
from localaws.lifetime import Lifetime
from localaws.schedules import Scheduler
from localaws.services import Services
from localaws.stack import LocalStack

logger = logging.getLogger(__name__)

# What a start calls.
_CALLED = ("cloudformation", "events", "lambda", "logs", "sagemaker", "sqs", "sts")


class LocalCloud(Lifetime):
    """The whole system on this machine, as template.yaml describes it.

    Example:
        >>> with LocalCloud(root) as cloud:
        ...     cloud.session().client("s3").upload_file("tweets.csv", cloud.outputs["InputBucket"], "tweets.csv")
        ...     cloud.wait_idle(60)
    """

    def __init__(  # noqa: PLR0913 # each has a default
        self,
        root: Path,
        *,
        stack_name: str = "fanfold",
        port: int = 0,
        endpoint_port: int = 0,
        model: str | Callable[..., Any] = "vader",
        container: str | None = None,
        parameters: Mapping[str, str] | None = None,
        log_dir: Path | None = None,
        on_log: LogListener | None = None,
        run_functions: bool = True,
        scaling_speed: float = 0,
        on_scaling: Callable[[str], None] = logger.info,
        conditions: Conditions | None = None,
    ) -> None:
        """Take what to start; nothing starts before `start`.

        Args:
            root: folder of template.yaml.
            stack_name: what CloudFormation knows the stack by.
            port: where AWS will be, on 127.0.0.1; 0 for any.
            endpoint_port: likewise the SageMaker runtime.
            model: what the endpoint runs, see `localaws.endpoint.load_model`.
            container: Python of an environment that has Hugging Face's inference container installed, in which a
                folder's model then runs, see `localaws.endpoint.models.ModelServer`.
            parameters: values of the template's parameters. HfTask is also the task that a folder's model is used for,
                by default what it was saved for.
            log_dir: where logs go, server.log, functions.log and <function>.log; by default a folder that `stop`
                removes.
            on_log: is called with a function's logical id and a line of its log, from other threads.
            run_functions: whether queues are read; if not, functions run by `invoke` only, or by somebody else.
            scaling_speed: how many times faster than real the endpoint scales; 0: it keeps its instances.
            on_scaling: is called with a line whenever it does, from another thread.
            conditions: what goes wrong by itself, see `localaws.chaos`; by default nothing.
        """
        self._root = root
        self.stack_name = stack_name
        self._ports = (port, endpoint_port)
        self._model, self._container = model, container
        self._conditions = conditions or Conditions()
        self._parameters = {**self._conditions.parameters, **(parameters or {})}
        self._log_dir = log_dir
        self._on_log = on_log
        self._run_functions = run_functions
        self._scaling_speed = scaling_speed
        self._on_scaling = on_scaling
        self._running = contextlib.ExitStack()

    def start(self) -> None:
        """Start everything, in about two seconds. Whatever goes wrong, or Ctrl-C, ends what was started.

        Raises:
            TemplateError: the template or a parameter is not valid, or beyond the local cloud.
            PortInUseError: a port is another program's.
            ModelUnavailableError: there is no such model.
            StackError: the stack couldn't be created.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything and remove what is temporary. May be called again, or when nothing runs."""
        self._running.close()

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables under which any AWS tool talks to the local cloud, as its administrator."""
        return self._services.environment

    @property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs."""
        return self._stack.outputs

    def session(self) -> LocalSession:
        """A boto3 session as the administrator, whose clients talk to the local cloud."""
        return self._services.session()

    def function_environments(self) -> dict[str, dict[str, str]]:
        """Environment variables under which a function, by logical id, runs outside of the local cloud's workers."""
        return self._functions.environments()

    def invoke(self, logical_id: str, event: object) -> object:
        """Invoke a function, by logical id, as Lambda would; raises FunctionError, or KeyError for an unknown one."""
        return self._functions.pools[logical_id].invoke(event)

    def idle(self) -> bool:
        """Whether no message waits or is worked on in a queue that a function reads, nor a request in an endpoint."""
        endpoints = self.session().client("sagemaker").list_endpoints()["Endpoints"]
        for load in (self._services.endpoint.load(endpoint["EndpointName"]) for endpoint in endpoints):
            if load.waiting or load.running:
                return False
        return self._functions.idle(self.session().client("sqs"))

    def wait_idle(self, seconds: float) -> bool:
        """Wait until `idle`, for so many seconds at most; whether it is.

        An answer on its way from the endpoint to its topic isn't seen for some milliseconds.
        """
        deadline = time.monotonic() + seconds
        while not (is_idle := self.idle()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return is_idle

    def _start(self) -> None:
        started = time.monotonic()
        logs = self._log_dir or self._running.enter_context(temporary_folder())
        port, endpoint_port = self._ports
        self._services = Services(
            self._model,
            logs,
            task=self._parameters.get("HfTask"),
            container=self._container,
            port=port,
            endpoint_port=endpoint_port,
            conditions=self._conditions,
        )
        self._running.callback(self._services.stop)
        self._services.begin()
        checked = template.load(self._root, self._parameters)
        properties.check(checked)
        # While the server starts: their imports take a processor as long as its own.
        forks = ForkServers(checked.functions, self._running.enter_context(open_log(logs / "functions.log")))
        self._running.callback(forks.stop)
        if self._run_functions:
            forks.start()
        read_descriptions(_CALLED)
        self._services.wait_ready(checked.container_environment())
        self._stack = LocalStack.create(self.session(), self.stack_name, checked)
        self._functions = Functions(
            self._stack,
            forks.of,
            self._services.session("lambda.amazonaws.com"),
            self._services.endpoints,
            self._services.addresses,
            logs,
            self._on_log,
            self._conditions,
        )
        # Workers end before the services that they call, whose end ends what the pollers wait for.
        self._running.callback(self._functions.join)
        self._running.callback(self._services.stop)
        self._running.callback(self._functions.end)
        scheduler = Scheduler(self.session())
        self._running.callback(scheduler.stop)
        if self._run_functions:
            self._functions.start(scheduler.queue_arns)
            self._conditions.begin(self._services.endpoint)
            self._running.callback(self._conditions.end)
            scheduler.start()
        if self._scaling_speed:
            self._services.simulate_scaling(self._scaling_speed, self._on_scaling)
        logger.info("started in %.1f s: %s", time.monotonic() - started, self._services.addresses["AWS_ENDPOINT_URL"])
