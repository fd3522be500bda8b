"""Whether a stack works: its jobs' defaults, before a deploy or after it, and its endpoint, which may be another's."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from fanfold.deploying.parameters import check_job_defaults
from fanfold.doctor.findings import Finding, Verdict
from fanfold.errors import StackError
from fanfold.hub import is_commit
from fanfold.input.files import cut_short
from fanfold_core.domain.options import Options
from fanfold_core.domain.options.row import JOB_DEFAULTS, spell
from fanfold_core.input.errors import JobDefaultsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker.type_defs import (
        AsyncInferenceConfigOutputTypeDef,
        ContainerDefinitionOutputTypeDef,
        DescribeEndpointConfigOutputTypeDef,
    )

    from fanfold.stacks import Stack

# SageMaker's word for an endpoint, or a configuration, that isn't there; and moto's.
_NOT_FOUND = {"ValidationException", "ValidationError"}
_RESPONSES = ("SUCCESS_NOTIFICATION_TOPIC", "ERROR_NOTIFICATION_TOPIC")
# What backslashes stand before in a JSON text that JSON itself has written, but for letters.
_ESCAPED = re.compile(r'\\(["\\])')


def examine(stack: Stack) -> Iterator[Finding]:
    """Look at jobs' defaults, and at the endpoint: output path, topics, responses, scaling, and if its model is pinned.

    Raises:
        StackError: SageMaker refuses to describe the endpoint for another reason than that there is none.

    Example:
        >>> [str(finding) for finding in examine(stack)]
        ['ok     every job has the default options unless its file says otherwise', …]
    """
    of_jobs = list(examine_job_defaults(stack.parameters.get(JOB_DEFAULTS, "{}")))
    yield from of_jobs
    if all(finding.verdict is Verdict.OK for finding in of_jobs):
        for warning in cut_short(Options.of_stack(stack.parameters, {}), stack.parameters):
            yield Finding(Verdict.RISKY, warning)
    client = stack.client("sagemaker")
    name = stack.endpoint
    try:
        status, config = _described(client, name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOT_FOUND:
            raise StackError(f"endpoint {name} cannot be described: {error}") from error
        words = f"{error.response['Error']['Message']} Create it, or deploy the stack with another EndpointName"
        yield Finding(Verdict.WRONG, f"endpoint {name}: {words}")
        return
    except BotoCoreError as error:
        raise StackError(f"endpoint {name} cannot be described: {error}") from error
    yield _judge(
        f"endpoint {name} is {status}", status == "InService", "requests wait until it is InService: check why it isn't"
    )
    if "AsyncInferenceConfig" not in config:
        words = f"endpoint {name} is not asynchronous; add an AsyncInferenceConfig to its configuration"
        yield Finding(Verdict.WRONG, words)
        return
    yield from _output(stack, config["AsyncInferenceConfig"])
    if stack.parameters.get("EndpointName") == "" and "Scaling" in stack.parameters:
        variants = [variant["VariantName"] for variant in config["ProductionVariants"]]
        yield from (_scaling(stack, f"endpoint/{name}/variant/{variant}") for variant in variants)
    yield from _models(client, config, is_local=stack.is_local)


def examine_job_defaults(text: str) -> Iterator[Finding]:
    """Look at a value of the stack's parameter JobDefaults.

    Example:
        >>> [str(finding) for finding in examine_job_defaults('{"rows-per-request": 64}')]
        ['ok     every job has rows-per-request=64 unless its file says otherwise']
    """
    try:
        check_job_defaults(text)
    except JobDefaultsError as error:
        yield Finding(Verdict.WRONG, str(error))
        return
    given: dict[str, Any] = json.loads(text)
    named = ", ".join(f"{name}={spell(value)}" for name, value in given.items())
    yield Finding(Verdict.OK, f"every job has {named or 'the default options'} unless its file says otherwise")


def as_override(text: str) -> str:
    r"""A value of JobDefaults as a shell and SAM take it after `sam deploy --parameter-overrides`.

    SAM takes backslashes before quotes away once, so that JSON's own must be spelt otherwise.

    Example:
        >>> print(as_override('{"input-expression": "\\"my column\\""}'))
        'JobDefaults="{\"input-expression\": \"\u0022my column\u0022\"}"'
    """
    spelt = _ESCAPED.sub(lambda found: f"\\u{ord(found[1]):04x}", json.dumps(json.loads(text)))
    quoted = spelt.replace('"', '\\"')
    return shlex.quote(f'{JOB_DEFAULTS}="{quoted}"')


def _described(client: SageMakerClient, name: str) -> tuple[str, DescribeEndpointConfigOutputTypeDef]:
    endpoint = client.describe_endpoint(EndpointName=name)
    config = client.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    return endpoint["EndpointStatus"], config


def _output(stack: Stack, config: AsyncInferenceConfigOutputTypeDef) -> Iterator[Finding]:
    output = config["OutputConfig"]
    wanted = f"s3://{stack.output_bucket}/async"
    path = output["S3OutputPath"].rstrip("/")
    yield _judge(f"it writes to {path}", path == wanted, f"its S3OutputPath must be {wanted}")
    notified = output.get("NotificationConfig", {})
    for what, topic, expected in (
        ("SuccessTopic", notified.get("SuccessTopic"), stack.success_topic),
        ("ErrorTopic", notified.get("ErrorTopic"), stack.error_topic),
    ):
        yield _judge(f"its {what} is {topic}", topic == expected, f"its {what} must be {expected}")
    included = notified.get("IncludeInferenceResponseIn", [])
    missing = [name for name in _RESPONSES if name not in included]
    if missing:
        words = f"add {' and '.join(missing)} to its IncludeInferenceResponseIn to save a read from S3 per request"
        yield Finding(Verdict.COSTLY, f"its notifications don't include every response; {words}")
    else:
        yield Finding(Verdict.OK, "its notifications include the responses")


def _scaling(stack: Stack, resource: str) -> Finding:
    """Whether the stack's own endpoint still has the policies by which it wakes and sleeps."""
    if stack.parameters["Scaling"] == "off":
        words = "it doesn't scale, so nothing wakes it and nothing lets it sleep; deploy with Scaling=on"
        return Finding(Verdict.RISKY, words)
    client = stack.client("application-autoscaling")
    try:
        found = client.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=resource)["ScalingPolicies"]
    except (ClientError, BotoCoreError) as error:
        return Finding(Verdict.RISKY, f"whether it scales is not known: its policies cannot be described: {error}")
    missing = {"TargetTrackingScaling", "StepScaling"} - {policy["PolicyType"] for policy in found}
    # They go with a scalable target that somebody deregisters, and CloudFormation doesn't notice.
    remedy = "somebody has deleted what makes it scale; deploy with Scaling=off, then with Scaling=on"
    lost = f"it has no policy for {' and '.join(sorted(missing))}"
    return _judge(lost if missing else "it scales by two policies", not missing, remedy)


