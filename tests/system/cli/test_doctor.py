"""What `fanfold doctor` says of endpoints that fit a stack, and of ones that don't."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fanfold.doctor.findings import Finding, Verdict
from fanfold.doctor.stack import examine
from fanfold.stacks import Stack

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.system.conftest import Pipeline
    from types_boto3_sagemaker.type_defs import ContainerDefinitionTypeDef, ProductionVariantTypeDef

    from localaws.cloud import LocalCloud

RESPONSES = ["SUCCESS_NOTIFICATION_TOPIC", "ERROR_NOTIFICATION_TOPIC"]


@pytest.fixture
def stack(cloud: LocalCloud) -> Stack:
    """The stack, as if it were on AWS."""
    return replace(Stack.find(cloud.session(), cloud.stack_name), is_local=False)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """What a test's endpoint is called."""
    return re.sub(r"\W|_", "-", request.node.name)[-63:].strip("-")


@pytest.fixture
def examined(stack: Stack, name: str) -> Callable[..., list[Finding]]:
    """Creates an endpoint with this OutputConfig, or a synchronous one, and this container, and examines it."""

    def create(output: dict[str, Any] | None, container: ContainerDefinitionTypeDef | None = None) -> list[Finding]:
        client = stack.session.client("sagemaker")
        role = "arn:aws:iam::123456789012:role/theirs"
        client.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container or {"Image": "theirs"})
        variant: ProductionVariantTypeDef = {"VariantName": "v", "ModelName": name, "InstanceType": "ml.m5.xlarge"}
        variant["InitialInstanceCount"] = 1
        asynchronous: dict[str, Any] = {"AsyncInferenceConfig": {"OutputConfig": output}} if output else {}
        client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **asynchronous)
        client.create_endpoint(EndpointName=name, EndpointConfigName=name)
        theirs = {**stack.parameters, "EndpointName": name}
        return list(examine(replace(stack, endpoint=name, parameters=theirs)))

    return create


def fitting(stack: Stack) -> dict[str, Any]:
    return {
        "S3OutputPath": f"s3://{stack.output_bucket}/async/",
        "NotificationConfig": {
            "SuccessTopic": stack.success_topic,
            "ErrorTopic": stack.error_topic,
            "IncludeInferenceResponseIn": RESPONSES,
        },
    }


def test_the_stacks_own_endpoint_fits_it(pipeline: Pipeline) -> None:
    run = pipeline.fanfold("doctor")
    assert run.returncode == 0
    lines = run.stdout.splitlines()
    assert lines[0] == "ok     every job has the default options unless its file says otherwise"
    assert lines[1] == "ok     endpoint fanfold is InService"
    assert all(line.startswith("ok ") for line in lines)
    assert lines[-1].endswith(", as the local cloud was started with it: nothing to pin")
    assert "ok     it scales by two policies" in lines
    assert len(lines) == 8


def test_somebody_elses_endpoint_may_fit(stack: Stack, examined: Callable[..., list[Finding]]) -> None:
    assert {finding.verdict for finding in examined(fitting(stack))} == {Verdict.OK}


@pytest.mark.parametrize(
    ("revision", "found"),
    [
        ({}, "risky  its model is owner/model at its latest commit, which may change; set HfRevision"),
        ({"HF_MODEL_REVISION": "v1.0"}, "risky  its model is owner/model at v1.0, which may change; set HfRevision"),
        ({"HF_MODEL_REVISION": "4b7f2c1a" * 5}, "ok     its model is owner/model at 4b7f2c1a4b7f2c1a"),
    ],
)
def test_a_model_of_the_hub_is_pinned_by_a_commit_alone(
    revision: dict[str, str], found: str, stack: Stack, examined: Callable[..., list[Finding]]
) -> None:
    *others, model = examined(fitting(stack), {"Environment": {"HF_MODEL_ID": "owner/model", **revision}})
    assert {finding.verdict for finding in others} == {Verdict.OK}
    assert str(model).startswith(found)


def test_a_model_in_s3_is_not_of_the_hub(stack: Stack, examined: Callable[..., list[Finding]]) -> None:
    given = {"ModelDataUrl": "s3://theirs/model.tar.gz", "Environment": {"HF_MODEL_ID": "/opt/ml/model"}}
    assert {finding.verdict for finding in examined(fitting(stack), given)} == {Verdict.OK}


@pytest.mark.parametrize(
    ("scaling", "found"),
    [
        ("off", "risky  it doesn't scale, so nothing wakes it and nothing lets it sleep; deploy with Scaling=on"),
        ("on", "wrong  it has no policy for StepScaling and TargetTrackingScaling; somebody has deleted what makes it"),
    ],
)
def test_an_endpoint_of_the_stack_that_has_ceased_to_scale_is_found(
    scaling: str, found: str, stack: Stack, name: str, examined: Callable[..., list[Finding]]
) -> None:
    examined(fitting(stack))
    own = {"EndpointName": "", "Scaling": scaling}
    findings = examine(replace(stack, endpoint=name, parameters={**stack.parameters, **own}))
    assert [finding for finding in map(str, findings) if finding.startswith(found)]


def test_what_does_not_fit_is_named_with_what_it_must_be(stack: Stack, examined: Callable[..., list[Finding]]) -> None:
    theirs = stack.success_topic.replace("123456789012", "210987654321")
    output = {"S3OutputPath": "s3://theirs/out", "NotificationConfig": {"SuccessTopic": theirs}}
    _, _, path, success, error, responses = examined(output)
    assert str(path) == (
        f"wrong  it writes to s3://theirs/out; its S3OutputPath must be s3://{stack.output_bucket}/async"
    )
    assert str(success) == f"wrong  its SuccessTopic is {theirs}; its SuccessTopic must be {stack.success_topic}"
    assert str(error) == f"wrong  its ErrorTopic is None; its ErrorTopic must be {stack.error_topic}"
    assert responses.verdict is Verdict.COSTLY
    assert "add SUCCESS_NOTIFICATION_TOPIC and ERROR_NOTIFICATION_TOPIC" in responses.words


def test_an_endpoint_that_answers_at_once_does_not_fit(examined: Callable[..., list[Finding]]) -> None:
    finding = examined(None)[-1]
    assert finding.verdict is Verdict.WRONG
    assert "add an AsyncInferenceConfig to its configuration" in finding.words


def test_an_endpoint_that_is_not_there_is_named(stack: Stack) -> None:
    _, finding = examine(replace(stack, endpoint="missing"))
    assert finding.verdict is Verdict.WRONG
    assert "endpoint missing: Could not find" in finding.words
    assert "another EndpointName" in finding.words


def test_no_stack_of_that_name_is_one_line_and_exit_code_1(pipeline: Pipeline) -> None:
    run = pipeline.fanfold("doctor", "--stack", "nobodys")
    assert (run.returncode, run.stdout) == (1, "")
    assert "fanfold: stack nobodys" in run.stderr
    assert "Traceback" not in run.stderr
