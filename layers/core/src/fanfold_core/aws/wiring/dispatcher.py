"""The dispatcher in its environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import NoCredentialsError
from botocore.httpsession import where

from fanfold_core.app.dispatch import Dispatcher
from fanfold_core.aws.endpoint import SageMakerEndpoint
from fanfold_core.aws.settings import Settings
from fanfold_core.aws.wiring import adapters

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class DispatcherSettings(Settings):
    """Environment of the dispatcher."""

    chunks_queue_url: str
    outcomes_queue_url: str
    assembly_queue_url: str
    window_chunks: int


def wire(environ: Mapping[str, str]) -> Dispatcher:
    """The dispatcher in this environment."""
    settings = DispatcherSettings.read(environ)
    ledger = adapters.ledger(settings)
    queues = adapters.queues(
        chunks=settings.chunks_queue_url, outcomes=settings.outcomes_queue_url, assembly=settings.assembly_queue_url
    )
    follow_up = adapters.follow_up(ledger, queues, settings.window_chunks)
    return Dispatcher(ledger, adapters.store(settings), queues, _endpoint(environ), follow_up, adapters.now)


def _endpoint(environ: Mapping[str, str]) -> SageMakerEndpoint:
    client = boto3.client("sagemaker-runtime", config=adapters.CLIENT)
    session = boto3.DEFAULT_SESSION  # the client's: another would read botocore's data once more
    credentials = session.get_credentials() if session else None
    if credentials is None:
        raise NoCredentialsError
    return SageMakerEndpoint(client, credentials, environ.get("AWS_CA_BUNDLE") or where())
