"""Every contract is kept by both implementations of the ports."""

import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from unittest.mock import patch

import boto3
import pytest
from moto import mock_aws
from moto.dynamodb.models import DynamoDBBackend
from tests.contracts.clouds import Cloud, Memory, Services
from tests.fakes.values import INPUT, OUTPUT, Clock, make_chunk, make_job
from tests.simulation.clouds.moto import refusing_large_items

from fanfold.stacks import Stack
from fanfold_core.app.ports import Ledger
from fanfold_core.domain.job import JobRecord
from localaws.server import storage
from localaws.template import REGION

T = TypeVar("T")
JOB = make_job()
LEAST_PART = 10


def twice(write: Callable[..., T], *args: Any) -> T:
    """Deliver a write twice, and see that both get the same answer."""
    answer = write(*args)
    assert write(*args) == answer
    return answer


def each_raises(error: type[Exception], *calls: Callable[[], object]) -> None:
    """See that each of these calls raises this error."""
    for call in calls:
        with pytest.raises(error):
            call()


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    """Services for as long as the tests of one module take."""
    _answer_as_s3_does()
    checked = refusing_large_items(DynamoDBBackend.update_item)
    with (
        mock_aws(),
        patch.object(DynamoDBBackend, "update_item", checked),
        patch("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", LEAST_PART),
        patch("tests.fakes.store.LEAST_PART", LEAST_PART),
    ):
        yield Services()


@functools.cache
def _answer_as_s3_does() -> None:
    """What moto doesn't know of uploads, the local cloud adds to it."""
    storage.patch()


@pytest.fixture(params=["memory", "aws"])
def cloud(request: pytest.FixtureRequest, services: Services) -> Cloud:
    return services if request.param == "aws" else Memory()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(cloud: Cloud, clock: Clock) -> Ledger:
    return cloud.ledger(clock)


@pytest.fixture
def job(ledger: Ledger) -> JobRecord:
    """A job with one chunk."""
    ledger.create(JOB)
    return ledger.store(JOB, make_chunk(), None)


@pytest.fixture
def stack(services: Services) -> Stack:
    session = boto3.Session(region_name=REGION)
    # The one client that the test can lead astray.
    session.client = lambda _, **__: services.s3  # type: ignore[method-assign,assignment]
    return Stack(session, None, "fanfold", {}, INPUT, OUTPUT, "", "", "", "", "", "")
