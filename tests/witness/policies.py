"""Parliament looks through every IAM statement of the transformed template: unknown actions, wrong resources, …."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

from tests.witness.services import ENVIRONMENT, ROOT, version
from tests.witness.witness import AbsentError, DisagreementError

from localaws import template

# What parliament says that isn't so, and why.
EXCEPTIONS = {
    "EndpointRole serve RESOURCE_STAR": "network interfaces have no name before they are there",
    "OutcomesQueuePolicy RESOURCE_STAR": "in a queue's policy: this queue",
}
# What stands for a value that CloudFormation knows only when it creates the stack.
_ACCOUNT = "us-east-1:123456789012"
_KNOWN = {
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "123456789012",
    "AWS::StackName": "fanfold",
    "AWS::StackId": f"arn:aws:cloudformation:{_ACCOUNT}:stack/fanfold/6a5ef09e",
    "KmsKeyArn": f"arn:aws:kms:{_ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "HfTokenSecretArn": f"arn:aws:secretsmanager:{_ACCOUNT}:secret:token-1a2b3c",
    "WebhookSecretArn": f"arn:aws:secretsmanager:{_ACCOUNT}:secret:webhook-1a2b3c",
    "ModelDataUrl": "s3://models/model.tar.gz",
}
_SCRIPT = """
import json, sys, warnings
warnings.simplefilter("ignore")
from parliament import analyze_policy_string, enhance_finding
for name, text in json.load(sys.stdin).items():
    for finding in analyze_policy_string(text).findings:
        found = enhance_finding(finding)
        print(json.dumps([name, found.issue, found.detail, str(found.location.get("string", ""))]))
"""


def statements() -> str:
    """Ask parliament."""
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / "bin" / "parliament").exists():
        raise AbsentError("parliament is not installed: make .venv-witness/.locked")
    body = template.load(ROOT).body
    judged = dict(documents(body))
    count = sum(len(document["Statement"]) for document in judged.values())
    asked = json.dumps({name: json.dumps(document) for name, document in judged.items()})
    answered = subprocess.run([python, "-c", _SCRIPT], input=asked, capture_output=True, text=True, check=True)
    findings = [json.loads(line) for line in answered.stdout.splitlines()]
    told = [" ".join(map(str, found)) for found in findings if f"{found[0]} {found[1]}" not in EXCEPTIONS]
    if told:
        raise DisagreementError("; ".join(told))
    return f"parliament {version('parliament')}: {count} statements of {len(judged)} policies, nothing found"


def documents(body: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every policy document of a template, with a value in place of each function."""
    for name, resource in body["Resources"].items():
        properties = resource.get("Properties", {})
        for policy in properties.get("Policies", []) if resource["Type"] == "AWS::IAM::Role" else []:
            yield f"{name} {policy.get('PolicyName', '')}", _plain(body, policy["PolicyDocument"])
        # Parliament knows no trust policies, which have no resource.
        if "PolicyDocument" in properties:
            yield name, _plain(body, properties["PolicyDocument"])
        elif "KeyPolicy" in properties:
            yield name, _plain(body, properties["KeyPolicy"])


def _plain(body: Any, value: Any) -> Any:  # noqa: PLR0911 - a return for each kind of value
    """A value with something in place of each function; of each condition, what it would add."""
    match value:
        case {"Fn::If": [_, chosen, other]}:
            return _plain(body, other if chosen == {"Ref": "AWS::NoValue"} else chosen)
        case {"Ref": name}:
            return _KNOWN.get(name) or _reference(body, name)
        case {"Fn::GetAtt": [name, attribute]}:
            return _arn(body["Resources"][name]["Type"], name) if "Arn" in attribute else name
        case dict() if any(key.startswith("Fn::") for key in value):
            return _text(body, value)
        case dict():
            return {key: _plain(body, inner) for key, inner in value.items()}
        case list():
            return [_plain(body, inner) for inner in value]
    return value


def _text(body: Any, function: Mapping[str, Any]) -> str:
    """What a function makes of texts."""
    match function:
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([^}]+)\}", lambda found: _substitute(body, found[1]), text)
        case {"Fn::Sub": [str(text), dict(named)]}:
            own = {f"${{{name}}}": str(_plain(body, value)) for name, value in named.items()}
            for name, value in own.items():
                text = text.replace(name, value)
            return _text(body, {"Fn::Sub": text})
        case {"Fn::Select": [number, {"Fn::Split": [by, text]}]}:
            return str(_plain(body, text)).split(by)[int(number)]
        case {"Fn::Join": [by, parts]}:
            return str(by).join(map(str, _plain(body, parts)))
        case {"Fn::FindInMap": _}:
            return _KNOWN["AWS::AccountId"]  # the only kind of mapping that a policy asks: whose registry it is
    raise NotImplementedError(str(function))


def _substitute(body: Any, name: str) -> str:
    resource, _, attribute = name.partition(".")
    return str(_plain(body, {"Fn::GetAtt": [resource, attribute]} if attribute else {"Ref": name}))


def _reference(body: Any, name: str) -> str:
    kind = body["Resources"].get(name, {}).get("Type", "")
    return _arn(kind, name) if kind in _REFERRED_TO_BY_ARN else name.lower()


_REFERRED_TO_BY_ARN = {
    "AWS::SNS::Topic",
    "AWS::IAM::ManagedPolicy",
    "AWS::SageMaker::Endpoint",
    "AWS::SageMaker::EndpointConfig",
}
_ARNS = {
    "AWS::S3::Bucket": "arn:aws:s3:::{bucket}",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:{account}:table/{name}",
    "AWS::Events::ApiDestination": "arn:aws:events:{account}:api-destination/{name}",
    "AWS::Events::Rule": "arn:aws:events:{account}:rule/{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{account}:{name}",
    "AWS::SNS::Topic": "arn:aws:sns:{account}:{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{account}:function:{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{account}:log-group:{name}:*",
    "AWS::SageMaker::Endpoint": "arn:aws:sagemaker:{account}:endpoint/{name}",
    "AWS::SageMaker::EndpointConfig": "arn:aws:sagemaker:{account}:endpoint-config/{name}",
    "AWS::IAM::Role": "arn:aws:iam::123456789012:role/{name}",
}


def _arn(kind: str, name: str) -> str:
    return _ARNS.get(kind, name).format(account=_ACCOUNT, name=name, bucket=name.lower())
