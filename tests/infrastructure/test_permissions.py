"""Nobody may do more than the security guide says, which is what the template grants."""

import re
from runpy import run_path
from typing import Any

import pytest

from fanfold.project import find_root
from localaws.template import load

ROOT = find_root()
script = run_path(str(ROOT / "scripts/unused_permissions.py"))
statements, listed = script["statements"], script["listed"]
resources: dict[str, dict[str, Any]] = dict(load(ROOT).body["Resources"])
# The permissions that a function needs of a queue which it is invoked with.
OF_A_QUEUE = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
mappings = [it["Properties"] for it in resources.values() if it["Type"] == "AWS::Lambda::EventSourceMapping"]


def described(value: Any) -> str:
    """A resource as the guide spells it: Ledger, ${InputBucket}/*."""
    match value:
        case list():
            return ", ".join(map(described, value))
        case {"Ref": name} | {"Fn::GetAtt": [name, _]}:
            return str(name)
        case {"Fn::Sub": [text, _]} | {"Fn::Sub": text}:
            return str(text).replace(".Arn}", "}")
        case {"Fn::If": [_, *choices]}:
            return "` or `".join(map(described, choices))
    return str(value)


def restricted(statement: dict[str, Any]) -> str:
    """What a condition leaves of it."""
    for keys in statement.get("Condition", {}).values():
        for key, values in keys.items():
            return f", `{key}` is `{described(values)}`"
    return ""


def rows() -> list[str]:
    """The table of permissions, a line per statement."""
    return [
        f"| {re.sub('(Function)?(Role|Policy)$', '', holder)} | "
        f"{re.sub(r'(?<!^)(?=[A-Z])', ' ', statement['Sid']).capitalize()} | "
        f"{described(statement['Action'])} | `{described(statement['Resource'])}`{restricted(statement)} |"
        for holder, statement in statements()
    ]


def test_the_table_of_permissions_is_the_templates() -> None:
    guide = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    table = guide.partition("| who | why | may | on |\n|---|---|---|---|\n")[2].partition("\n\n")[0]
    assert table.splitlines() == rows()


def test_roles_have_no_policy_of_aws_and_every_resource_only_with_a_reason() -> None:
    assert list(script["unbounded"]()) == []
    whole = {statement["Sid"] for _, statement in statements() if "*" in listed(statement["Resource"])}
    assert whole == set(script["EVERYWHERE"])
    lists = {it["Sid"] for _, it in statements() if "s3:ListBucket" in listed(it["Action"]) and "Condition" not in it}
    assert lists == set(script["WHOLE_BUCKETS"])


@pytest.mark.parametrize("role", [name for name, it in resources.items() if it["Type"] == "AWS::IAM::Role"])
def test_a_role_trusts_one_service_and_sagemaker_on_behalf_of_this_account_only(role: str) -> None:
    (trust,) = resources[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    service = {"EndpointRole": "sagemaker", "WebhookRole": "events"}.get(role, "lambda")
    assert (trust["Action"], trust["Principal"]) == ("sts:AssumeRole", {"Service": f"{service}.amazonaws.com"})
    here = {"Fn::Sub": "arn:${AWS::Partition}:sagemaker:${AWS::Region}:${AWS::AccountId}:*"}
    assert trust.get("Condition") == ({"ArnLike": {"aws:SourceArn": here}} if service == "sagemaker" else None)


def test_every_exception_is_of_something_granted() -> None:
    calls = list(script["granted"]())
    for exception in script["EXCEPTIONS"]:
        assert any(call.startswith(exception) or f" {exception}" in call for call in calls), exception


def test_actions_are_named_one_by_one() -> None:
    assert not [action for _, statement in statements() for action in listed(statement["Action"]) if "*" in action]


@pytest.mark.parametrize("mapping", mappings, ids=lambda mapping: mapping["FunctionName"]["Ref"])
def test_a_function_takes_messages_of_its_own_queue_and_writes_its_own_log_only(mapping: dict[str, Any]) -> None:
    function = resources[mapping["FunctionName"]["Ref"]]["Properties"]
    role = function["Role"]["Fn::GetAtt"][0]
    own = [statement for name, statement in statements() if name == role]
    (takes,) = (it for it in own if OF_A_QUEUE & set(listed(it["Action"])) and "DeadLetters" not in str(it["Resource"]))
    assert (set(takes["Action"]), takes["Resource"]) == (OF_A_QUEUE, mapping["EventSourceArn"])
    (writes,) = (it for it in own if "logs:PutLogEvents" in listed(it["Action"]))
    assert writes["Resource"] == {"Fn::GetAtt": [function["LoggingConfig"]["LogGroup"]["Ref"], "Arn"]}
    users = [it for it in resources.values() if it["Type"] == "AWS::Lambda::Function" and role in str(it["Properties"])]
    assert len(users) == 1
