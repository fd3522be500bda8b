"""What ships is listed, its licences are allowed, and known vulnerabilities are looked for. `make test-supply`."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from scripts import audit, sbom

ROOT = sbom.ROOT
in_its_own_environment = pytest.mark.supply


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("LGPL-2.1-only OR MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("MIT AND (GPL-3.0-only OR Zlib)", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("LicenseRef-Proprietary", False),
    ],
)
def test_a_licence_is_allowed_if_one_may_choose_allowed_ones(licence: str, *, allowed: bool) -> None:
    assert sbom.is_allowed(licence) == allowed
    assert (list(sbom.refusals({"widget 1.0": licence})) == []) == allowed


def declared(*licences: dict[str, str]) -> str:
    """The licence of a package that declares these."""
    return sbom.licence_of(
        {"name": "Some_Widget"}, {"some-widget": {"licenses": [{"license": one} for one in licences]}}
    )


def test_all_that_a_package_declares_counts() -> None:
    gpl = {"name": "License :: OSI Approved :: GNU General Public License v3 (GPLv3)"}
    assert declared({"id": "MIT"}, gpl) == "MIT AND LicenseRef-GNU-General-Public-License-v3-GPLv3"
    assert declared({"id": "MIT"}, {"id": "MIT"}) == "MIT"
    assert declared({"name": "License :: OSI Approved :: Apache Software License"}) == "Apache-2.0"


def test_a_package_without_a_licence_is_refused() -> None:
    assert list(sbom.refusals({"widget 1.0": declared()})) == [
        "widget 1.0 declares no licence: read it, and add it to UNDECLARED in scripts/sbom.py"
    ]


def packages(requirements: str) -> set[tuple[str, str, frozenset[str]]]:
    """Names, versions and hashes that a requirements file pins."""
    lines = re.findall(r"^([a-z0-9-]+)\S*==([^\s;\\]+)(.*)$", requirements.replace("\\\n", ""), re.MULTILINE)
    return {(name, version, frozenset(re.findall(r"sha256:(\w+)", rest))) for name, version, rest in lines}


def component(listed: dict[str, Any]) -> tuple[str, str, frozenset[str]]:
    hashes = (found["content"] for reference in listed["externalReferences"] for found in reference.get("hashes", ()))
    return sbom.normalized(listed["name"]), listed["version"], frozenset(hashes)


@in_its_own_environment
def test_a_bill_lists_what_is_pinned_each_with_a_licence() -> None:
    subprocess.run([sys.executable, ROOT / "scripts/sbom.py"], check=True)
    for name, requirements in sbom.SHIPPED.items():
        bill = json.loads((sbom.FOLDER / f"{name}.cdx.json").read_text(encoding="utf-8"))
        assert bill["bomFormat"] == "CycloneDX"
        assert {component(listed) for listed in bill["components"]} == packages(requirements.read_text())
        assert all(sbom.is_allowed(listed["licenses"][0]["expression"]) for listed in bill["components"])


class Osv(BaseHTTPRequestHandler):
    """A service that knows of a vulnerability of click, and of nothing else."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        found = [{"id": "PYSEC-1", "details": "It clicks.", "published": "2026-01-01T00:00:00Z", "affected": []}]
        answer = json.dumps({"vulns": found} if asked["package"]["name"] == "click" else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def service() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Osv) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()


@in_its_own_environment
def test_a_known_vulnerability_is_an_error(service: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert audit.main(service) == 1
    said = capfd.readouterr()
    assert re.search(r"^click +\S+ +PYSEC-1", said.out, re.MULTILINE)
    assert "Found 1 known vulnerability in 1 package" in said.err


def test_without_a_network_an_audit_says_that_it_was_skipped(capfd: pytest.CaptureFixture[str]) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Osv) as server:
        nobody = f"http://127.0.0.1:{server.server_port}/v1/query"
    assert audit.main(nobody) == 0
    assert capfd.readouterr().out == f"audit: skipped: {nobody} can't be reached\n"
