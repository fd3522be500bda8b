"""The security policy is that of this version, and each protection of the threat model has a test that is there."""

import ast
import re
import tomllib

from tests.docs.pages import ROOT, anchors

HEAD = "| asset | attacker | attack | protection | test |\n|---|---|---|---|---|\n"
GUIDE = (ROOT / "docs/security.md").read_text(encoding="utf-8")
THREATS = GUIDE.partition(HEAD)[2].partition("\n\n")[0].splitlines()


def names_of_tests() -> set[str]:
    """The names of all tests, of those too that only run on request."""
    modules = (ast.parse(path.read_bytes()) for path in (ROOT / "tests").rglob("test_*.py"))
    nodes = (node for module in modules for node in ast.walk(module))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_a_threat_has_an_asset_an_attacker_an_attack_a_protection_and_tests() -> None:
    assert len(THREATS) > 10
    row = re.compile(r"(\| [^|]*[^|\s] ){4}\| `test_\w+`(, `test_\w+`)* \|")
    assert [threat for threat in THREATS if not row.fullmatch(threat)] == []


def test_each_test_that_a_threat_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", "\n".join(THREATS)))
    assert named - names_of_tests() == set()


def test_the_security_policy_says_how_to_report_what_is_in_scope_and_that_this_version_is_supported() -> None:
    policy = ROOT / "SECURITY.md"
    assert {"report-a-vulnerability", "supported-versions", "in-scope", "not-in-scope"} <= anchors(policy)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"| {version.rpartition('.')[0]}.x | yes |" in policy.read_text(encoding="utf-8")
