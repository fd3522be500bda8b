"""What the security guide says of permissions is what the template grants."""

import re
from collections.abc import Iterator
from typing import Any

from fanfold.project import find_root
from localaws.template import load

ROOT = find_root()
WHO = {"EndpointPolicy": "Endpoint", "KeyPolicy": "Every function"}


def described(value: Any) -> str:
    """A resource as the guide spells it: Ledger, ${InputBucket}/*."""
    match value:
        case list():
            return ", ".join(map(described, value))
        case {"Ref": name} | {"Fn::GetAtt": [name, _]}:
            return str(name)
        case {"Fn::Sub": [text, _]} | {"Fn::Sub": text}:
            return str(text).replace(".Arn}", "}")
    return str(value)


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, resource in load(ROOT).body["Resources"].items():
        properties = resource.get("Properties", {})
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        if resource["Type"] == "AWS::IAM::Policy":
            documents = [properties["PolicyDocument"]]
        if resource["Type"] in {"AWS::IAM::Role", "AWS::IAM::Policy"}:
            for document in documents:
                for statement in document["Statement"]:
                    yield name, statement.get("Fn::If", [None, statement])[1]


def rows() -> list[str]:
    """The table of permissions, a line per statement."""
    return [
        f"| {WHO.get(role, role.removesuffix('FunctionRole'))} | "
        f"{re.sub(r'(?<!^)(?=[A-Z])', ' ', statement['Sid']).capitalize()} | "
        f"{described(statement['Action'])} | `{described(statement['Resource'])}` |"
        for role, statement in statements()
    ]


def test_the_table_of_permissions_is_the_templates() -> None:
    guide = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    table = guide.partition("| who | why | may | on |\n|---|---|---|---|\n")[2].partition("\n\n")[0]
    assert table.splitlines() == rows()
