"""The stack's functions at work: their workers, and the pollers that bring them messages."""

import logging
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from localaws.access.private import open_log
from localaws.conditions import Conditions
from localaws.credentials import LocalSession, Role
from localaws.functions.forks import ForkServer
from localaws.functions.log_groups import LogShipper
from localaws.functions.mappings import Poller
from localaws.functions.pool import WorkerPool
from localaws.functions.problems import Problems
from localaws.functions.workers import FunctionLog
from localaws.stack import LocalStack

logger = logging.getLogger(__name__)

LogListener = Callable[[str, str], None]

_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


class Functions:
    """Pools and pollers for every function of a stack.

    Example:
        >>> functions = Functions(stack, servers.of, service, endpoints, addresses, Path("logs"), None, Conditions())
        >>> functions.start(set())
        >>> functions.pools["SplitterFunction"].invoke({"Records": []})
    """

    def __init__(  # noqa: PLR0913, PLR0917 # what the cloud is made of
        self,
        stack: LocalStack,
        forks: Mapping[str, ForkServer],
        service: LocalSession,
        endpoints: Mapping[str, str],
        addresses: Mapping[str, str],
        logs: Path,
        on_log: LogListener | None,
        conditions: Conditions,
    ) -> None:
        """Prepare them.

        `forks` go by logical id, `service` is Lambda's own session, `addresses` environment variables that say where
        AWS is.
        """
        self.pools: dict[str, WorkerPool] = {}
        self.queue_urls: set[str] = set()
        self._roles: dict[str, Role] = {}
        self._stack, self._addresses = stack, addresses
        self._logs: list[FunctionLog] = []
        self._pollers: list[Poller] = []
        self._shipper = LogShipper(service)
        problems = Problems()
        mappings = stack.mappings()
        for arn, function in stack.functions.items():
            of_function = [mapping for mapping in mappings if mapping.function_arn == arn]
            role = Role(service, function.role, endpoints)
            session = role.session()
            listeners = [self._shipper.listener(function.log_group, session), problems.listener(function.logical_id)]
            if on_log:
                listeners.append(partial(on_log, function.logical_id))
            log = FunctionLog(open_log(logs / f"{function.logical_id}.log"), *listeners)
            lanes = sum(mapping.lanes for mapping in of_function)
            pool = WorkerPool(function, role, addresses, log, forks[function.logical_id], max(1, lanes), conditions)
            self._logs.append(log)
            self._roles[function.logical_id] = role
            self.pools[function.logical_id] = pool
            for mapping in of_function:
                url = stack.queue_url(mapping.queue_arn)
                self.queue_urls.add(url)
                poller = Poller(mapping, pool, session, service, url, conditions, problems)
                poller.check()
                self._pollers.append(poller)

    def start(self, scheduled: Collection[str]) -> None:
        """Begin to poll. What comes by schedule, to these queues by ARN, can wait for a worker; all else finds one."""
        self._shipper.start()
        for poller in self._pollers:
            poller.start(warm=poller.queue_arn not in scheduled)

    def idle(self, sqs: Any) -> bool:
        """Whether no message waits or is worked on in a queue that a function reads."""
        for url in self.queue_urls:
            counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_COUNTS))["Attributes"]
            if any(int(counts[name]) for name in _COUNTS):
                return False
        return True

    def environments(self) -> dict[str, dict[str, str]]:
        """What each function, by logical id, needs to know and to be wherever it runs: variables, role, addresses."""
        return {
            function.logical_id: {
                **function.variables,
                **self._roles[function.logical_id].keys().environment,
                **self._addresses,
            }
            for function in self._stack.functions.values()
        }

    def end(self) -> None:
        """Take no more messages, and end handlers where they stand; what they had in hand is not deleted."""
        for poller in self._pollers:
            poller.ask_to_stop()
        self._shipper.stop()
        with ThreadPoolExecutor() as several:
            list(several.map(WorkerPool.close, self.pools.values()))

    def join(self) -> None:
        """Wait for the pollers, which may still wait for an answer of SQS, and close the logs."""
        for poller in self._pollers:
            poller.join()
        for log in self._logs:
            log.close()
