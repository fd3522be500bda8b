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
    "logs:": "the local endpoint writes its log to a file",
    "cloudwatch:": "the local endpoint's metrics are published by who simulates its scaling",
    "AssemblerFunctionRole s3:AbortMultipartUpload": "for who loses a race of two that begin the same upload",
    "AssemblerFunctionRole s3:ListBucket": "S3 asks for it to call a version gone; the local cloud does so anyway",
    "CollectorFunctionRole s3:ListBucket": "likewise",
    "DispatcherFunctionRole s3:ListBucket": "likewise",
    "DispatcherFunctionRole sagemaker:InvokeEndpointAsync": "the local endpoint is no part of the cloud that asks IAM",
    "EndpointRole s3:ListBucket": "SageMaker looks for the bucket when an endpoint is created",
    "EndpointRole s3:AbortMultipartUpload": "the local endpoint writes its outputs in one piece",
}


def granted() -> Iterator[str]:
    """Every action of every role: "SplitterFunctionRole s3:GetObject". AWS's managed policies aren't ours to cut."""
    for name, resource in load(find_root()).body["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::IAM::Role":
            roles, documents = [name], [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        elif resource["Type"] == "AWS::IAM::Policy":
            roles, documents = [role["Ref"] for role in properties["Roles"]], [properties["PolicyDocument"]]
        else:
            continue
        for document in documents:
            for statement in document["Statement"]:
                yield from (f"{role} {action}" for role in roles for action in _actions(statement))


def _actions(statement: dict[str, Any]) -> list[str]:
    """Of a statement that a condition leaves out, those that it would have."""
    found = statement.get("Fn::If", [None, statement])[1]["Action"]
    return found if isinstance(found, list) else [found]


def used(folder: Path) -> set[str]:
    """The same of what was noted, with logical ids in place of the roles' names."""
    lines = {line for file in folder.glob("*.txt") for line in file.read_text(encoding="utf-8").splitlines()}
    return {re.sub(r"^.*?(\w+Role)\S*", r"\1", line) for line in lines}


def unused(folder: Path) -> list[str]:
    """What is granted, was not used, and is no exception."""
    idle = sorted(set(granted()) - used(folder))
    return [call for call in idle if not any(call.startswith(it) or f" {it}" in call for it in EXCEPTIONS)]


if __name__ == "__main__":
    found = unused(Path(sys.argv[1]))
    for call in found:
        print(f"{call}: granted in template.yaml, and no test makes use of it", file=sys.stderr)
    sys.exit(bool(found))
