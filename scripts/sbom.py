#!/usr/bin/env python3
"""Write what ships, and under which licences, into build/sbom: `make sbom`.

A bill of materials (CycloneDX) for the wheel with its local cloud and for each layer: the packages of its requirements
file, with versions and hashes. A requirements file tells no licences; those are what the packages that are installed
here say, of the same versions. licences.txt lists them. A licence that isn't allowed is an error.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from license_expression import Licensing

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build/sbom"
SHIPPED = {
    "fanfold": ROOT / "requirements/runtime.txt",
    "fanfold-core-layer": ROOT / "layers/core/src/requirements.txt",
    "fanfold-numpy-layer": ROOT / "layers/core/numpy.txt",
    "fanfold-parquet-layer": ROOT / "layers/core/parquet.txt",
}
ALLOWED = {
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "CNRI-Python",
    "LicenseRef-BSD-License",
    "MIT",
    "MIT-0",
    "MPL-2.0",  # copyleft of its own files, which ship as they are
    "PSF-2.0",
    "Zlib",
}
# Classifiers, which some packages have beside an SPDX expression. The one of BSD doesn't say which; all are allowed.
CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
# What a package says in no such way, but in the text of its licence; and one that is installed on Windows only.
UNDECLARED = {"antlr4-python3-runtime": "BSD-3-Clause", "pywin32": "PSF-2.0", "vadersentiment": "MIT"}
UNKNOWN = "NOASSERTION"

Component = dict[str, Any]


def main() -> int:
    """Write the bills; the exit code is 1 if a licence is not allowed."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    declared = {normalized(found["name"]): found for found in bill("environment", Path(sys.prefix))["components"]}
    licences: dict[str, str] = {}
    for name, requirements in SHIPPED.items():
        found = bill("requirements", requirements, "--pyproject", ROOT / "pyproject.toml")
        found["metadata"]["component"]["name"] = name
        for component in found["components"]:
            licence = licence_of(component, declared)
            component["licenses"] = [{"expression": licence}]
            licences[f"{component['name']} {component['version']}"] = licence
        (FOLDER / f"{name}.cdx.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    lines = [f"{package}: {licence}\n" for package, licence in sorted(licences.items())]
    (FOLDER / "licences.txt").write_text("".join(lines), encoding="utf-8")
    refused = list(refusals(licences))
    print(*refused, sep="\n", end="\n" if refused else "", file=sys.stderr)
    return 1 if refused else 0


def bill(kind: str, source: Path, *options: str | Path) -> dict[str, Any]:
    """What CycloneDX's tool lists of an environment or a requirements file; the same each time."""
    tool = [str(ROOT / ".venv-supply/bin/cyclonedx-py"), kind, "--output-reproducible", "--no-validate"]
    listed = subprocess.run([*tool, *options, source], capture_output=True, text=True, check=False)
    if listed.returncode:
        sys.exit(f"cyclonedx-py {kind} {source}: {listed.stderr}")
    found: dict[str, Any] = json.loads(listed.stdout)
    return found


def licence_of(component: Component, declared: Mapping[str, Component]) -> str:
    """All that a package is under, as an SPDX expression.

    Example:
        >>> licence_of({"name": "Six"}, {"six": {"licenses": [{"license": {"id": "MIT"}}]}})
        'MIT'
    """
    name = normalized(component["name"])
    said = dict.fromkeys(f"({_expression(found)})" for found in declared.get(name, {}).get("licenses", ()))
    return str(Licensing().parse(" AND ".join(said))) if said else UNDECLARED.get(name, UNKNOWN)


def _expression(said: Mapping[str, Any]) -> str:
    if "expression" in said:
        return str(said["expression"])
    if "id" in said["license"]:
        return str(said["license"]["id"])
    name = said["license"]["name"].rpartition(" :: ")[2]
    return CLASSIFIERS.get(name, f"LicenseRef-{re.sub(r'[^A-Za-z0-9.]+', '-', name).strip('-')}")


def refusals(licences: Mapping[str, str]) -> Iterator[str]:
    """A line for each package with a licence that is not allowed."""
    for package, licence in licences.items():
        if licence == UNKNOWN:
            yield f"{package} declares no licence: read it, and add it to UNDECLARED in scripts/sbom.py"
        elif not is_allowed(licence):
            yield f"{package}: its licence {licence} is not allowed; see ALLOWED in scripts/sbom.py"


def is_allowed(licence: str, allowed: Iterable[str] = ALLOWED) -> bool:
    """Whether one may choose licences that are all allowed.

    Example:
        >>> is_allowed("MIT AND (GPL-3.0-only OR Zlib)", {"MIT", "Zlib"})
        True
    """
    licensing = Licensing()
    parsed = licensing.parse(licence)
    known = {symbol: licensing.TRUE if str(symbol) in allowed else licensing.FALSE for symbol in parsed.symbols}
    return bool(parsed.subs(known).simplify() == licensing.TRUE)


def normalized(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
