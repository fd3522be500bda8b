"""Every contract is kept by both implementations of the ports."""

import functools
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from moto import mock_aws
from moto.dynamodb.models import DynamoDBBackend
from tests.contracts.clouds import Cloud, Memory, Services
from tests.fakes.values import Clock
from tests.simulation.clouds.moto import refusing_large_items

from fanfold_core.app.ports import Ledger
from localaws.server import storage

LEAST_PART = 10


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
