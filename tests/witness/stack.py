"""What `sam build` has made, as a stack on ministack: the layers and the functions that would go to Lambda."""

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
from tests.witness.endpoint import NAME, Endpoint
from tests.witness.services import KEYS, ROOT, lambda_python, ministack
from tests.witness.witness import AbsentError, DisagreementError

from localaws import template

BUILT = ROOT / ".aws-sam" / "build"
_CODE = "code"
# Ministack refuses alarms over several metrics. No job needs any.
_UNKNOWN = {
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::Logs::QueryDefinition",
}


@dataclass(frozen=True, slots=True)
class Deployed:
    """The stack, its model, and a session whose clients reach both."""

    session: boto3.Session
    endpoint: Endpoint
    outputs: dict[str, str]


@contextmanager
def deployed(ledger_url: str | None = None) -> Iterator[Deployed]:
    """The built stack on a ministack of its own; with its ledger at another address, if one is given."""
    lambda_python()
    if not (BUILT / "template.yaml").exists():
        raise AbsentError("the layers are not built: make build")
    endpoint = Endpoint()
    variables = {"AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": endpoint.url}
    if ledger_url:
        variables["AWS_ENDPOINT_URL_DYNAMODB"] = ledger_url
    try:
        with ministack(variables) as url, patch.dict("os.environ", {**KEYS, "AWS_ENDPOINT_URL": url, **variables}):
            session = boto3.Session()
            outputs = _create(session)
            if ledger_url:
                _make_ledger(session, outputs["LedgerTable"])
            endpoint.connect(session.client("s3"), session.client("sns"), outputs)
            yield Deployed(session, endpoint, outputs)
    finally:
        endpoint.close()


def transformed() -> dict[str, Any]:
    """The built template as CloudFormation gets it, with its code in a bucket; without what ministack doesn't know."""
    body = dict(template.load(BUILT).body)
    body["Resources"] = {name: found for name, found in body["Resources"].items() if found["Type"] not in _UNKNOWN}
    for name, resource in body["Resources"].items():
        match resource["Type"]:
            case "AWS::Lambda::Function":
                resource["Properties"]["Code"] = {"S3Bucket": _CODE, "S3Key": f"{name}.zip"}
            case "AWS::Lambda::LayerVersion":
                resource["Properties"]["Content"] = {"S3Bucket": _CODE, "S3Key": f"{name}.zip"}
    return body


def _create(session: boto3.Session) -> dict[str, str]:
    s3, formation = session.client("s3"), session.client("cloudformation")
    s3.create_bucket(Bucket=_CODE)
    body = transformed()
    folders = [folder for folder in BUILT.iterdir() if folder.is_dir()]
    for name, resource in body["Resources"].items():
        if resource["Type"] in {"AWS::Lambda::Function", "AWS::Lambda::LayerVersion"}:
            # SAM appends to a layer's name what its content makes of it.
            (folder,) = (found for found in folders if name.startswith(found.name))
            s3.put_object(Bucket=_CODE, Key=f"{name}.zip", Body=_zipped(folder))
    chosen = {"EndpointName": NAME, "JobDefaults": '{"input-column": "text"}', "SweepSchedule": "rate(1 minute)"}
    parameters: Any = [{"ParameterKey": key, "ParameterValue": value} for key, value in chosen.items()]
    formation.create_stack(
        StackName=NAME, TemplateBody=json.dumps(body), Parameters=parameters, Capabilities=["CAPABILITY_IAM"]
    )
    formation.get_waiter("stack_create_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 90})
    (stack,) = formation.describe_stacks(StackName=NAME)["Stacks"]
    if stack["StackStatus"] != "CREATE_COMPLETE":
        raise DisagreementError(f"the stack is {stack['StackStatus']}: {stack.get('StackStatusReason')}")
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _make_ledger(session: boto3.Session, name: str) -> None:
    properties = template.load(BUILT).body["Resources"]["Ledger"]["Properties"]
    wanted = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    client = session.client("dynamodb")
    client.create_table(TableName=name, **{key: properties[key] for key in wanted})
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})


def _zipped(folder: Path) -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder))
    return content.getvalue()
