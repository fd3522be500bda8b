"""Clients as commands open them: a deployed stack's, or a local cloud's that begins and ends with the command."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fanfold.client import Fanfold, local_cloud
from fanfold.talk import doing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fanfold.local.chaos import Chaos
    from fanfold.local.cloud import LocalCloud


def client_of(stack: str | None, model: str, task: str | None) -> Fanfold:
    """The client of a stack, or without one that of a local cloud with this model, which begins and ends with it."""
    return Fanfold(stack) if stack else Fanfold(local=True, model=model, task=task)


@contextmanager
def running(model: str, parameters: Mapping[str, str], **options: Any) -> Iterator[LocalCloud]:
    """A local cloud that is there to be used from elsewhere."""
    cloud = local_cloud(model, parameters, **options)
    with doing("starting a local cloud"):
        cloud.start()
    try:
        yield cloud
    finally:
        with doing("ending the local cloud"):
            cloud.stop()


def make_chaos(seed: int) -> Chaos:
    """Conditions under which everything goes wrong at times."""
    from fanfold.local.chaos import Chaos  # noqa: PLC0415 - takes a second that `--help` needn't wait for

    return Chaos(seed)
