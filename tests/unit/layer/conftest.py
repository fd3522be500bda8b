"""An endpoint's server for each test that wants one."""

from collections.abc import Iterator

import pytest
from tests.unit.layer.endpoint_server import Server


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    with server.running():
        yield server
