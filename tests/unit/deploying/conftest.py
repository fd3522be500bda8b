"""A small system, and an account to deploy it to: moto's, with SAM's transform where CloudFormation has it."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import boto3
import pytest
from botocore.loaders import create_loader
from click.testing import CliRunner, Result, _NamedTextIOWrapper
from moto import mock_aws
from moto.cloudformation.models import CloudFormationBackend
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from fanfold.cli import cli

# Most of a session's time goes into reading the descriptions of AWS, which are the same for all tests.
LOADER = create_loader()
REGION: Final = "eu-central-1"
BUCKET = f"fanfold-artifacts-123456789012-{REGION}"
TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Description: "Fanfold: a small one"
Metadata:
  AWS::CloudFormation::Interface:
    ParameterGroups:
      - Label: { default: To decide }
        Parameters: [InstanceType, AlarmEmail]
Parameters:
  InstanceType:
    Type: String
    Default: ml.g4dn.xlarge
    AllowedValues: [ml.g4dn.xlarge, ml.m5.xlarge]
    Description: Which?
  AlarmEmail: { Type: String, Default: "", Description: Who hears of alarms? }
  MinInstances: { Type: Number, Default: 0 }
  MaxInstances: { Type: Number, Default: 5 }
  JobDefaults: { Type: String, Default: "{}" }
  ContainerEnvironment: { Type: String, Default: "{}" }
  ContainerTimeoutSeconds: { Type: Number, Default: 900 }
  EndpointName: { Type: String, Default: "" }
  HfModelId: { Type: String, Default: acme/sentiment }
  HfRevision: { Type: String, Default: "" }
  ModelDataUrl: { Type: String, Default: "" }
Conditions:
  InstanceWithoutContainer: !Equals [!Ref InstanceType, ml.inf2.xlarge]
Rules:
  FanfoldDeployFillsContainerEnvironmentIn:
    Assertions: [{ Assert: !Equals [!Ref ContainerEnvironment, "{}"], AssertDescription: only by deploy }]
  OneModel:
    RuleCondition: !Not [!Equals [!Ref ModelDataUrl, ""]]
    Assertions: [{ Assert: !Equals [!Ref HfRevision, ""], AssertDescription: leave HfRevision empty }]
  Elsewhere:
    RuleCondition: !Equals [!Ref AWS::Region, mx-central-1]
    Assertions: [{ Assert: !Equals [!Ref MaxInstances, 1], AssertDescription: one instance in this region }]
Resources:
  Chunks: { Type: AWS::SQS::Queue, Properties: { Tags: [{ Key: instances, Value: !Ref MaxInstances }] } }
  Outcomes: { Type: AWS::SQS::Queue, Properties: { Tags: &tags [{ Key: type, Value: !Ref InstanceType }] } }
  Model:
    Type: AWS::SageMaker::Model
    Properties:
      ExecutionRoleArn: arn:aws:iam::123456789012:role/model
      PrimaryContainer: { Image: image, Environment: { HF_TASK: !Ref InstanceType, LIMIT: "1" } }
  Core:
    Type: AWS::Serverless::LayerVersion
    Metadata: { BuildMethod: makefile }
    Properties: { ContentUri: layers/core, CompatibleRuntimes: [python3.13] }
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      { Runtime: python3.13, Handler: handler.handler, CodeUri: functions/echo }
Outputs:
  Queue: { Value: !Ref Chunks }
"""
# As layers/core/build.py is called, and what it says where it finds no Python 3.13.
BUILD = """
import sys
from pathlib import Path

layer, folder, how = sys.argv[1:]
assert (layer, how) == ("Core", "--bytecode-optional")
(Path(folder) / "python/__pycache__").mkdir(parents=True)
(Path(folder) / "python/shared.py").write_text("WORD = 'echo'")
(Path(folder) / "python/__pycache__/shared.cpython-313.pyc").write_bytes(b"bytecode")
"""

Deploy = Callable[..., Result]


def parameters(session: boto3.Session, stack: str = "fanfold") -> dict[str, str]:
    (found,) = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {one["ParameterKey"]: one["ParameterValue"] for one in found["Parameters"]}


def stacks(session: boto3.Session) -> list[str]:
    listed = session.client("cloudformation").list_stacks()["StackSummaries"]
    return [it["StackStatus"] for it in listed if it["StackStatus"] != "DELETE_COMPLETE"]


@pytest.fixture(autouse=True)
def shared_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.session.create_loader", lambda _path: LOADER)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "template.yaml": TEMPLATE,
        "layers/core/build.py": BUILD,
        "functions/echo/handler.py": "def handler(event, context): return event\n",
        "functions/echo/__pycache__/handler.cpython-311.pyc": "of this machine",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def transformed(body: str) -> dict[str, Any]:
    """A template as CloudFormation's macro gives it."""
    with patch.dict("os.environ", {"AWS_DEFAULT_REGION": REGION}):
        translator = Translator(managed_policy_map=None, sam_parser=Parser())
        translated = translator.translate(json.loads(body), {}, get_managed_policy_map=dict)
    found: dict[str, Any] = json.loads(json.dumps(translated, default=str))
    return found


@pytest.fixture
def asked() -> list[dict[str, Any]]:
    """The change sets that CloudFormation has been asked for, with previous values in their place."""
    return []


@pytest.fixture
def session(asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    """A session of an empty account."""
    create, execute = CloudFormationBackend.create_change_set, CloudFormationBackend.execute_change_set

    def create_change_set(self: CloudFormationBackend, **given: Any) -> tuple[str, str]:
        # Moto has numbers where they are previous values.
        given["parameters"] = {name: str(value) for name, value in given["parameters"].items()}
        asked.append(given)
        return create(self, **{**given, "template": json.dumps(transformed(given["template"]))})

    def execute_change_set(self: CloudFormationBackend, **given: Any) -> None:
        execute(self, **given)
        # Moto forgets all this where a change set changes a stack.
        (stack,) = (it for it in self.stacks.values() if it.status.endswith("_COMPLETE"))
        stack._parse_template()  # noqa: SLF001 - as its own updates do
        declared = stack.template_dict["Parameters"]
        stack.parameters = {name: str(it["Default"]) for name, it in declared.items()} | asked[-1]["parameters"]
        stack.tags = asked[-1]["tags"]
        stack.description = stack.template_dict["Description"]
        stack.output_map = stack._create_output_map()  # noqa: SLF001 - likewise

    monkeypatch.setattr(CloudFormationBackend, "create_change_set", create_change_set)
    monkeypatch.setattr(CloudFormationBackend, "execute_change_set", execute_change_set)
    # Moto knows no conditions, so it takes a denial of what isn't TLS for one of everything.
    monkeypatch.setattr(FakeBucket, "get_permission", lambda *_: PermissionResult.NEUTRAL)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "FANFOLD_STACK", "HF_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    # No Hub answers there.
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        yield boto3.Session()


@pytest.fixture
def deploy(root: Path, session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> Deploy:
    """The command, in the account; with `stdin`, a person answers on a terminal."""
    assert session.region_name == REGION
    # Of the package, the name is the command's.
    monkeypatch.setattr(sys.modules["fanfold.cli.deploy"], "find_root", lambda: root)
    monkeypatch.setattr(_NamedTextIOWrapper, "isatty", lambda stream: stream.name == "<stdin>")

    def run(*arguments: str, stdin: str | None = None) -> Result:
        given = ["deploy", *arguments, *([] if stdin is not None else ["--yes"])]
        return CliRunner().invoke(cli, given, input=stdin)

    return run
