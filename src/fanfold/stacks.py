"""A deployed stack, or the local cloud's: where its buckets and its ledger are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from botocore.exceptions import BotoCoreError, ClientError

from fanfold.errors import StackError
from fanfold_core.aws.ledger import DynamoLedger
from fanfold_core.aws.queues import SqsQueues

if TYPE_CHECKING:
    from boto3 import Session

# Outputs of template.yaml, in the order of the fields below.
_OUTPUTS = (
    "InputBucket",
    "OutputBucket",
    "LedgerTable",
    "UploadsQueue",
    "AssemblyQueue",
    "EndpointName",
    "SuccessTopic",
    "ErrorTopic",
)


@dataclass(frozen=True, slots=True)
class Stack:
    """The parts of a stack that its users touch."""

    session: Session
    input_bucket: str
    output_bucket: str
    ledger_table: str
    uploads_queue: str
    assembly_queue: str
    endpoint: str
    success_topic: str
    error_topic: str

    @property
    def ledger(self) -> DynamoLedger:
        """What is known of the stack's jobs."""
        return DynamoLedger(self.session.resource("dynamodb").Table(self.ledger_table), lambda: datetime.now(UTC))

    @property
    def queues(self) -> SqsQueues:
        """The queues in which a retry and a cancel begin."""
        return SqsQueues(self.session.client("sqs"), uploads=self.uploads_queue, assembly=self.assembly_queue)

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
            return cls(session, *(outputs[name] for name in _OUTPUTS))
        except KeyError as error:
            raise StackError(f"stack {name} has no output {error}: is it a stack of Fanfold?") from error
