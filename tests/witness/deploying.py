"""AWS's CDK synthesizes examples/cdk, which includes the packaged template, and Terraform parses examples/terraform."""

import ast
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.witness.services import ROOT
from tests.witness.witness import AbsentError, DisagreementError, agree

from fanfold.deploying.package import Archive, Package
from localaws import template

APP = ROOT / "examples" / "cdk" / "app.py"
CONFIGURATION = ROOT / "examples" / "terraform" / "main.tf"
_BUCKET = "fanfold-artifacts-123456789012-us-east-1"
_STACK = "fanfold"
# What the example adds to the template.
_OWN_OUTPUTS = {"ResultsArn"}
_VERSION = "from importlib.metadata import version; print(version('aws-cdk-lib'))"


def by_cdk() -> str:
    """Ask the CDK."""
    python = ROOT / ".venv-cdk" / "bin" / "python"
    if not python.exists():
        raise AbsentError("the CDK is not installed: make .venv-cdk/.locked (and Node.js)")
    packaged = _packaged()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "fanfold.json").write_text(packaged, encoding="utf-8")
        environment = {**os.environ, "CDK_OUTDIR": str(Path(folder, "out"))}
        ended = subprocess.run([python, APP], cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise DisagreementError(ended.stderr.strip().splitlines()[-1])
        made: dict[str, Any] = json.loads(Path(folder, "out", f"{_STACK}.template.json").read_text(encoding="utf-8"))
    wanted = expected(json.loads(packaged), chosen_by_cdk())
    made["Outputs"] = {name: it for name, it in made["Outputs"].items() if name not in _OWN_OUTPUTS}
    agree("the parts of the template", sorted(made), sorted(wanted))
    for part, there in wanted.items():
        if not isinstance(there, dict):
            agree(part, made[part], there)
            continue
        agree(f"the names in {part}", sorted(made[part]), sorted(there))
        for name, one in there.items():
            agree(f"{part} {name}", made[part][name], one)
    said = subprocess.run([python, "-c", _VERSION], capture_output=True, text=True, check=True).stdout.strip()
    return f"aws-cdk-lib {said}: {len(wanted['Resources'])} resources of examples/cdk as the template has them"


def by_terraform() -> str:
    """Ask Terraform. To validate more than the form, it would need its provider for AWS."""
    terraform = shutil.which("terraform")
    if terraform is None:
        raise AbsentError("Terraform is not installed")
    command = [terraform, f"-chdir={CONFIGURATION.parent}", "fmt", "-check", "-diff", "-list=false"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise DisagreementError(ended.stdout.strip() or ended.stderr.strip())
    version = subprocess.run([terraform, "version", "-json"], capture_output=True, text=True, check=True).stdout
    return f"Terraform {json.loads(version)['terraform_version']}: examples/terraform is well-formed"


def chosen_by_terraform() -> dict[str, str]:
    """The parameters that the configuration chooses."""
    (block,) = re.findall(
        r"(?s)^  parameters = \{\n(.*?)^  \}", CONFIGURATION.read_text(encoding="utf-8"), re.MULTILINE
    )
    return {name.strip(): json.loads(value) for name, value in (line.split("=", 1) for line in block.splitlines())}


def chosen_by_cdk() -> dict[str, str]:
    """The parameters that the app chooses."""
    for found in ast.parse(APP.read_text(encoding="utf-8")).body:
        if isinstance(found, ast.Assign) and ast.unparse(found.targets[0]) == "PARAMETERS":
            values: dict[str, str] = ast.literal_eval(found.value)
            return values
    raise DisagreementError("examples/cdk/app.py has no PARAMETERS")


def expected(body: dict[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """The template with these defaults, and with each `DependsOn` as a list, as the CDK writes it."""
    for name, value in values.items():
        body["Parameters"][name]["Default"] = value
    for resource in body["Resources"].values():
        if isinstance(resource.get("DependsOn"), str):
            resource["DependsOn"] = [resource["DependsOn"]]
    return body


def _packaged() -> str:
    """The template as `fanfold deploy --package` writes it, but for the names of the archives."""
    source = template.read(ROOT)
    code = [name for name, resource in source["Resources"].items() if resource["Type"] in template.CODE_PLACES]
    archives = {name: Archive(Path(f"{name}.zip"), f"fanfold/{name}.zip") for name in code}
    return Package(source, archives, is_compiled=True).template(_BUCKET)
