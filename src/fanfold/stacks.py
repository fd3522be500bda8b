"""A deployed stack, or the local cloud's: where its buckets and its ledger are."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, Self, overload
from urllib.parse import urlsplit

from boto3 import Session
from boto3.dynamodb.conditions import Key
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    InvalidRegionError,
    LoginError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    SSOError,
    TokenRetrievalError,
)

from fanfold.errors import JobNotFoundError, StackError
from fanfold.terminal import stderr
from fanfold_core.aws.ledger import DynamoLedger
from fanfold_core.aws.messages import SqsQueues
from fanfold_core.aws.store import S3Store
from fanfold_core.domain.errors import UnknownJobError
from fanfold_core.domain.keys import first_round, round_number
from fanfold_core.input.errors import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from botocore.config import Config
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_dynamodb.service_resource import Table
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_s3 import S3Client
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sqs import SQSClient

# Outputs of template.yaml, in the order of the fields below.
OUTPUTS = (
    "InputBucket",
    "OutputBucket",
    "LedgerTable",
    "UploadsQueue",
    "AssemblyQueue",
    "EndpointName",
    "SuccessTopic",
    "ErrorTopic",
)
# Where local clouds are.
_THIS_MACHINE = {"127.0.0.1", "localhost"}
# Sessions of boto3 don't stand being asked for clients by two threads at once.
_ASKING = Lock()
# What to do, in errors' words.
_WITHOUT_AWS = "without an AWS account, start a local cloud with `fanfold local up`"
_IDENTITY = "`aws sts get-caller-identity` shows your identity; log in again, or set AWS_PROFILE"
_AGAIN = "try again, or check the stack with `fanfold doctor`"
_REMEDIES: Mapping[type[BotoCoreError] | tuple[type[BotoCoreError], ...], str] = {
    NoCredentialsError: f"run `aws configure` or set AWS_PROFILE; {_WITHOUT_AWS}",
    PartialCredentialsError: "set that too, or run `aws configure`",
    NoRegionError: f"set AWS_DEFAULT_REGION to that of the stack; {_WITHOUT_AWS}",
    InvalidRegionError: "set AWS_DEFAULT_REGION to a region such as us-east-1",
    ProfileNotFound: "set AWS_PROFILE to one of `aws configure list-profiles`, or `unset AWS_PROFILE`",
    CredentialRetrievalError: _IDENTITY,
    (SSOError, TokenRetrievalError, LoginError): "log in again (`aws sso login`, or `aws login`)",
}
_MOST_SEARCHED = 10_000
# As `fanfold_core.domain.keys.job_id` spells one.
_WHOLE_ID = re.compile(r"[a-z0-9][a-z0-9-]*-[0-9a-f]{16}")
_PATIENCE_SECONDS, _PAUSE_SECONDS = 10, 0.2
# The codes of a permission that is lacking.
DENIED = {"AccessDenied", "AccessDeniedException"}
# How codes of refusals begin that are about who asks.
_ABOUT_IDENTITY = (
    *("AccessDenied", "AuthFailure", "ExpiredToken", "InvalidAccessKeyId", "InvalidClientTokenId"),
    *("NotAuthorized", "OptInRequired", "SignatureDoesNotMatch", "UnauthorizedOperation", "UnrecognizedClient"),
)


@dataclass(frozen=True, slots=True)
class ListedJob:
    """A job in the list of a stack's jobs. `key` is the file's in the input bucket."""

    id: str
    state: str
    key: str


@dataclass(frozen=True, slots=True)
class Stack:
    """The parts of a stack that its users touch. `parameters` are those of the template, with their values here.

    One of a local cloud `is_local`: nobody sends a bill for it.

    `config` has the time-outs and retries of all clients; what it leaves out is as the session has it. A client is made
    when it is first asked for, and keeps its connections until `close`. A copy with another config has its own.
    """

    session: Session
    config: Config | None
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
    is_local: bool = field(default=False, kw_only=True)
    _made: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @overload
    def client(self, service: Literal["cloudformation"]) -> CloudFormationClient: ...
    @overload
    def client(self, service: Literal["logs"]) -> CloudWatchLogsClient: ...
    @overload
    def client(self, service: Literal["s3"]) -> S3Client: ...
    @overload
    def client(self, service: Literal["sagemaker"]) -> SageMakerClient: ...
    @overload
    def client(self, service: Literal["sqs"]) -> SQSClient: ...
    @overload
    def client(self, service: Literal["application-autoscaling", "cloudwatch"]) -> Any: ...
    def client(self, service: str) -> Any:
        """A client of boto3, which any thread may use; whatever is asked of AWS is asked through one of these."""
        with _ASKING:
            if service not in self._made:
                self._made[service] = self.session.client(service, config=self.config)  # type: ignore[call-overload] # one for each service
            return self._made[service]

    def close(self) -> None:
        """Close the connections of all clients. One that is asked again, as by a job, opens another."""
        with _ASKING:
            for made in self._made.values():
                # A resource has its client there.
                getattr(made.meta, "client", made).close()

    @property
    def ledger(self) -> DynamoLedger:
        """What is known of the stack's jobs."""
        return DynamoLedger(self._table, lambda: datetime.now(UTC))

    @property
    def queues(self) -> SqsQueues:
        """The queues in which a retry and a cancel begin."""
        return SqsQueues(self.client("sqs"), uploads=self.uploads_queue, assembly=self.assembly_queue)

    @property
    def store(self) -> S3Store:
        """The uploaded files and the output bucket."""
        return S3Store(self.client("s3"), self.output_bucket)

    def job_ids(self) -> Iterator[str]:
        """The ids of the stack's jobs, the latest first; perhaps without one that has just begun."""
        return (job.id for job in self.listed_jobs())

    def listed_jobs(self) -> Iterator[ListedJob]:
        """The stack's jobs as its list of them has them, likewise."""
        table = self._table
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

    def latest_jobs(self) -> Iterator[ListedJob]:
        """As many of them as are looked through for one."""
        return islice(self.listed_jobs(), _MOST_SEARCHED)

    @property
    def _table(self) -> Table:
        # A table isn't for several threads, its client is.
        with _ASKING:
            if "dynamodb" not in self._made:
                self._made["dynamodb"] = self.session.resource("dynamodb", config=self.config)
            table: Table = self._made["dynamodb"].Table(self.ledger_table)
            return table

    @classmethod
    def find(cls, session: Session | None, name: str, config: Config | None = None) -> Self:
        """The stack of this name; `StackError` says what to do if it can't be read.

        Without a session, it is looked up with the credentials and the region of the environment.
        """
        try:
            session = session or Session()
            client = make_client(session, "cloudformation", config)
            stacks = client.describe_stacks(StackName=name)["Stacks"]
        except (ClientError, BotoCoreError) as error:
            raise StackError(f"stack {name}: {refused_words(error)}") from error
        except ValueError as error:  # of botocore, about the address
            raise StackError(
                f"stack {name}: {error}: set AWS_ENDPOINT_URL to an address such as http://127.0.0.1:4566, or unset it"
            ) from error
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", ())}
        parameters = {given["ParameterKey"]: given["ParameterValue"] for given in stacks[0].get("Parameters", ())}
        try:
            its = [outputs[key] for key in OUTPUTS]
            is_local = urlsplit(client.meta.endpoint_url).hostname in _THIS_MACHINE
            return cls(session, config, name, parameters, *its, is_local=is_local)
        except KeyError as error:
            raise StackError(f"stack {name} has no output {error}: is it a Fanfold stack?") from error


