"""Executions of handlers, each a greenlet that stands still before every call to AWS.

Whoever owns the schedule switches to one execution at a time, which switches back at its next call or at its end. So
nothing ever runs side by side, and whoever owns the schedule decides every interleaving.
"""

from collections.abc import Callable
from enum import Enum, auto
from typing import Any

import boto3
import boto3.s3.inject
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ReadTimeoutError
from greenlet import getcurrent, greenlet

from localaws.server import put


class Fault(Enum):
    """What may happen to a call to AWS."""

    NONE = auto()
    DIES_BEFORE = auto()
    DIES_AFTER = auto()
    ANSWER_LOST = auto()


class Died(BaseException):  # no error: no handler may catch it
    """The function's process ends here."""


class Execution:
    """One invocation of a function. `call` is the call that it stands before, None once it has ended."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.call: str | None = None
        self.answer: object = None
        self.error: BaseException | None = None
        self._work = work
        self._fault = Fault.NONE
        self._is_dead = False
        self._owner, self._greenlet = getcurrent(), greenlet(self._run)
        self.go_on()

    @property
    def has_ended(self) -> bool:
        """Whether the handler has answered, raised or died."""
        return self.call is None

    def go_on(self, fault: Fault = Fault.NONE) -> None:
        """Let it make the call that it stands before, and run up to the next one."""
        global _at_work  # noqa: PLW0603 # one at a time
        self._fault, _at_work = fault, self
        self._greenlet.switch()
        _at_work = None

    def before(self, call: str) -> None:
        """Stand still; called in its own greenlet."""
        # A dead process makes no calls, whatever the code that its stack unwinds through would like to do.
        if self._is_dead:
            raise Died
        self.call = call
        self._owner.switch()
        if self._fault is Fault.DIES_BEFORE:
            self._die()

    def after(self) -> None:
        """Meet what happens to the answer; called in its own greenlet."""
        if self._fault is Fault.DIES_AFTER:
            self._die()
        if self._fault is Fault.ANSWER_LOST:
            raise ReadTimeoutError(endpoint_url=self.call or "")

    def _die(self) -> None:
        self._is_dead = True
        raise Died

    def _run(self) -> None:
        try:
            self.answer = self._work()
        except BaseException as error:  # noqa: BLE001 # whatever it is, it is the function's
            self.error = error
        self.call = None


_at_work: Execution | None = None


def at_work() -> Execution | None:
    """The execution that runs; None where the simulation itself talks to AWS."""
    return _at_work


def watch_calls() -> None:
    """Make executions stand still before every request of boto3's, and meet their faults after it."""
    events = boto3.DEFAULT_SESSION.events  # type: ignore[union-attr] # the cloud has set it up
    events.register_first("before-send", _before)
    events.register_last("before-send", _after)
    # An upload must call from the execution's own greenlet.
    put(boto3.s3.inject, "TransferConfig", lambda: TransferConfig(use_threads=False))


def _before(event_name: str, **_: Any) -> None:
    if _at_work:
        _at_work.before(event_name.removeprefix("before-send."))


def _after(**_: Any) -> None:
    if _at_work:
        _at_work.after()
