"""The collector in its environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fanfold_core.app.collect import Collector
from fanfold_core.aws.settings import Settings
from fanfold_core.aws.wiring import adapters

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class CollectorSettings(Settings):
    """Environment of the collector."""

    chunks_queue_url: str
    assembly_queue_url: str
    window_chunks: int


def wire(environ: Mapping[str, str]) -> Collector:
    """The collector in this environment."""
    settings = CollectorSettings.read(environ)
    ledger = adapters.ledger(settings)
    queues = adapters.queues(chunks=settings.chunks_queue_url, assembly=settings.assembly_queue_url)
    return Collector(
        ledger, adapters.store(settings), queues, adapters.follow_up(ledger, queues, settings.window_chunks)
    )
