"""Fixtures for tests of code that uses Fanfold: pytest finds them where Fanfold is installed.

```python
def test_opinions(fanfold_local):
    job = fanfold_local.submit(["so good"])
    assert job.wait(timeout=60).predicted == 1
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fanfold import Fanfold


@pytest.fixture(scope="session")
def fanfold_model() -> str | Callable[..., Any]:
    """The model of `fanfold_local`; a fixture of this name in a conftest.py takes its place."""
    return "vader"


@pytest.fixture(scope="session")
def fanfold_local(fanfold_model: str | Callable[..., Any]) -> Iterator[Fanfold]:
    """A client with a local cloud of its own, which starts when a test first asks for it, and serves all tests."""
    # Tests that have no need of it don't wait for the import.
    from fanfold import Fanfold  # noqa: PLC0415

    with Fanfold(local=True, model=fanfold_model) as fanfold:
        yield fanfold
