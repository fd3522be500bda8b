"""A stack before, in and after its change, as CloudFormation tells of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from fanfold.errors import DeployError, StackError
from fanfold.stacks import DENIED, OUTPUTS, make_client, refused_words
from fanfold.terminal import spinner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from boto3 import Session
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import ParameterTypeDef

# The transform makes roles, and is itself a macro.
CAPABILITIES: Final = ("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")
HELP = "see docs/operations.md, “When a deploy fails”"
# A change set of a stack that isn't there makes one, which is empty until the change set is executed.
_EMPTY = "REVIEW_IN_PROGRESS"
_FAILED_FIRST_DEPLOY = "ROLLBACK_COMPLETE"
_DELETED_ONLY = {"CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED"}
# How the template describes itself, in each version.
_OURS = "Fanfold:"
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


def find_parameters(session: Session, name: str) -> dict[str, str] | None:
    """The parameters of the stack of this name, which is there to be updated; None if a deploy would create it.

    What a first deploy that failed has left, which is empty, is deleted.

    Raises:
        StackError: it cannot be looked up.
        DeployError: it is another program's, at work, or in need of help.
    """
    try:
        client = make_client(session, "cloudformation")
        (stack,) = client.describe_stacks(StackName=name)["Stacks"]
    except (ClientError, BotoCoreError) as error:
        if _is_missing(error):
            return None
        raise StackError(f"stack {name}: {refused_words(error)}") from error
    status = stack["StackStatus"]
    # One that is empty need not say yet what it will be.
    if not _is_ours(stack) and (status != _EMPTY or stack.get("Description")):
        raise DeployError(
            f"stack {name} is not a Fanfold stack; a deploy would remove what it has: choose another name"
        )
    if status == _EMPTY:
        return None
    if status == _FAILED_FIRST_DEPLOY:
        _delete_empty(client, name, stack["StackId"])
        return None
    if status.endswith("_IN_PROGRESS"):
        raise DeployError(f"stack {name} is at work ({status}): deploy when it has finished")
    if status in _DELETED_ONLY:
        raise DeployError(f"stack {name} cannot be updated ({status}): delete it, and deploy again; {HELP}")
    if status.endswith("_FAILED"):
        raise DeployError(f"the last deploy of stack {name} failed, and so did the way back ({status}): {HELP}")
    return {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", ())}


def find_defaults(session: Session, name: str) -> dict[str, str]:
    """The defaults of a stack's parameters in its own template; none if they may not be read."""
    try:
        summary = make_client(session, "cloudformation").get_template_summary(StackName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] in DENIED:
            return {}
        raise StackError(f"stack {name}: {refused_words(error)}") from error
    return {one["ParameterKey"]: one["DefaultValue"] for one in summary["Parameters"] if "DefaultValue" in one}


def _is_missing(error: ClientError | BotoCoreError) -> bool:
    """Whether CloudFormation says that there is no such stack."""
    if not isinstance(error, ClientError):
        return False
    refusal = error.response["Error"]
    return refusal["Code"] == "ValidationError" and "does not exist" in refusal["Message"]


def _is_ours(stack: Mapping[str, Any]) -> bool:
    """By its description, or by its outputs, where somebody has given it another; one that failed at first has none."""
    outputs = {output["OutputKey"] for output in stack.get("Outputs", ())}
    return stack.get("Description", "").startswith(_OURS) or outputs.issuperset(OUTPUTS)


def _delete_empty(client: CloudFormationClient, name: str, stack: str) -> None:
    """Delete what a first deploy that failed has left."""
    with spinner("deleting the empty stack that a failed deploy has left"):
        client.delete_stack(StackName=stack)
        try:
            client.get_waiter("stack_delete_complete").wait(StackName=stack)
        except WaiterError as error:
            words = f"stack {name}, which a failed deploy has left, could not be deleted: {error}; {HELP}"
            raise DeployError(words) from error


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
        *,
        is_new: bool,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Self | None:
        """What a template and parameters would change; None if nothing.

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
        if stack["StackStatus"] != _EMPTY:
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
        _FAILED_FIRST_DEPLOY: "All that was created is removed again",
        "UPDATE_ROLLBACK_COMPLETE": "The stack is as it was before",
    }
    return DeployError(f"the deploy of stack {stack} failed:{words}\n{ends.get(last, f'The stack is {last}')}; {HELP}")
