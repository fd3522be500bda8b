"""Compare what the template's roles may do with what they did: `scripts/unused_permissions.py FOLDER`.

FOLDER is what the local cloud has noted of the test suite (`make test`). A granted action that nothing used is wrong:
take it away, test it, or say below why it stays. What a role lacks fails a test by itself, for IAM is enforced there.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fanfold.project import find_root
from localaws.template import load

# Granted actions that no test can use, and why.
EXCEPTIONS = {
    "ec2:": "the local endpoint is in no VPC",
    "ecr:": "the local endpoint pulls no container",
    "kms:": "nothing is encrypted in the local cloud",
    "xray:": "the local cloud has no X-Ray",
    "cloudwatch:": "the local endpoint's metrics are published by who simulates its scaling",
    "AssemblerFunctionRole s3:AbortMultipartUpload": "for who loses a race of two that begin the same upload",
    "AssemblerFunctionRole s3:ListBucket": "S3 asks for it to call a version gone; the local cloud does so anyway",
    "CollectorFunctionRole s3:ListBucket": "likewise",
    "DispatcherFunctionRole s3:ListBucket": "likewise",
    "DispatcherFunctionRole sagemaker:InvokeEndpointAsync": "the local endpoint is no part of the cloud that asks IAM",
    "UserPolicy s3:AbortMultipartUpload": "for an upload that is broken off",
    "EndpointRole logs:": "the local endpoint writes its log to a file",
    "EndpointRole s3:ListBucket": "SageMaker looks for the bucket when an endpoint is created",
    "EndpointRole s3:AbortMultipartUpload": "the local endpoint writes its outputs in one piece",
}
# Statements, by their Sid, that hold for every resource, and why.
EVERYWHERE = {
    "CountInstanceHours": "AWS grants it for all metrics only; it reads numbers",
    "JoinTheSubnets": "network interfaces have no name before they are there",
    "LogInToTheRegistry": "a login is to all registries; which images may be pulled is said beside it",
    "SeeHowItScales": "AWS grants it for all resources only; it reads policies of scaling",
    "WriteMetrics": "a metric is no resource; which namespaces it may be in is a condition",
    "WriteTraces": "a trace is no resource",
}
# Statements that may list a whole bucket, and why: a condition on the prefix holds only where a request has one.
_ASKED_OF_AN_OBJECT = "S3 asks for it when an object is read that isn't there, in a request that has no prefix"
WHOLE_BUCKETS = {
    "FindBucket": "SageMaker doesn't say how it looks for the bucket",
    "TellThatAnOutputIsGone": _ASKED_OF_AN_OBJECT,
    "TellThatAnUploadIsGone": _ASKED_OF_AN_OBJECT,
    "TellThatAnUploadOrOutputIsGone": _ASKED_OF_AN_OBJECT,
}


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement, with its role or policy for people; of one that a condition leaves out, what it would say."""
    for name, resource in load(find_root()).body["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::IAM::Role":
            roles, documents = [name], [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        elif resource["Type"] in {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"}:
            roles = [role["Ref"] for role in properties.get("Roles", [])] or [name]
            documents = [properties["PolicyDocument"]]
        else:
            continue
        for document in documents:
            for statement in document["Statement"]:
                yield from ((role, statement.get("Fn::If", [None, statement])[1]) for role in roles)


def managed() -> Iterator[str]:
    """Every policy that is attached to a role by its name: "SplitterFunctionRole arn:aws:iam::aws:policy/…"."""
    for name, resource in load(find_root()).body["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role":
            yield from (f"{name} {policy}" for policy in resource["Properties"].get("ManagedPolicyArns", []))


def granted() -> Iterator[str]:
    """Every action of every role: "SplitterFunctionRole s3:GetObject"."""
    for role, statement in statements():
        yield from (f"{role} {action}" for action in listed(statement["Action"]))


def listed(value: Any) -> list[Any]:  # policies hold one or a list of anything
    """One or several, as several."""
    return value if isinstance(value, list) else [value]


def used(folder: Path) -> set[str]:
    """The same of what was noted, with logical ids in place of the names."""
    lines = {line for file in folder.glob("*.txt") for line in file.read_text(encoding="utf-8").splitlines()}
    return {re.sub(r"^.*?(\w+(?:Role|Policy))\S*", r"\1", line) for line in lines}


def unused(folder: Path) -> list[str]:
    """What is granted, was not used, and is no exception."""
    idle = sorted(set(granted()) - used(folder))
    return [call for call in idle if not any(call.startswith(it) or f" {it}" in call for it in EXCEPTIONS)]


def unbounded() -> Iterator[str]:
    """What nobody can tell by this template, or may do everywhere without a reason above."""
    for policy in managed():
        yield f"{policy}: say in the role what it may do; AWS may change its own policies"
    for role, statement in statements():
        if "*" in listed(statement["Resource"]) and statement["Sid"] not in EVERYWHERE:
            yield f"{role} {statement['Sid']}: may do so with every resource of the account"
        if _lists_all(statement) and statement["Sid"] not in WHOLE_BUCKETS:
            yield f"{role} {statement['Sid']}: may list the whole bucket"


def _lists_all(statement: dict[str, Any]) -> bool:
    prefixes = statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix")
    return "s3:ListBucket" in listed(statement["Action"]) and not prefixes


if __name__ == "__main__":
    found = [*unbounded(), *(f"{call}: granted, and no test makes use of it" for call in unused(Path(sys.argv[1])))]
    for words in found:
        print(f"template.yaml: {words}", file=sys.stderr)
    sys.exit(bool(found))
