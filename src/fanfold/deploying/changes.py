"""A stack in and after its change, as CloudFormation tells of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from botocore.exceptions import ClientError

from fanfold.errors import DeployError
from fanfold.stacks import make_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from boto3 import Session
    from types_boto3_cloudformation.type_defs import ParameterTypeDef, TagTypeDef

# The transform makes roles, and is itself a macro.
CAPABILITIES: Final = ("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")
HELP = "see docs/operations.md, “When a deploy fails”"
# A change set of a stack that isn't there makes one, which is empty until the change set is executed.
EMPTY: Final = "REVIEW_IN_PROGRESS"
FAILED_FIRST_DEPLOY: Final = "ROLLBACK_COMPLETE"
_SUCCEEDED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
_NO_CHANGE = ("didn't contain changes", "No updates are to be performed")
_CANCELLED = ("Resource creation cancelled", "Resource update cancelled")
# What takes most away stands first.
_ORDER = ("remove", "leave", "replace", "may replace", "modify", "add")


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to a resource: one of `_ORDER`. What is left stays in the account, without its stack."""

    what: str
    type: str
    name: str

    @classmethod
    def of(cls, change: Mapping[str, Any]) -> Self:
        """As a change set describes it."""
        match change:
            case {"Action": "Modify", "Replacement": "True"}:
                what = "replace"
            case {"Action": "Modify", "Replacement": "Conditional"}:
                what = "may replace"
            case {"Action": "Remove", "PolicyAction": "Retain"}:
                what = "leave"
            case _:
                what = change["Action"].lower()
        return cls(what, change["ResourceType"], change["LogicalResourceId"])

    @property
    def rank(self) -> int:
        """Where it stands in a list."""
        return _ORDER.index(self.what) if self.what in _ORDER else 0


@dataclass(frozen=True, slots=True)
class Event:
    """What CloudFormation has done with a resource, or with the whole stack."""

    status: str
    type: str
    name: str
    reason: str
    is_of_stack: bool

    @property
    def is_over(self) -> bool:
        """Whether nothing follows for now."""
        return not self.status.endswith("_IN_PROGRESS")


class ChangeSet:
    """What a deploy would change, until it is executed or discarded."""

    def __init__(
        self, client: Any, change_set: str, stack: str, *, is_new: bool, sleep: Callable[[float], None]
    ) -> None:
        self._client, self._is_new, self._sleep = client, is_new, sleep
        self.id, self.stack = change_set, stack
        self.changes: Sequence[Change] = ()
        self._told: set[str] = set()

    @classmethod
    def create(  # noqa: PLR0913 # each has a name
        cls,
        session: Session,
        stack: str,
        template_url: str,
        parameters: Sequence[ParameterTypeDef],
        tags: Sequence[TagTypeDef],
        *,
        is_new: bool,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Self | None:
        """What a template, parameters and tags would change; None if nothing.

        Raises:
            DeployError: CloudFormation refuses template or parameters; nothing is left of the attempt.
        """
        client = make_client(session, "cloudformation")
        try:
            answer = client.create_change_set(
                StackName=stack,
                ChangeSetName=f"fanfold-{time.time_ns():x}",
                ChangeSetType="CREATE" if is_new else "UPDATE",
                TemplateURL=template_url,
                Parameters=parameters,
                Tags=tags,
                Capabilities=CAPABILITIES,
            )
        except ClientError as error:
            raise DeployError(f"CloudFormation refuses this deploy: {error.response['Error']['Message']}") from error
        found = cls(client, answer["Id"], answer["StackId"], is_new=is_new, sleep=sleep)
        reason = found._wait()
        if reason is None:
            return found
        found.discard()
        if any(words in reason for words in _NO_CHANGE):
            return None
        raise DeployError(f"CloudFormation refuses this deploy, and nothing was changed: {reason}; {HELP}")

    def _wait(self) -> str | None:
        """Wait for the changes; why there are none, else."""
        while True:
            pages = list(self._client.get_paginator("describe_change_set").paginate(ChangeSetName=self.id))
            status = pages[0]["Status"]
            if status == "CREATE_COMPLETE":
                changes = (Change.of(change["ResourceChange"]) for page in pages for change in page["Changes"])
                self.changes = sorted(changes, key=lambda it: (it.rank, it.type, it.name))
                return None
            if status == "FAILED":
                return str(pages[0].get("StatusReason", status))
            self._sleep(2)

    def discard(self) -> None:
        """Change nothing; a stack that was made for the change set, and is nobody else's by now, goes with it."""
        self._client.delete_change_set(ChangeSetName=self.id)
        if self._is_new and self._is_unused():
            self._client.delete_stack(StackName=self.stack)

    def _is_unused(self) -> bool:
        """Whether the stack is still empty, and no other change set waits to fill it."""
        (stack,) = self._client.describe_stacks(StackName=self.stack)["Stacks"]
        if stack["StackStatus"] != EMPTY:
            return False
        pages = self._client.get_paginator("list_change_sets").paginate(StackName=self.stack)
        return all(other["ChangeSetId"] == self.id for page in pages for other in page["Summaries"])

    def execute(self) -> None:
        """Begin the change."""
        self._told = {event["EventId"] for page in self._pages() for event in page}
        self._client.execute_change_set(ChangeSetName=self.id)

    def events(self) -> Iterator[Event]:
        """What happens from `execute` on, until the change is over."""
        is_over = False
        while not is_over:
            for event in self._new_events():
                yield event
                is_over |= event.is_of_stack and event.is_over
            if not is_over:
                self._sleep(5)

    def _new_events(self) -> list[Event]:
        """Those that were not told yet, the oldest first."""
        found: list[Mapping[str, Any]] = []
        for page in self._pages():
            new = [event for event in page if event["EventId"] not in self._told]
            found += new
            if len(new) < len(page):
                break
        self._told |= {event["EventId"] for event in found}
        return [
            Event(
                one["ResourceStatus"],
                one["ResourceType"],
                one["LogicalResourceId"],
                one.get("ResourceStatusReason", ""),
                one["PhysicalResourceId"] == self.stack,
            )
            for one in reversed(found)
        ]

    def _pages(self) -> Iterator[list[Mapping[str, Any]]]:
        """All events of the stack, the latest first."""
        for page in self._client.get_paginator("describe_stack_events").paginate(StackName=self.stack):
            yield page["StackEvents"]

    def outputs(self) -> dict[str, str]:
        """The stack's outputs."""
        (stack,) = self._client.describe_stacks(StackName=self.stack)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())}


def failure(stack: str, events: Iterable[Event]) -> DeployError | None:
    """Why a deploy has failed, the first cause first; None if it has not."""
    told = list(events)
    # Where several events are of one moment, that of the stack need not be the last.
    (*_, last) = (event.status for event in told if event.is_of_stack and event.is_over)
    if last in _SUCCEEDED:
        return None
    failed = [event for event in told if event.status.endswith("_FAILED") and not event.is_of_stack]
    causes = [event for event in failed if not event.reason.startswith(_CANCELLED)]
    # Of a stack as a whole, such as one that took too long, no resource is to blame.
    causes = causes or [event for event in told if event.is_of_stack and "ROLLBACK" in event.status and event.reason]
    words = "".join(f"\n  {event.name} ({event.type}): {event.reason}" for event in causes)
    ends = {
        FAILED_FIRST_DEPLOY: "All that was created is removed again",
        "UPDATE_ROLLBACK_COMPLETE": "The stack is as it was before",
    }
    return DeployError(f"the deploy of stack {stack} failed:{words}\n{ends.get(last, f'The stack is {last}')}; {HELP}")
