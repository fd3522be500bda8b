"""A deployed stack, or the local cloud's: where its buckets and its ledger are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from boto3.dynamodb.conditions import Key
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError

from fanfold.errors import StackError
from fanfold_core.aws.ledger import DynamoLedger
from fanfold_core.aws.messages import SqsQueues
from fanfold_core.aws.store import S3Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
class ListedJob:
    """A job in the list of a stack's jobs. `key` is the file's in the input bucket."""

    id: str
    state: str
    key: str


@dataclass(frozen=True, slots=True)
class Stack:
    """The parts of a stack that its users touch. `parameters` are those of the template, with their values here."""

    session: Session
    name: str
    parameters: Mapping[str, str]
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

    @property
    def store(self) -> S3Store:
        """The uploaded files and the output bucket."""
        return S3Store(self.session.client("s3"), self.output_bucket)

    def job_ids(self) -> Iterator[str]:
        """The ids of the stack's jobs, the latest first; perhaps without one that has just begun."""
        return (job.id for job in self.listed_jobs())

    def listed_jobs(self) -> Iterator[ListedJob]:
        """The stack's jobs as its list of them has them, likewise."""
        table = self.session.resource("dynamodb").Table(self.ledger_table)
        query: dict[str, Any] = {
            "IndexName": "jobs",
            "KeyConditionExpression": Key("listed").eq("job"),
            "ScanIndexForward": False,
        }
        while True:
            page = table.query(**query)
            for item in page["Items"]:
                job_id = str(item["pk"]).removeprefix("JOB#")
                yield ListedJob(job_id, str(item["state"]), str(item["key"]))
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    @classmethod
    def find(cls, session: Session, name: str) -> Self:
        """The stack of this name; `StackError` says what to do if it can't be read."""
        try:
            stacks = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except (ClientError, BotoCoreError) as error:
            raise StackError(why_not(name, error)) from error
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", ())}
        parameters = {given["ParameterKey"]: given["ParameterValue"] for given in stacks[0].get("Parameters", ())}
        try:
            return cls(session, name, parameters, *(outputs[key] for key in _OUTPUTS))
        except KeyError as error:
            raise StackError(f"stack {name} has no output {error}: is it a Fanfold stack?") from error


def why_not(name: str, error: ClientError | BotoCoreError) -> str:
    """Why a stack cannot be looked up, and what to do."""
    match error:
        case ClientError():
            return f"stack {name}: {_refused(error)}"
        case NoCredentialsError():
            return (
                "no AWS credentials found: run `aws configure` or set AWS_PROFILE; without an AWS account, start a "
                "local cloud with `fanfold local up`"
            )
        case NoRegionError():
            return f"no AWS region is set: set AWS_DEFAULT_REGION to the region of stack {name}"
        case EndpointConnectionError():
            return _unanswered(error.kwargs["endpoint_url"])
        case _:
            return f"cannot find stack {name}: {error}"


def _refused(error: ClientError) -> str:
    words = str(error.response["Error"]["Message"]).removesuffix(".")
    # The only refusal that is about the stack and not about who asks.
    if error.response["Error"]["Code"] == "ValidationError":
        return f"{words}; see `aws cloudformation list-stacks`"
    return f"{words}. `aws sts get-caller-identity` shows your identity; log in again, or set AWS_PROFILE"


def _unanswered(url: str) -> str:
    if ".amazonaws.com" in url:
        return f"no response from {url}: check the network and the name of the region"
    return (
        f"no response from {url}: if this was a local cloud, it has stopped; start one (`fanfold local up`), or "
        "`unset AWS_ENDPOINT_URL`"
    )
