"""A deployed stack, or the local cloud's: where its buckets and its ledger are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from botocore.exceptions import BotoCoreError, ClientError

from fanfold.errors import StackError

if TYPE_CHECKING:
    from boto3 import Session


@dataclass(frozen=True, slots=True)
class Stack:
    """The parts of a stack that its users touch."""

    session: Session
    input_bucket: str
    output_bucket: str
    ledger_table: str

    @classmethod
    def find(cls, session: Session, name: str) -> Self:
        """The stack of this name; `StackError` says what to do if it can't be read."""
        try:
            stacks = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            raise StackError(
                f"stack {name}: {error.response['Error']['Message']}; see `aws cloudformation list-stacks`"
            ) from error
        except BotoCoreError as error:
            raise StackError(f"stack {name} cannot be looked up: {error}") from error
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", ())}
        try:
            return cls(session, outputs["InputBucket"], outputs["OutputBucket"], outputs["LedgerTable"])
        except KeyError as error:
            raise StackError(f"stack {name} has no output {error}: is it a stack of Fanfold?") from error