def _models(
    client: SageMakerClient, config: DescribeEndpointConfigOutputTypeDef, *, is_local: bool
) -> Iterator[Finding]:
    for name in [variant["ModelName"] for variant in config["ProductionVariants"] if "ModelName" in variant]:
        try:
            model = client.describe_model(ModelName=name)
        except (ClientError, BotoCoreError) as error:
            # Not all who use a stack may: a model's environment may hold a token for the Hub.
            yield Finding(Verdict.RISKY, f"whether its model is pinned is not known: it cannot be described: {error}")
            continue
        for container in model.get("Containers") or [model["PrimaryContainer"]]:
            yield from _model(container, is_local=is_local)


def _model(container: ContainerDefinitionOutputTypeDef, *, is_local: bool) -> Iterator[Finding]:
    """What the Hugging Face container reads of the Hub; one of another kind, or with a model in S3, reads nothing."""
    given = container.get("Environment", {})
    if "HF_MODEL_ID" not in given or container.get("ModelDataUrl"):
        return
    model, revision = given["HF_MODEL_ID"], given.get("HF_MODEL_REVISION", "its latest commit")
    if is_local:
        yield Finding(Verdict.OK, f"its model is {model}, as the local cloud was started with it: nothing to pin")
    elif is_commit(revision):
        yield Finding(Verdict.OK, f"its model is {model} at {revision}")
    else:
        words = "which may change; set HfRevision, its container's HF_MODEL_REVISION, to a commit of 40 digits"
        yield Finding(Verdict.RISKY, f"its model is {model} at {revision}, {words}")


def _judge(found: str, fits: bool, remedy: str) -> Finding:  # noqa: FBT001 # what the finding turns on
    return Finding(Verdict.OK, found) if fits else Finding(Verdict.WRONG, f"{found}; {remedy}")
