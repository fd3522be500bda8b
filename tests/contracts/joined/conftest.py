"""Objects to join, and parts of a few bytes, so that few bytes are several parts."""

import itertools
from collections.abc import Callable, Mapping

import pytest
from tests.contracts.clouds import Services
from tests.contracts.conftest import LEAST_PART
from tests.fakes.values import OUTPUT

from fanfold.input import copying

_prefixes = itertools.count()


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "LEAST_PART_BYTES", LEAST_PART)


@pytest.fixture
def put(services: Services) -> Callable[[Mapping[str, bytes]], str]:
    """Puts objects below a prefix of their own, and answers with its address."""

    def put(objects: Mapping[str, bytes]) -> str:
        prefix = f"{next(_prefixes)}/reviews/"
        for name, content in objects.items():
            services.s3.put_object(Bucket=OUTPUT, Key=prefix + name, Body=content)
        return f"s3://{OUTPUT}/{prefix}"

    return put
