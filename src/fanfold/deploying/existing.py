"""A stack before its change: whether it may be updated, and what it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from fanfold.deploying.changes import EMPTY, FAILED_FIRST_DEPLOY, HELP
from fanfold.errors import DeployError, StackError
from fanfold.stacks import DENIED, OUTPUTS, make_client, refused_words
from fanfold.terminal import spinner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from boto3 import Session
    from types_boto3_cloudformation import CloudFormationClient

_DELETED_ONLY = {"CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED"}
# How the template describes itself, in each version.
_OURS = "Fanfold:"


@dataclass(frozen=True, slots=True)
class Existing:
    """What a stack has before a deploy: the values of its parameters, and its tags."""

    parameters: Mapping[str, str]
    tags: Mapping[str, str]


def find_existing(session: Session, name: str) -> Existing | None:
    """The stack of this name, which is there to be updated; None if a deploy would create it.

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
    if not _is_ours(stack) and (status != EMPTY or stack.get("Description")):
        raise DeployError(
            f"stack {name} is not a Fanfold stack; a deploy would remove what it has: choose another name"
        )
    if status == EMPTY:
        return None
    if status == FAILED_FIRST_DEPLOY:
        _delete_empty(client, name, stack["StackId"])
        return None
    if status.endswith("_IN_PROGRESS"):
        raise DeployError(f"stack {name} is at work ({status}): deploy when it has finished")
    if status in _DELETED_ONLY:
        raise DeployError(f"stack {name} cannot be updated ({status}): delete it, and deploy again; {HELP}")
    if status.endswith("_FAILED"):
        raise DeployError(f"the last deploy of stack {name} failed, and so did the way back ({status}): {HELP}")
    return Existing(
        {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", ())},
        {one["Key"]: one["Value"] for one in stack.get("Tags", ())},
    )


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
