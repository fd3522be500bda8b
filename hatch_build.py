"""Puts the system itself into the wheel, so that an installed fanfold has its local cloud.

An editable install gets none of it: there the files are read from the working tree.
"""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SYSTEM = ("template.yaml", "functions", "layers", "events", "samples")


class SystemFiles(BuildHookInterface):  # type: ignore[type-arg] # its parameter is hatchling's own business
    """Adds the deployed system under `fanfold/_system/`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before a wheel is built; `version` is "standard" or "editable"."""
        if version == "standard":
            build_data["force_include"].update({name: f"fanfold/_system/{name}" for name in SYSTEM})
