"""The queue of one endpoint, and the instances that work on it.

A request waits; if its input lies in S3 it is fetched shortly before its turn, by the I/O threads, so that an
instance never waits for S3; then one of ``instances * concurrency_per_instance`` places works on it. A request is
settled exactly once: by the model's answer, by its time-out, by expiring, or by the server's end.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from math import inf
from typing import TYPE_CHECKING

from localaws.connections import IDLE_SECONDS
from localaws.endpoint.invocations import Load
from localaws.endpoint.outcomes import Failure, expired, timed_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Executor

    from localaws.endpoint.endpoints import Endpoint
    from localaws.endpoint.invocations import InputReader, Instance, Invocation
    from localaws.endpoint.locations import S3Location

logger = logging.getLogger(__name__)


class EndpointQueue:
    """The waiting requests of one endpoint, and the threads that are its instances."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        instance: Instance,
        reader: InputReader,
        io: Executor,
        clock: Callable[[], float],
    ) -> None:
        """Start with the configuration's number of instances and no thread; threads come with the work."""
        self.created = endpoint.created
        self._instance = instance
        self._reader = reader
        self._io = io
        self._clock = clock
        self._instances = endpoint.initial_instances
        self._concurrency = endpoint.concurrency_per_instance
        self._changed = threading.Condition()
        self._unread: deque[tuple[Invocation, S3Location]] = deque()
        # Those of which the input is being read, or is read already.
        self._ahead: set[Invocation] = set()
        self._ready: deque[Invocation] = deque()
        self._running: set[Invocation] = set()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._next_due = inf
        self._closed = False

    def submit(self, invocation: Invocation) -> None:
        """Let a request wait for its turn; its place among others is by arrival, except for inputs from S3."""
        with self._changed:
            if self._closed:
                invocation.done.cancel()
                return
            self._concurrency = invocation.endpoint.concurrency_per_instance
            self._next_due = min(self._next_due, invocation.expires_at)
            if location := invocation.request.input_location:
                self._unread.append((invocation, location))
            else:
                self._ready.append(invocation)
            self._pump()

    def set_instances(self, count: int) -> None:
        """Scale to a number of instances, 0 or more; what is being worked on is finished all the same."""
        with self._changed:
            self._instances = count
            self._pump()

    def load(self) -> Load:
        """Tell how busy the endpoint is right now."""
        with self._changed:
            waiting = self._waiting
            oldest = self._clock() - min(one.received_at for one in waiting) if waiting else 0.0
            return Load(len(waiting), len(self._running), self._instances, oldest)

    def tick(self) -> None:
        """Settle what has waited or worked too long; costs one comparison when nothing is due."""
        now = self._clock()
        if now < self._next_due:
            return
        with self._changed:
            waiting = self._waiting
            stale = [one for one in waiting if one.expires_at <= now]
            late = [one for one in self._running if one.deadline <= now]
            self._forget([*stale, *late])
            due = [one.expires_at for one in waiting if one.expires_at > now]
            self._next_due = min([*due, *(one.deadline for one in self._running)], default=inf)
            self._pump()
        for one in stale:
            one.done.set_result(expired(one.request.ttl_seconds))
        for one in late:
            one.done.set_result(timed_out())

    def lose_all(self) -> None:
        """Cancel everything unsettled, and go on."""
        with self._changed:
            unsettled = [*self._waiting, *self._running]
            self._forget(unsettled)
        for one in unsettled:
            one.done.cancel()

    def close(self) -> None:
        """Cancel everything unsettled and let the threads go; doesn't wait for them, see ``join``."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self.lose_all()

    def join(self, until: float) -> None:
        """Wait for the threads to end, until a moment of ``time.monotonic``; a model may hold one up."""
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                logger.warning("%s is still busy in the model; it ends with the process", thread.name)

    def _forget(self, settled: Iterable[Invocation]) -> None:
        gone = set(settled)
        self._unread = deque(pair for pair in self._unread if pair[0] not in gone)
        self._ready = deque(one for one in self._ready if one not in gone)
        self._ahead -= gone
        self._running -= gone

    @property
    def _waiting(self) -> list[Invocation]:
        return [*(one for one, _ in self._unread), *{*self._ahead, *self._ready}]

    @property
    def _capacity(self) -> int:
        return self._instances * self._concurrency

    @property
    def _has_turn(self) -> bool:
        return bool(self._ready) and len(self._running) < self._capacity

    def _pump(self) -> None:
        """Set in motion whatever may move; called with the lock held, after every change."""
        # Inputs are read no further ahead than the instances could start at once: they may be large.
        while self._unread and len(self._ahead) < self._capacity:
            invocation, location = self._unread.popleft()
            self._ahead.add(invocation)
            self._io.submit(self._read, invocation, location)
        if self._has_turn:
            if self._idle == 0 and not self._closed:
                self._start_thread()
            self._changed.notify()

    def _start_thread(self) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        # A daemon, because a model that never answers must not keep the process from ending.
        thread = threading.Thread(target=self._work, name=f"instance-{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _read(self, invocation: Invocation, location: S3Location) -> None:
        found = self._reader(invocation.endpoint, invocation.request, location)
        with self._changed:
            if invocation not in self._ahead:
                return
            if isinstance(found, Failure):
                self._ahead.discard(invocation)
            else:
                invocation.request = found
                self._ready.append(invocation)
            self._pump()
        if isinstance(found, Failure):
            invocation.done.set_result(found)

    def _work(self) -> None:
        while (invocation := self._next()) is not None:
            outcome = self._instance(invocation.request)
            with self._changed:
                in_time = invocation in self._running
                self._running.discard(invocation)
            if in_time:
                invocation.done.set_result(outcome)

    def _next(self) -> Invocation | None:
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._closed or self._has_turn, IDLE_SECONDS)
            self._idle -= 1
            if self._closed or not self._has_turn:
                return None
            invocation = self._ready.popleft()
            self._ahead.discard(invocation)
            invocation.deadline = self._clock() + invocation.request.timeout_seconds
            self._next_due = min(self._next_due, invocation.deadline)
            self._running.add(invocation)
            self._pump()
            return invocation
