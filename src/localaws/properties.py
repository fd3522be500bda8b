"""What of CloudFormation the local cloud knows. Whatever a template says beyond it is an error at start.

A property is listed by its path: `ScalingConfig.MaximumConcurrency` admits this one key of `ScalingConfig`, plain
`Environment` admits all that is in it. What is knowingly ignored says why.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from localaws.errors import UnknownPropertyError
from localaws.template import Template


@dataclass(frozen=True, slots=True)
class Known:
    """Property paths of a resource type: `honoured` take effect, `ignored` map to the reason why they needn't."""

    honoured: frozenset[str]
    ignored: Mapping[str, str] = field(default_factory=dict)


def _known(honoured: str, **ignored: str) -> Known:
    return Known(frozenset(honoured.split()), ignored)


_SMALL = "one machine has one size"
_NO_KEYS = "nothing is encrypted here"
_NO_QUERIES = "there is no Logs Insights"

TYPES: Mapping[str, Known] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": _known(
        "ServiceNamespace ResourceId ScalableDimension MinCapacity MaxCapacity RoleARN"
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": _known(
        "PolicyName PolicyType ScalingTargetId StepScalingPolicyConfiguration TargetTrackingScalingPolicyConfiguration"
    ),
    "AWS::CloudWatch::Alarm": _known(
        "AlarmName AlarmDescription AlarmActions OKActions ComparisonOperator DatapointsToAlarm Dimensions "
        "EvaluationPeriods MetricName Namespace Period Statistic Threshold TreatMissingData",
        Metrics="no expression is evaluated here",
    ),
    "AWS::CloudWatch::Dashboard": _known("DashboardName DashboardBody"),
    "AWS::DynamoDB::Table": _known(
        "TableName AttributeDefinitions KeySchema BillingMode GlobalSecondaryIndexes SSESpecification "
        "StreamSpecification TimeToLiveSpecification PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled "
        "PointInTimeRecoverySpecification.RecoveryPeriodInDays Tags",
    ),
    "AWS::Events::ApiDestination": _known(
        "Name ConnectionArn HttpMethod InvocationEndpoint",
        InvocationRateLimitPerSecond="nothing here ends so often",
    ),
    "AWS::Events::Connection": _known("Name AuthorizationType AuthParameters.ApiKeyAuthParameters"),
    "AWS::Events::Rule": _known(
        "ScheduleExpression EventPattern Targets.Id Targets.Arn Targets.Input Targets.RoleArn Targets.InputTransformer "
        "Targets.DeadLetterConfig",
        Description="nobody asks a rule what it is for",
    ),
    "AWS::IAM::ManagedPolicy": _known("ManagedPolicyName Path Description PolicyDocument Groups Roles Users"),
    "AWS::IAM::Policy": _known("PolicyName PolicyDocument Roles"),
    "AWS::IAM::Role": _known("RoleName Path Description AssumeRolePolicyDocument ManagedPolicyArns Policies Tags"),
    "AWS::Lambda::EventSourceMapping": _known(
        "FunctionName EventSourceArn BatchSize MaximumBatchingWindowInSeconds FunctionResponseTypes Enabled "
        "ScalingConfig.MaximumConcurrency",
    ),
    "AWS::Lambda::Function": _known(
        "FunctionName Description Environment Handler Layers LoggingConfig.LogGroup MemorySize Role Timeout "
        "Architectures",
        Code="handlers run from their folders",
        EphemeralStorage=_SMALL,
        KmsKeyArn=_NO_KEYS,
        Runtime="handlers run in the Python that runs this",
        Tags="nobody asks a function for its tags",
        TracingConfig="there is no X-Ray",
    ),
    "AWS::Lambda::LayerVersion": _known(
        "LayerName Description CompatibleRuntimes",
        CompatibleArchitectures="layers come from their folders",
        Content="layers come from their folders",
        LicenseInfo="nobody asks",
    ),
    "AWS::Logs::LogGroup": _known(
        "LogGroupName RetentionInDays", KmsKeyId=_NO_KEYS, Tags="nobody asks a log group for its tags"
    ),
    "AWS::Logs::QueryDefinition": _known("", Name=_NO_QUERIES, LogGroupNames=_NO_QUERIES, QueryString=_NO_QUERIES),
    "AWS::S3::Bucket": _known(
        "BucketName BucketEncryption VersioningConfiguration.Status PublicAccessBlockConfiguration Tags "
        "NotificationConfiguration.QueueConfigurations.Event NotificationConfiguration.QueueConfigurations.Queue "
        "NotificationConfiguration.QueueConfigurations.Filter LifecycleConfiguration.Rules.Id "
        "LifecycleConfiguration.Rules.Status LifecycleConfiguration.Rules.Prefix "
        "LifecycleConfiguration.Rules.ExpirationInDays LifecycleConfiguration.Rules.NoncurrentVersionExpiration "
        "LifecycleConfiguration.Rules.AbortIncompleteMultipartUpload "
        "LifecycleConfiguration.Rules.ExpiredObjectDeleteMarker",
        OwnershipControls="everything here has one owner",
    ),
    "AWS::S3::BucketPolicy": _known("Bucket PolicyDocument"),
    "AWS::SageMaker::Endpoint": _known("EndpointName EndpointConfigName RetainAllVariantProperties Tags"),
    "AWS::SageMaker::EndpointConfig": _known("EndpointConfigName ProductionVariants AsyncInferenceConfig Tags"),
    "AWS::SageMaker::Model": _known(
        "ModelName ExecutionRoleArn PrimaryContainer VpcConfig Tags",
        EnableNetworkIsolation="the model runs in this process, or where it is told",
    ),
    "AWS::SNS::Subscription": _known(
        "TopicArn Protocol Endpoint RawMessageDelivery FilterPolicy FilterPolicyScope RedrivePolicy"
    ),
    "AWS::SNS::Topic": _known("TopicName DisplayName KmsMasterKeyId"),
    "AWS::SNS::TopicPolicy": _known("Topics PolicyDocument"),
    "AWS::SQS::Queue": _known(
        "QueueName DelaySeconds VisibilityTimeout MessageRetentionPeriod MaximumMessageSize RedrivePolicy "
        "ReceiveMessageWaitTimeSeconds SqsManagedSseEnabled KmsMasterKeyId Tags",
        KmsDataKeyReusePeriodSeconds="no data key is fetched",
        RedriveAllowPolicy="redrive is not restricted here",
    ),
    "AWS::SQS::QueuePolicy": _known("Queues PolicyDocument"),
}

