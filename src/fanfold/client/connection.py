"""What a client and its copies share: a stack, or a local cloud of its own, and clients of boto3 for their options."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

from botocore.config import Config

from fanfold.errors import LocalStartError
from fanfold.stacks import Stack
from fanfold.terminal import spinner
from localaws.errors import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Callable

    import boto3

    from localaws.cloud import LocalCloud

# Connections are kept for so many options, the latest: who has another time-out for each call has no more of them.
_MOST_KEPT = 8


@dataclass(frozen=True, slots=True)
class CallOptions:
    """Time-outs and retries of calls to AWS where they aren't as the client's config says.

    >>> CallOptions(timeout=5).with_other(max_retries=0)
    CallOptions(timeout=5, max_retries=0)
    """

    timeout: float | None = None
    max_retries: int | None = None

    def __post_init__(self) -> None:
        if self.timeout is not None:
            if not _is_number(self.timeout, int | float):
                raise TypeError(f"timeout must be a number of seconds, not {self.timeout!r}")
            if not (self.timeout > 0 and isfinite(self.timeout)):
                raise ValueError(f"timeout must be more than 0 seconds, and finite, not {self.timeout!r}")
        if self.max_retries is not None:
            if not _is_number(self.max_retries, int):
                raise TypeError(f"max_retries must be a whole number, not {self.max_retries!r}")
            if self.max_retries < 0:
                raise ValueError(f"max_retries must be 0 or more, not {self.max_retries!r}")

    def with_other(self, *, timeout: float | None = None, max_retries: int | None = None) -> Self:
        """The same options, with those of these that are given."""
        return replace(
            self,
            timeout=self.timeout if timeout is None else timeout,
            max_retries=self.max_retries if max_retries is None else max_retries,
        )

    def over(self, config: Config | None) -> Config | None:
        """A config of boto3 with these options; the rest of it stays, as does the mode of its retries."""
        whole: Any = config or Config()
        own: dict[str, Any] = {}
        if self.timeout is not None:
            own |= {"connect_timeout": self.timeout, "read_timeout": self.timeout}
        if self.max_retries is not None:
            # boto3 takes it before the `max_attempts` that the config may have.
            own["retries"] = {**(whole.retries or {}), "total_max_attempts": self.max_retries + 1}
        changed: Config = whole.merge(Config(**own))
        return changed if own else config


def _is_number(value: object, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


class Connection:
    """A stack that is looked up once, or a local cloud that is started once, whichever client asks for it first."""

    def __init__(
        self,
        name: str,
        session: boto3.Session | None,
        config: Config | None,
        make_cloud: Callable[[], LocalCloud] | None,
    ) -> None:
        """Take the name of a stack, or what makes a local cloud; nothing is looked up or started yet."""
        self._name, self._session, self._config = name, session, config
        self._make_cloud = make_cloud
        self._cloud: LocalCloud | None = None
        # The one last used is the last.
        self._stacks: dict[CallOptions, Stack] = {}
        # Two threads that need the stack at once have one local cloud.
        self._connecting = Lock()

    def stack(self, options: CallOptions) -> Stack:
        """The stack, which is asked with these options; errors are those of `Fanfold.stack`."""
        with self._connecting:
            if options in self._stacks:
                found = self._stacks.pop(options)
            elif self._stacks:
                found = replace(next(iter(self._stacks.values())), config=options.over(self._config))
            else:
                found = self._connect(options.over(self._config))
            self._stacks[options] = found
            if len(self._stacks) > _MOST_KEPT:
                # Whoever has it, as a job, keeps it.
                del self._stacks[next(iter(self._stacks))]
            return found

    def _connect(self, config: Config | None) -> Stack:
        if self._make_cloud is None:
            return Stack.find(self._session, self._name, config)
        self._cloud = self._make_cloud()
        try:
            with spinner("starting the local cloud"):
                self._cloud.start()
        except LocalCloudError as error:
            raise LocalStartError(str(error)) from error
        try:
            return Stack.find(self._cloud.session(), self._cloud.stack_name, config)
        except BaseException:
            # Who does not get to enter the client cannot close it.
            self._cloud.stop()
            raise

    def close(self) -> None:
        """Close connections and end the local cloud, if one was started."""
        with self._connecting:
            for stack in self._stacks.values():
                stack.close()
            if self._cloud is not None:
                with spinner("stopping the local cloud"):
                    self._cloud.stop()
            self._stacks, self._cloud = {}, None