def find_job(stack: Stack, name: str) -> str:
    """The id of the job of this id, or the only one whose id begins so; of the rounds of one, the newest.

    A whole id is waited for, since the stack takes some seconds to begin with a file just uploaded.

    `JobNotFoundError` if there is none, or there are several.
    """
    until = time.monotonic() + (_PATIENCE_SECONDS if _WHOLE_ID.fullmatch(name) else 0)
    while True:
        try:
            return stack.ledger.job(name).id
        except UnknownJobError:
            if time.monotonic() >= until:
                return _id_that_begins(stack, name)
        time.sleep(_PAUSE_SECONDS)


def _id_that_begins(stack: Stack, beginning: str) -> str:
    found = [job_id for job_id in stack.job_ids() if beginning and job_id.startswith(beginning)]
    if len({first_round(job_id) for job_id in found}) == 1:
        newest = max(found, key=round_number)
        if len(found) > 1:
            stderr.print(f"{beginning}: job {newest}, the newest of {counted(len(found), 'round')}", soft_wrap=True)
        return newest
    if found:
        raise JobNotFoundError(f"several jobs begin with {beginning}, choose one: {', '.join(sorted(found))}")
    raise JobNotFoundError(f"this stack has no job {beginning}: `fanfold jobs` lists all jobs")


def make_client(session: Session, service: str, config: Config | None = None) -> Any:
    """A client of a service, whichever thread asks."""
    with _ASKING:
        return session.client(service, config=config)  # type: ignore[call-overload] # one for each service


def refused_words(error: ClientError | BotoCoreError) -> str:
    """Why AWS was not asked, or refused, and what to do."""
    if isinstance(error, ClientError):
        return _refused(error)
    if isinstance(error, EndpointConnectionError | ConnectTimeoutError | ReadTimeoutError):
        return _unanswered(error.kwargs["endpoint_url"])
    remedy = next((remedy for kinds, remedy in _REMEDIES.items() if isinstance(error, kinds)), _AGAIN)
    return f"{str(error).removesuffix('.')}: {remedy}"


def _refused(error: ClientError) -> str:
    code, words = (str(error.response["Error"].get(part, "")) for part in ("Code", "Message"))
    words = words.removesuffix(".") or code
    # The code of CloudFormation for a stack that there is not.
    if code == "ValidationError":
        return f"{words}; see `aws cloudformation list-stacks`"
    if code.startswith(_ABOUT_IDENTITY):
        return f"{words}. {_IDENTITY}"
    return f"{str(error).removesuffix('.')}: {_AGAIN}"


def _unanswered(url: str) -> str:
    if ".amazonaws.com" in url:
        return f"no response from {url}: check the network and the name of the region"
    return (
        f"no response from {url}: if this was a local cloud, it has stopped; start one (`fanfold local up`), or "
        "`unset AWS_ENDPOINT_URL`"
    )
