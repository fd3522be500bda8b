"""The composition root: each function's step with its adapters, as its environment says.

`template.yaml` sets the environment: a settings class has a field for each variable. A cold start pays for every
import, so each function imports its own step only.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import TYPE_CHECKING, Self

import boto3
from botocore.config import Config

from fanfold_core import __version__
from fanfold_core.app.follow_up import FollowUp, Windows
from fanfold_core.aws.ledger import DynamoLedger
from fanfold_core.aws.messages import SqsQueues
from fanfold_core.aws.store import S3Store
from fanfold_core.domain.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from fanfold_core.app.assemble import Assembler
    from fanfold_core.app.collect import Collector
    from fanfold_core.app.dispatch import Dispatcher
    from fanfold_core.app.split import Splitter
    from fanfold_core.app.sweep import Sweeper
    from fanfold_core.aws.sagemaker import SageMakerEndpoint

_CLIENT = Config(retries={"mode": "standard", "max_attempts": 5})
# Work stops when a function has no more than this left of its 90 seconds, and goes on in the next message.
_RESERVE_MILLISECONDS = 30_000


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def out_of_time(context: LambdaContext) -> Callable[[], bool]:
    """Whether a function had better stop and go on in the next message."""
    return lambda: context.get_remaining_time_in_millis() < _RESERVE_MILLISECONDS


@dataclass(frozen=True, slots=True)
class Settings:
    """What every function's environment holds. Fields are read from variables of the same name in capitals."""

    table_name: str
    output_bucket: str

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """The settings in this environment; `SettingError` names a variable that is missing or no number."""
        values: dict[str, str | int] = {}
        for field in fields(cls):
            variable = field.name.upper()
            if variable not in environ:
                raise SettingError(f"environment variable {variable} is not set; template.yaml sets it")
            try:
                values[field.name] = int(environ[variable]) if field.type == "int" else environ[variable]
            except ValueError as error:
                raise SettingError(f"environment variable {variable} is {environ[variable]!r}, not a number") from error
        return cls(**values)  # type: ignore[arg-type]  # the types are the fields' own, by construction


@dataclass(frozen=True, slots=True)
class SplitterSettings(Settings):
    """Environment of the splitter."""

    uploads_queue_url: str
    chunks_queue_url: str
    assembly_queue_url: str
    endpoint_name: str
    endpoint_config: str
    model: str
    model_revision: str
    task: str
    window_chunks: int
    retention_days: int
    max_rows: int
    max_bytes: int
    job_defaults: str
    costlier_options: str


def wire_splitter(environ: Mapping[str, str]) -> Splitter:
    """The splitter in this environment."""
    from fanfold_core.app.split import Splitter
    from fanfold_core.domain.job import Model
    from fanfold_core.domain.options import model_parameters
    from fanfold_core.domain.options.row import ALLOW
    from fanfold_core.input.cutting import Budget, Limits

    settings = SplitterSettings.read(environ)
    ledger = _ledger(settings)
    queues = _queues(
        uploads=settings.uploads_queue_url, chunks=settings.chunks_queue_url, assembly=settings.assembly_queue_url
    )
    return Splitter(
        ledger=ledger,
        store=_store(settings),
        queues=queues,
        follow_up=_follow_up(ledger, queues, settings.window_chunks),
        job_defaults=settings.job_defaults,
        model=Model(settings.endpoint_name, settings.endpoint_config, settings.model, settings.model_revision),
        retention=timedelta(days=settings.retention_days),
        now=now,
        new_nonce=lambda: token_hex(8),
        limits=Limits(),
        budget=Budget(settings.max_rows, settings.max_bytes),
        allows_costlier=settings.costlier_options == ALLOW,
        parameters=model_parameters(settings.model, settings.task),
    )


@dataclass(frozen=True, slots=True)
class DispatcherSettings(Settings):
    """Environment of the dispatcher."""

    chunks_queue_url: str
    outcomes_queue_url: str
    assembly_queue_url: str
    window_chunks: int


def wire_dispatcher(environ: Mapping[str, str]) -> Dispatcher:
    """The dispatcher in this environment."""
    from fanfold_core.app.dispatch import Dispatcher

    settings = DispatcherSettings.read(environ)
    ledger = _ledger(settings)
    queues = _queues(
        chunks=settings.chunks_queue_url, outcomes=settings.outcomes_queue_url, assembly=settings.assembly_queue_url
    )
    follow_up = _follow_up(ledger, queues, settings.window_chunks)
    return Dispatcher(ledger, _store(settings), queues, _endpoint(environ), follow_up, now)


@dataclass(frozen=True, slots=True)
class CollectorSettings(Settings):
    """Environment of the collector."""

    chunks_queue_url: str
    assembly_queue_url: str
    window_chunks: int


