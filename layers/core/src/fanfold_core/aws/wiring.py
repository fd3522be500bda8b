"""Puts each step together with its adapters. The only place that makes AWS clients."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import NoCredentialsError
from botocore.httpsession import where

from fanfold_core import __version__
from fanfold_core.app.assemble import Assembler
from fanfold_core.app.collect import Collector
from fanfold_core.app.dispatch import Dispatcher
from fanfold_core.app.follow_up import FollowUp
from fanfold_core.app.split import Splitter
from fanfold_core.app.sweep import Sweeper
from fanfold_core.app.windows import Windows
from fanfold_core.aws.announcements import EventBridgeAnnouncements
from fanfold_core.aws.endpoint import SageMakerEndpoint
from fanfold_core.aws.ledger import DynamoLedger
from fanfold_core.aws.queues import SqsQueues
from fanfold_core.aws.settings import (
    AssemblerSettings,
    CollectorSettings,
    DispatcherSettings,
    SplitterSettings,
    SweeperSettings,
)
from fanfold_core.aws.store import S3Store
from fanfold_core.domain.cutting import Limits
from fanfold_core.domain.job import Model
from fanfold_core.domain.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from fanfold_core.aws.settings import Settings

_CLIENT = Config(retries={"mode": "standard", "max_attempts": 5})
# Work stops when a function has no more than this left of its 90 seconds, and goes on in the next message.
_RESERVE_MILLISECONDS = 30_000


def splitter(environ: Mapping[str, str]) -> Splitter:
    """The splitter in this environment."""
    settings = SplitterSettings.read(environ)
    ledger = _ledger(settings)
    queues = _queues(
        uploads=settings.uploads_queue_url, chunks=settings.chunks_queue_url, assembly=settings.assembly_queue_url
    )
    options = Options(
        input_column=settings.input_column,
        header=settings.header,
        delimiter=settings.delimiter,
        encoding=settings.encoding,
        rows_per_request=settings.rows_per_request,
        max_attempts=settings.max_attempts,
        request_ttl_seconds=settings.request_ttl_seconds,
        deadline_hours=settings.deadline_hours,
        tolerated_failure_percentage=settings.tolerated_failure_percentage,
        parameters=settings.model_parameters,
        input_expression=settings.input_expression,
        payload_expression=settings.payload_expression,
        result_expression=settings.result_expression,
        guard_formulas=settings.guard_formulas,
    )
    return Splitter(
        ledger=ledger,
        store=_store(settings),
        queues=queues,
        follow_up=_follow_up(ledger, queues, settings.window_chunks),
        options=options,
        model=Model(settings.endpoint_name, settings.endpoint_config, settings.model),
        retention=timedelta(days=settings.retention_days),
        now=now,
        limits=Limits(),
    )


def dispatcher(environ: Mapping[str, str]) -> Dispatcher:
    """The dispatcher in this environment."""
    settings = DispatcherSettings.read(environ)
    ledger = _ledger(settings)
    queues = _queues(
        chunks=settings.chunks_queue_url, outcomes=settings.outcomes_queue_url, assembly=settings.assembly_queue_url
    )
    follow_up = _follow_up(ledger, queues, settings.window_chunks)
    return Dispatcher(ledger, _store(settings), queues, _endpoint(environ), follow_up, now)


def collector(environ: Mapping[str, str]) -> Collector:
    """The collector in this environment."""
    settings = CollectorSettings.read(environ)
    ledger = _ledger(settings)
    queues = _queues(chunks=settings.chunks_queue_url, assembly=settings.assembly_queue_url)
    return Collector(ledger, _store(settings), queues, _follow_up(ledger, queues, settings.window_chunks))


def assembler(environ: Mapping[str, str]) -> Assembler:
    """The assembler in this environment."""
    settings = AssemblerSettings.read(environ)
    queues = _queues(assembly=settings.assembly_queue_url)
    announcements = EventBridgeAnnouncements(boto3.client("events", config=_CLIENT), settings.event_source)
    return Assembler(_ledger(settings), _store(settings), queues, announcements, __version__, now)


def sweeper(environ: Mapping[str, str]) -> Sweeper:
    """The sweeper in this environment."""
    settings = SweeperSettings.read(environ)
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
        follow_up=_follow_up(ledger, queues, settings.window_chunks),
        quiet_seconds=settings.quiet_seconds,
        grace_seconds=settings.grace_seconds,
        now=now,
    )


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def out_of_time(context: LambdaContext) -> Callable[[], bool]:
    """Whether a function had better stop and go on in the next message."""
    return lambda: context.get_remaining_time_in_millis() < _RESERVE_MILLISECONDS


def _follow_up(ledger: DynamoLedger, queues: SqsQueues, window_chunks: int) -> FollowUp:
    return FollowUp(ledger, queues, Windows(ledger, window_chunks, now))


def _ledger(settings: Settings) -> DynamoLedger:
    return DynamoLedger(boto3.resource("dynamodb", config=_CLIENT).Table(settings.table_name), now)


def _endpoint(environ: Mapping[str, str]) -> SageMakerEndpoint:
    session = boto3.Session()
    credentials = session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    ca_bundle = environ.get("AWS_CA_BUNDLE") or where()
    return SageMakerEndpoint(session.client("sagemaker-runtime", config=_CLIENT), credentials, ca_bundle)


def _store(settings: Settings) -> S3Store:
    return S3Store(boto3.client("s3", config=_CLIENT), settings.output_bucket)


def _queues(**urls: str) -> SqsQueues:
    return SqsQueues(boto3.client("sqs", config=_CLIENT), **urls)
