"""The assembler in its environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3

from fanfold_core import __version__
from fanfold_core.app.assemble import Assembler
from fanfold_core.aws.announcements import EventBridgeAnnouncements
from fanfold_core.aws.settings import Settings
from fanfold_core.aws.wiring import adapters

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class AssemblerSettings(Settings):
    """Environment of the assembler."""

    assembly_queue_url: str
    event_source: str


def wire(environ: Mapping[str, str]) -> Assembler:
    """The assembler in this environment."""
    settings = AssemblerSettings.read(environ)
    queues = adapters.queues(assembly=settings.assembly_queue_url)
    announcements = EventBridgeAnnouncements(boto3.client("events", config=adapters.CLIENT), settings.event_source)
    return Assembler(
        adapters.ledger(settings), adapters.store(settings), queues, announcements, __version__, adapters.now
    )
