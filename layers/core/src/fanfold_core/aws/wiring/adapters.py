"""What functions have in common: the adapters behind the ports, and the clock. Nobody else makes AWS clients."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from fanfold_core.app.follow_up import FollowUp
from fanfold_core.app.windows import Windows
from fanfold_core.aws.ledger import DynamoLedger
from fanfold_core.aws.queues import SqsQueues
from fanfold_core.aws.store import S3Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from fanfold_core.aws.settings import Settings

CLIENT = Config(retries={"mode": "standard", "max_attempts": 5})
# Work stops when a function has no more than this left of its 90 seconds, and goes on in the next message.
_RESERVE_MILLISECONDS = 30_000


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def out_of_time(context: LambdaContext) -> Callable[[], bool]:
    """Whether a function had better stop and go on in the next message."""
    return lambda: context.get_remaining_time_in_millis() < _RESERVE_MILLISECONDS


def ledger(settings: Settings) -> DynamoLedger:
    """The ledger that the settings name."""
    return DynamoLedger(boto3.resource("dynamodb", config=CLIENT).Table(settings.table_name), now)


def store(settings: Settings) -> S3Store:
    """The buckets, of which the settings name the one that is written to."""
    return S3Store(boto3.client("s3", config=CLIENT), settings.output_bucket)


def queues(**urls: str) -> SqsQueues:
    """These queues."""
    return SqsQueues(boto3.client("sqs", config=CLIENT), **urls)


def follow_up(of: DynamoLedger, to: SqsQueues, window_chunks: int) -> FollowUp:
    """What follows from a job's state."""
    return FollowUp(of, to, Windows(of, window_chunks, now))
