"""The handlers, loaded once."""

from collections.abc import Callable, Iterator

import boto3
import pytest
from tests.pipeline.handlers import Handlers
from tests.pipeline.pipeline import Model, Pipeline


@pytest.fixture(scope="session")
def handlers() -> Iterator[Handlers]:
    before = boto3.DEFAULT_SESSION
    try:
        yield Handlers()
    finally:
        boto3.DEFAULT_SESSION = before


@pytest.fixture
def pipeline(handlers: Handlers) -> Callable[[Model], Pipeline]:
    """A pipeline in front of a model."""
    return lambda model: Pipeline(handlers, model)
