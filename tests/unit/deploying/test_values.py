"""Parameters and tags of a deploy: what is asked for, set, kept and left out."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.cloudformation.models import cloudformation_backends
from tests.unit.deploying.conftest import BUCKET, REGION, Deploy, parameters, stacks

from fanfold.cli.conclusion import ExitCode
from fanfold.deploying.container import filled
from fanfold.project import find_root
from localaws import template
from localaws.errors import ParameterError


def test_an_update_keeps_the_parameters_that_are_not_given_and_sends_what_has_changed(
    deploy: Deploy, session: boto3.Session, root: Path
) -> None:
    deploy("--parameter", "MaxInstances=2", "--parameter", "InstanceType=ml.m5.xlarge")
    before = {it["Key"] for it in session.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]}
    (root / "functions/echo/handler.py").write_text("def handler(event, context): return context\n", encoding="utf-8")
    template = (root / "template.yaml").read_text(encoding="utf-8")
    (root / "template.yaml").write_text(template.replace("ml.m5.xlarge]", "ml.m5.xlarge, ml.g5.xlarge]"), "utf-8")
    run = deploy("--parameter", "MaxInstances=3")
    assert run.exit_code == ExitCode.OK, run.stderr
    assert stacks(session) == ["UPDATE_COMPLETE"]
    now = parameters(session)
    assert (now["MaxInstances"], now["InstanceType"]) == ("3", "ml.m5.xlarge")
    after = {it["Key"] for it in session.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]}
    # The function and the template; the layer is as it was.
    assert (len(before), len(after - before), before - after) == (3, 2, set())


def test_a_stack_is_tagged_with_its_name_and_keeps_the_tags_that_others_gave_it(
    deploy: Deploy, session: boto3.Session
) -> None:
    def tags() -> dict[str, str]:
        (found,) = session.client("cloudformation").describe_stacks(StackName="tweets")["Stacks"]
        return {one["Key"]: one["Value"] for one in found["Tags"]}

    assert deploy("--stack", "tweets", "--tag", "team=nlp", "--tag", "stage=test").exit_code == ExitCode.OK
    assert tags() == {"fanfold": "tweets", "team": "nlp", "stage": "test"}
    run = deploy("--stack", "tweets", "--parameter", "MaxInstances=2", "--tag", "stage=", "--tag", "fanfold=pool")
    assert run.exit_code == ExitCode.OK, run.stderr
    assert tags() == {"fanfold": "pool", "team": "nlp"}
    # Of a product portfolio, for example: sent, it would be refused.
    (stack,) = cloudformation_backends["123456789012"][REGION].stacks.values()
    stack.tags |= {"aws:servicecatalog:productArn": "arn"}
    run = deploy("--stack", "tweets", "--parameter", "MaxInstances=3")
    assert run.exit_code == ExitCode.OK, run.stderr
    assert tags() == {"fanfold": "pool", "team": "nlp"}


@pytest.mark.parametrize("tag", ["team", "=nlp", "aws:team=nlp", f"{'k' * 129}=nlp", f"team={'v' * 257}"])
def test_what_cannot_be_a_tag_is_wrong_usage(tag: str, deploy: Deploy) -> None:
    run = deploy("--tag", tag)
    assert (run.exit_code, "--tag" in run.stderr) == (ExitCode.WRONG_USAGE, True)


@pytest.mark.parametrize("email", ["you@example.com", ""])
def test_a_parameter_that_this_version_does_not_have_is_left_out_and_named_unless_it_had_its_default(
    email: str, deploy: Deploy, asked: list[dict[str, Any]], root: Path
) -> None:
    deploy("--parameter", f"AlarmEmail={email}")
    text = (root / "template.yaml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("  AlarmEmail:")]
    (root / "template.yaml").write_text("\n".join(lines).replace(", AlarmEmail]", "]"), encoding="utf-8")
    run = deploy()
    assert run.exit_code == ExitCode.OK, run.stderr
    words = (
        f"no longer has these parameters: AlarmEmail={email}. To replace them, see docs/upgrade.md, “Parameters that "
        "are gone”"
    )
    assert "## Parameters that are gone\n" in (find_root() / "docs/upgrade.md").read_text(encoding="utf-8")
    assert (words in run.stderr, "no longer" in run.stderr) == (bool(email), bool(email))
    assert ["AlarmEmail" in it["parameters"] for it in asked] == [True, False]


def test_a_new_stack_asks_for_what_there_is_to_decide(deploy: Deploy, session: boto3.Session) -> None:
    run = deploy("--parameter", "MaxInstances=1", stdin="ml.p5.huge\nml.m5.xlarge\nyou@example.com\ny\n")
    assert run.exit_code == ExitCode.OK, run.stderr
    assert "InstanceType must be one of ml.g4dn.xlarge, ml.m5.xlarge, not 'ml.p5.huge'" in run.stderr
    assert "Who hears of alarms?" in run.stderr
    found = parameters(session)
    assert (found["InstanceType"], found["AlarmEmail"], found["MaxInstances"]) == (
        "ml.m5.xlarge",
        "you@example.com",
        "1",
    )
    # A stack that is there isn't asked again.
    run = deploy("--parameter", "MaxInstances=2", stdin="y\n")
    assert run.exit_code == ExitCode.OK, run.stderr
    assert "Who hears of alarms?" not in run.stderr


def test_variables_of_the_container_are_filled_in_and_kept(
    deploy: Deploy, session: boto3.Session, asked: list[dict[str, Any]]
) -> None:
    def environment() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(asked[-1]["template"])["Resources"]["Model"]["Properties"]
        return dict(found["PrimaryContainer"]["Environment"])

    own = {"HF_TASK": {"Ref": "InstanceType"}, "LIMIT": "1"}
    deploy()
    assert environment() == own
    given = {"MAX_BATCH_TOKENS": "16384", "LIMIT": 2, "TRACE": True}
    run = deploy("--parameter", f"ContainerEnvironment={json.dumps(given)}")
    assert run.exit_code == ExitCode.OK, run.stderr
    assert environment() == {**own, "MAX_BATCH_TOKENS": "16384", "LIMIT": "2", "TRACE": "true"}
    run = deploy("--parameter", "MaxInstances=2")
    assert run.exit_code == ExitCode.OK, run.stderr
    assert environment()["MAX_BATCH_TOKENS"] == "16384"
    assert json.loads(parameters(session)["ContainerEnvironment"]) == given
    deploy("--parameter", "ContainerEnvironment={}")
    assert environment() == own
    assert "Rules" in json.loads(asked[-1]["template"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("{", "isn't JSON"),
        ("[]", "must be a JSON object"),
        ('{"A-NAME": "1"}', "'A-NAME' can't be a variable"),
        ('{"MAX": null}', "MAX must be a text, a number, true or false"),
        ('{"MAX": {}}', "MAX must be a text"),
        (json.dumps({"MAX": "9" * 1025}), "MAX has more than 1,024 characters"),
        ('{"HF_TASK": "ner"}', "HF_TASK is set by a parameter of its own"),
        (json.dumps({f"V{number}": "" for number in range(100)}), "100 variables at most"),
    ],
)
def test_what_cannot_be_variables_of_the_container_is_refused(
    given: str, words: str, deploy: Deploy, session: boto3.Session
) -> None:
    run = deploy("--parameter", f"ContainerEnvironment={given}")
    assert isinstance(run.exception, ParameterError)
    assert words in str(run.exception)
    assert stacks(session) == []


def test_defaults_of_jobs_that_the_container_cuts_short_are_warned_of(deploy: Deploy) -> None:
    defaults = ["--parameter", 'JobDefaults={"invocation-timeout-seconds": 1800}']
    assert "JobDefaults: invocation-timeout-seconds is 1800, but the stack's container ends" in deploy(*defaults).stderr
    run = deploy("--parameter", "ContainerTimeoutSeconds=1800")
    assert (run.exit_code, "invocation-timeout-seconds" in run.stderr) == (ExitCode.OK, False)


def test_without_a_deploy_variables_of_the_container_are_refused_instead_of_ignored() -> None:
    source, chosen = template.read(find_root()), {"ContainerEnvironment": '{"MAX_BATCH_TOKENS": "16384"}'}
    with pytest.raises(ParameterError, match="Only `fanfold deploy` fills ContainerEnvironment in"):
        template.check(source, chosen)
    full = filled(source, chosen)
    template.check(full, chosen)
    environment = full["Resources"]["Model"]["Properties"]["PrimaryContainer"]["Environment"]
    assert environment.items() >= {"MAX_BATCH_TOKENS": "16384", "HF_TASK": {"Ref": "HfTask"}}.items()
    # What a parameter sets has no second place.
    for name in ("HF_MODEL_ID", "HF_MODEL_REVISION", "HF_TASK", "HF_API_TOKEN", "HF_TOKEN"):
        with pytest.raises(ParameterError, match=f"{name} is set by a parameter"):
            filled(source, {"ContainerEnvironment": json.dumps({name: "x"})})
    from_s3 = {"ModelDataUrl": "s3://models/model.tar.gz", "ContainerEnvironment": '{"HF_MODEL_ID": "/opt/ml/model"}'}
    (model,) = (it for it in filled(source, from_s3)["Resources"].values() if it["Type"] == "AWS::SageMaker::Model")
    assert model["Properties"]["PrimaryContainer"]["Environment"]["HF_MODEL_ID"] == "/opt/ml/model"
