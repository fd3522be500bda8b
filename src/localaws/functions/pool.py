"""The workers of one function: started when needed, ended when idle, replaced when lost or when their keys get old."""

import threading
from collections.abc import Callable, Mapping

from localaws.conditions import Conditions
from localaws.connections import explained
from localaws.credentials import Role
from localaws.functions.forks import ForkServer
from localaws.functions.workers import Function, FunctionError, FunctionLog, Worker, WorkerLostError

# A worker takes that long to start: one that is done by then can do the work of another.
_PATIENCE_SECONDS = 0.1


class WorkerPool:
    """Runs invocations of a function in at most `limit` workers at once.

    Example:
        >>> pool = WorkerPool(function, role, endpoints, log, forks, 2, Conditions())
        >>> pool.invoke({"Records": []})
        {'batchItemFailures': []}
    """

    def __init__(  # noqa: PLR0913, PLR0917 # what a worker is made of, and how many under which conditions
        self,
        function: Function,
        role: Role,
        endpoints: Mapping[str, str],
        log: FunctionLog,
        forks: ForkServer,
        limit: int,
        conditions: Conditions,
    ) -> None:
        self.function = function
        self._forks = forks
        self._conditions = conditions
        self._start: Callable[[], Worker] = lambda: Worker(function, role.keys(), endpoints, log, forks)
        self._slots = threading.Semaphore(limit)
        self._lock = threading.Condition()
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._closed = False

    def warm(self) -> None:
        """Have one worker ready before the first invocation; raises FunctionError."""
        with self._slots:
            self._give_back(self._take())

    def invoke(self, event: object) -> object:
        """Run the handler with `event`; what it returned, as JSON would have it.

        Raises:
            FunctionError: it raised, timed out, died, or couldn't be loaded.
        """
        with self._slots:
            worker = self._take()
            try:
                with self._conditions.invoking(worker):
                    result = worker.invoke(event)
            except WorkerLostError:
                self._drop(worker)
                raise
            except FunctionError:
                self._give_back(worker)
                raise
            self._give_back(worker)
            return result

    def trim(self) -> None:
        """End the workers that have nothing to do, but for one: together they take more memory than all else."""
        with self._lock:
            spare, self._idle = self._idle[:-1], self._idle[-1:]
        for worker in spare:
            self._drop(worker)

    def close(self) -> None:
        """End all workers; an invocation that is under way fails."""
        with self._lock:
            self._closed = True
            workers = list(self._all)
        for worker in workers:
            worker.kill()

    def _take(self) -> Worker:
        with self._lock:
            if self._all and not self._closed:
                self._lock.wait_for(lambda: self._idle or self._closed, _PATIENCE_SECONDS)
            if self._closed:
                raise FunctionError(f"{self.function.logical_id}: the local cloud is stopping.")
            if self._idle:
                return self._idle.pop()
            try:
                worker = self._start()
            except OSError as error:
                raise FunctionError(
                    f"{self.function.logical_id}: its worker cannot be started: {explained(error)}"
                ) from error
            self._all.add(worker)
        try:
            worker.wait_ready()
        except FunctionError:
            self._drop(worker)
            raise
        return worker

    def _give_back(self, worker: Worker) -> None:
        if not worker.keys.fresh:
            self._drop(worker)
            return
        with self._lock:
            self._idle.append(worker)
            self._lock.notify()

    def _drop(self, worker: Worker) -> None:
        worker.kill()
        with self._lock:
            self._all.discard(worker)
