"""The threads that read inputs from S3, write outputs there, and tell topics."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


class IoThreads(ThreadPoolExecutor):
    """Threads that can be waited for, but not for ever: what they call may not answer.

    Example:
        >>> io = IoThreads(16)
        >>> io.submit(deliver, outcome)
        >>> io.stop(5.0)
    """

    def __init__(self, threads: int) -> None:
        super().__init__(threads, thread_name_prefix="endpoint-io")
        self._open: set[Future[Any]] = set()

    def submit(self, do: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As any executor."""
        future = super().submit(do, *args, **kwargs)
        self._open.add(future)
        future.add_done_callback(self._open.discard)
        return future

    def stop(self, seconds: float) -> None:
        """Begin nothing more, and wait so long for what is under way; later, threads end with their calls."""
        self.shutdown(wait=False, cancel_futures=True)
        if not wait(self._open.copy(), seconds).not_done:
            self.shutdown()