# What Python and the libraries of the system read when a process starts; workers are forked from one that runs.
_READ_AT_START = ("PYTHON", "LD_", "DYLD_", "MALLOC_", "GLIBC_", "LC_", "LANG", "TZ")
# What may stand beside a resource's properties. Of the last two: nothing outlives the local cloud.
_BESIDE = {"Type", "Properties", "Condition", "DependsOn", "Metadata", "DeletionPolicy", "UpdateReplacePolicy"}
# Rules have been obeyed when the template was loaded; Metadata is for consoles and build tools.
_SECTIONS = {"AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Rules", "Mappings", "Conditions"}
_SECTIONS |= {"Resources", "Outputs"}


def check(template: Template) -> None:
    """Find everything that the local cloud doesn't know.

    Raises:
        UnknownPropertyError: it names each resource and property, one per line.

    Example:
        >>> check(load(find_root()))
    """
    unknown = [f"section {name}" for name in template.body if name not in _SECTIONS]
    for name, resource in template.body["Resources"].items():
        unknown += [f"{name}: {path}" for path in _unknown(resource)]
    if unknown:
        listed = "\n  ".join(unknown)
        raise UnknownPropertyError(f"The local cloud doesn't support\n  {listed}")


def _unknown(resource: Mapping[str, Any]) -> Iterator[str]:
    yield from (name for name in resource if name not in _BESIDE)
    known = TYPES.get(resource["Type"])
    if known is None:
        yield f"type {resource['Type']}"
        return
    properties = resource.get("Properties", {})
    for path in _paths(properties, known, ""):
        yield f"{resource['Type']} {path}"
    if resource["Type"] == "AWS::Lambda::Function":
        for name in properties.get("Environment", {}).get("Variables", {}):
            if name.startswith(_READ_AT_START):
                yield f"{resource['Type']} Environment.Variables.{name}"


def _paths(value: object, known: Known, prefix: str) -> Iterator[str]:
    """Paths of `value` that are neither known nor lead to a known one."""
    if isinstance(value, list):
        for item in value:
            yield from _paths(item, known, prefix)
    elif isinstance(value, dict) and "Fn::If" in value:
        yield from _paths(value["Fn::If"][1:], known, prefix)
    elif isinstance(value, dict) and value != {"Ref": "AWS::NoValue"}:
        for name, inner in value.items():
            path = f"{prefix}{name}"
            if path in known.honoured or path in known.ignored:
                continue
            if any(other.startswith(f"{path}.") for other in known.honoured):
                yield from _paths(inner, known, f"{path}.")
            else:
                yield path
