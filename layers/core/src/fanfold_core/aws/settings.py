"""The environment of each function, as `template.yaml` declares it: one class per function, one field per variable."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self

from fanfold_core.domain.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Settings:
    """Fields are read from variables of the same name in capitals."""

    table_name: str
    output_bucket: str

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """The settings in this environment; `SettingError` names a variable that is missing or no number."""
        values: dict[str, str | int] = {}
        for field in fields(cls):
            variable = field.name.upper()
            if variable not in environ:
                raise SettingError(f"environment variable {variable} is not set; template.yaml sets it")
            try:
                values[field.name] = int(environ[variable]) if field.type == "int" else environ[variable]
            except ValueError as error:
                raise SettingError(f"environment variable {variable} is {environ[variable]!r}, not a number") from error
        return cls(**values)  # type: ignore[arg-type]  # the types are the fields' own, by construction


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


@dataclass(frozen=True, slots=True)
class DispatcherSettings(Settings):
    """Environment of the dispatcher."""

    chunks_queue_url: str
    outcomes_queue_url: str
    assembly_queue_url: str
    window_chunks: int


@dataclass(frozen=True, slots=True)
class CollectorSettings(Settings):
    """Environment of the collector."""

    chunks_queue_url: str
    assembly_queue_url: str
    window_chunks: int


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


@dataclass(frozen=True, slots=True)
class AssemblerSettings(Settings):
    """Environment of the assembler."""

    assembly_queue_url: str
    event_source: str
