"""SAM's own code reads samconfig.toml, and what `sam deploy --guided` writes into one of the template's parameters."""

import json
import shlex
import subprocess
import tomllib
from typing import Any

from tests.witness.services import ROOT
from tests.witness.witness import AbsentError, DisagreementError, agree

from fanfold.doctor.stack import as_override
from fanfold_core.domain.options.row import JOB_DEFAULTS
from localaws import template

# What `--guided` writes ends at a quote within a text of JSON.
_SIMPLE = '{"rows-per-request": 64, "input-expression": "{a: b, c: [d e]}"}'
_JOB_DEFAULTS = json.dumps(
    {
        "rows-per-request": 64,
        "delimiter": "\\",
        "quote": "'",
        "input-expression": 'join(\' "é" \', ["my column", $x])',
        "parameters": {"top_k": None, "candidate_labels": ["a b", "c=d"]},
    }
)
_READ = """
import json, sys, tempfile
from pathlib import Path
from unittest.mock import Mock
from samcli import __version__
from samcli.cli.types import CfnParameterOverridesType
from samcli.commands.deploy.guided_config import GuidedConfig
from samcli.lib.config.samconfig import SamConfig

told = json.load(sys.stdin)
read = {}
for command, section in told["sections"]:
    # One that has been asked once mixes its answers.
    read[f"{command}.{section}"] = dict(SamConfig(told["folder"]).get_all([command], section))

# What `--guided` writes, into a copy, and what the next `sam deploy` makes of it.
folder = tempfile.mkdtemp()
copy = SamConfig(folder, "samconfig.toml")
guided = GuidedConfig(template_file=Path(told["folder"], "template.yaml"), section="parameters")
wanted = {name: {"Value": value, "Hidden": False} for name, value in told["values"].items()}
guided._save_parameter_overrides(["deploy"], "default", wanted, copy)
copy.flush()
again = SamConfig(folder, "samconfig.toml").get_all(["deploy"], "parameters")["parameter_overrides"]
values, refused = {}, ""
try:
    values = CfnParameterOverridesType().convert(again, Mock(), Mock())
except Exception as error:
    refused = str(error)
overridden = CfnParameterOverridesType().convert(tuple(told["override"]), Mock(), Mock())
print(json.dumps({"version": __version__, "read": read, "values": values, "refused": refused,
                  "overridden": overridden}))
"""


def round_trips() -> str:
    """Ask SAM."""
    python = ROOT / ".venv-sam" / "bin" / "python"
    if not python.exists():
        raise AbsentError("the SAM command line is not installed: make .venv-sam/.locked")
    source = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))["default"]
    sections = [(command, section) for command, found in source.items() for section in found]
    values = {**template.defaults(ROOT), JOB_DEFAULTS: _SIMPLE}
    override = shlex.split(as_override(_JOB_DEFAULTS))
    asked = json.dumps({"folder": str(ROOT), "sections": sections, "values": values, "override": override})
    ended = subprocess.run([python, "-c", _READ], input=asked, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise DisagreementError(ended.stderr.strip().splitlines()[-1])
    told: dict[str, Any] = json.loads(ended.stdout)
    shared = source["global"]["parameters"]
    for command, section in sections:
        agree(
            f"{command} in samconfig.toml", told["read"][f"{command}.{section}"], {**shared, **source[command][section]}
        )
    agree("what sam deploy --guided writes", told["refused"] or told["values"], values)
    overridden = {name: json.loads(value) for name, value in told["overridden"].items()}
    agree("what fanfold doctor --job-defaults printed", overridden, {JOB_DEFAULTS: json.loads(_JOB_DEFAULTS)})
    return (
        f"SAM {told['version']}: {len(sections)} sections of samconfig.toml, and {len(values)} parameters that "
        f"`sam deploy --guided` wrote and `sam deploy` read again, and {JOB_DEFAULTS} as `fanfold doctor` prints it"
    )