def wire_collector(environ: Mapping[str, str]) -> Collector:
    """The collector in this environment."""
    from fanfold_core.app.collect import Collector

    settings = CollectorSettings.read(environ)
    ledger = _ledger(settings)
    queues = _queues(chunks=settings.chunks_queue_url, assembly=settings.assembly_queue_url)
    return Collector(ledger, _store(settings), queues, _follow_up(ledger, queues, settings.window_chunks))


@dataclass(frozen=True, slots=True)
class AssemblerSettings(Settings):
    """Environment of the assembler."""

    assembly_queue_url: str
    event_source: str
    ended_topic_arn: str


def wire_assembler(environ: Mapping[str, str]) -> Assembler:
    """The assembler in this environment."""
    from fanfold_core.app.assemble import Assembler
    from fanfold_core.aws.events import AwsAnnouncements

    settings = AssemblerSettings.read(environ)
    queues = _queues(assembly=settings.assembly_queue_url)
    events, sns = boto3.client("events", config=_CLIENT), boto3.client("sns", config=_CLIENT)
    announcements = AwsAnnouncements(events, sns, settings.event_source, settings.ended_topic_arn)
    return Assembler(_ledger(settings), _store(settings), queues, announcements, __version__, now)


@dataclass(frozen=True, slots=True)
class SweeperSettings(Settings):
    """Environment of the sweeper."""

    uploads_queue_url: str
    chunks_queue_url: str
    outcomes_queue_url: str
    assembly_queue_url: str
    sweeps_queue_url: str
    uploads_dead_letters_url: str
    chunks_dead_letters_url: str
    outcomes_dead_letters_url: str
    assembly_dead_letters_url: str
    sweeps_dead_letters_url: str
    endpoint_name: str
    instance_type: str
    window_chunks: int
    quiet_seconds: int
    grace_seconds: int


def wire_sweeper(environ: Mapping[str, str]) -> Sweeper:
    """The sweeper in this environment."""
    from fanfold_core.app.sweep import ASSEMBLER, Sweeper
    from fanfold_core.aws.dead_letters import SqsDeadLetters
    from fanfold_core.aws.instances import SageMakerInstances

    settings = SweeperSettings.read(environ)
    dead_letters = {
        "splitter": settings.uploads_dead_letters_url,
        "dispatcher": settings.chunks_dead_letters_url,
        "collector": settings.outcomes_dead_letters_url,
        ASSEMBLER: settings.assembly_dead_letters_url,
        "sweeper": settings.sweeps_dead_letters_url,
    }
    ledger = _ledger(settings)
    queues = _queues(
        uploads=settings.uploads_queue_url,
        chunks=settings.chunks_queue_url,
        outcomes=settings.outcomes_queue_url,
        assembly=settings.assembly_queue_url,
        sweeps=settings.sweeps_queue_url,
    )
    return Sweeper(
        ledger=ledger,
        store=_store(settings),
        queues=queues,
        dead_letters=SqsDeadLetters(boto3.client("sqs", config=_CLIENT), dead_letters),
        follow_up=_follow_up(ledger, queues, settings.window_chunks),
        instances=SageMakerInstances(settings.endpoint_name, lambda: boto3.client("sagemaker", config=_CLIENT)),
        quiet_seconds=settings.quiet_seconds,
        grace_seconds=settings.grace_seconds,
        instance_type=settings.instance_type,
        now=now,
    )


def _ledger(settings: Settings) -> DynamoLedger:
    return DynamoLedger(boto3.resource("dynamodb", config=_CLIENT).Table(settings.table_name), now)


def _store(settings: Settings) -> S3Store:
    return S3Store(boto3.client("s3", config=_CLIENT), settings.output_bucket)


def _queues(**urls: str) -> SqsQueues:
    return SqsQueues(boto3.client("sqs", config=_CLIENT), **urls)


def _follow_up(ledger: DynamoLedger, queues: SqsQueues, window_chunks: int) -> FollowUp:
    return FollowUp(ledger, queues, Windows(ledger, window_chunks, now))


def _endpoint(environ: Mapping[str, str]) -> SageMakerEndpoint:
    from botocore.exceptions import NoCredentialsError
    from botocore.httpsession import where

    from fanfold_core.aws.sagemaker import SageMakerEndpoint

    client = boto3.client("sagemaker-runtime", config=_CLIENT)
    session = boto3.DEFAULT_SESSION  # the client's: another would read botocore's data once more
    credentials = session.get_credentials() if session else None
    if credentials is None:
        raise NoCredentialsError
    return SageMakerEndpoint(client, credentials, environ.get("AWS_CA_BUNDLE") or where())
