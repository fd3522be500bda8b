"""A function's environment, as `template.yaml` declares it: a class in its wiring, with a field for each variable."""

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
