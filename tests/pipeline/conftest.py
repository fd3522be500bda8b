"""The handlers, loaded once."""

from collections.abc import Callable, Iterator

import pytest
from tests.pipeline.handlers import Handlers, loaded
from tests.pipeline.pipeline import Model, Pipeline


@pytest.fixture(scope="session")
def handlers() -> Iterator[Handlers]:
    with loaded() as handlers:
        yield handlers


@pytest.fixture
def pipeline(handlers: Handlers) -> Callable[[Model], Pipeline]:
    """A pipeline in front of a model."""
    return lambda model: Pipeline(handlers, model)
