"""The splitter in its environment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from fanfold_core.app.split import Splitter
from fanfold_core.aws.settings import Settings
from fanfold_core.aws.wiring import adapters
from fanfold_core.domain.job import Model
from fanfold_core.domain.limits import Limits
from fanfold_core.domain.options import Options

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class SplitterSettings(Settings):
    """Environment of the splitter."""

    uploads_queue_url: str
    chunks_queue_url: str
    assembly_queue_url: str
    endpoint_name: str
    endpoint_config: str
    model: str
    input_column: str
    header: str
    delimiter: str
    encoding: str
    rows_per_request: int
    window_chunks: int
    max_attempts: int
    request_ttl_seconds: int
    deadline_hours: int
    tolerated_failure_percentage: int
    model_parameters: str
    input_expression: str
    payload_expression: str
    result_expression: str
    guard_formulas: str
    retention_days: int


def wire(environ: Mapping[str, str]) -> Splitter:
    """The splitter in this environment."""
    settings = SplitterSettings.read(environ)
    ledger = adapters.ledger(settings)
    queues = adapters.queues(
        uploads=settings.uploads_queue_url, chunks=settings.chunks_queue_url, assembly=settings.assembly_queue_url
    )
    options = Options(
        input_column=settings.input_column,
        header=settings.header,
        delimiter=settings.delimiter,
        encoding=settings.encoding,
        rows_per_request=settings.rows_per_request,
        max_attempts=settings.max_attempts,
        request_ttl_seconds=settings.request_ttl_seconds,
        deadline_hours=settings.deadline_hours,
        tolerated_failure_percentage=settings.tolerated_failure_percentage,
        parameters=settings.model_parameters,
        input_expression=settings.input_expression,
        payload_expression=settings.payload_expression,
        result_expression=settings.result_expression,
        guard_formulas=settings.guard_formulas,
    )
    return Splitter(
        ledger=ledger,
        store=adapters.store(settings),
        queues=queues,
        follow_up=adapters.follow_up(ledger, queues, settings.window_chunks),
        options=options,
        model=Model(settings.endpoint_name, settings.endpoint_config, settings.model),
        retention=timedelta(days=settings.retention_days),
        now=adapters.now,
        limits=Limits(),
    )
