"""The sweeper in its environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fanfold_core.app.sweep import Sweeper
from fanfold_core.aws.settings import Settings
from fanfold_core.aws.wiring import adapters

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class SweeperSettings(Settings):
    """Environment of the sweeper."""

    uploads_queue_url: str
    chunks_queue_url: str
    outcomes_queue_url: str
    assembly_queue_url: str
    sweeps_queue_url: str
    window_chunks: int
    quiet_seconds: int
    grace_seconds: int


def wire(environ: Mapping[str, str]) -> Sweeper:
    """The sweeper in this environment."""
    settings = SweeperSettings.read(environ)
    ledger = adapters.ledger(settings)
    queues = adapters.queues(
        uploads=settings.uploads_queue_url,
        chunks=settings.chunks_queue_url,
        outcomes=settings.outcomes_queue_url,
        assembly=settings.assembly_queue_url,
        sweeps=settings.sweeps_queue_url,
    )
    return Sweeper(
        ledger=ledger,
        store=adapters.store(settings),
        queues=queues,
        follow_up=adapters.follow_up(ledger, queues, settings.window_chunks),
        quiet_seconds=settings.quiet_seconds,
        grace_seconds=settings.grace_seconds,
        now=adapters.now,
    )
