"""CloudFormation types that moto lacks: a function `create(properties, account, region)` each, and a line below.

Nothing here acts on scaling policies and alarms; `localaws.autoscaling` may.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.s3.models import s3_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

Properties = dict[str, Any]


def bucket_policy(properties: Properties, account: str, _region: str) -> str:
    """AWS::S3::BucketPolicy."""
    name: str = properties["Bucket"]
    s3_backends[account]["aws"].put_bucket_policy(name, json.dumps(properties["PolicyDocument"]).encode())
    return f"{name}-policy"


def queue_policy(properties: Properties, account: str, region: str) -> str:
    """AWS::SQS::QueuePolicy."""
    for url in properties["Queues"]:
        name = url.rpartition("/")[2]
        sqs_backends[account][region].get_queue(name).policy = json.dumps(properties["PolicyDocument"])
    return f"{name}-policy"


def topic_policy(properties: Properties, account: str, region: str) -> str:
    """AWS::SNS::TopicPolicy."""
    for arn in properties["Topics"]:
        sns_backends[account][region].get_topic(arn).policy = json.dumps(properties["PolicyDocument"])
    return f"{arn.rpartition(':')[2]}-policy"


def subscription(properties: Properties, account: str, region: str) -> str:
    """AWS::SNS::Subscription; its filter's scope is set before the filter, which depends on it."""
    backend = sns_backends[account][region]
    made = backend.subscribe(properties["TopicArn"], properties["Endpoint"], properties["Protocol"])
    for name in ("FilterPolicyScope", "FilterPolicy", "RedrivePolicy"):
        if name in properties:
            value = properties[name]
            backend.set_subscription_attributes(made.arn, name, value if isinstance(value, str) else json.dumps(value))
    if str(properties.get("RawMessageDelivery", "")).lower() == "true":
        backend.set_subscription_attributes(made.arn, "RawMessageDelivery", "true")
    return str(made.arn)


def scalable_target(properties: Properties, account: str, region: str) -> str:
    """AWS::ApplicationAutoScaling::ScalableTarget."""
    made = applicationautoscaling_backends[account][region].register_scalable_target(
        properties["ServiceNamespace"],
        properties["ResourceId"],
        properties["ScalableDimension"],
        int(properties["MinCapacity"]),
        int(properties["MaxCapacity"]),
        properties.get("RoleARN", ""),
        suspended_state={},  # type: ignore[arg-type] # moto declares a text and answers with an object
    )
    return f"{made.resource_id}|{made.scalable_dimension}|{made.service_namespace}"


def scaling_policy(properties: Properties, account: str, region: str) -> str:
    """AWS::ApplicationAutoScaling::ScalingPolicy."""
    resource, dimension, namespace = properties["ScalingTargetId"].split("|")
    kind = properties["PolicyType"]
    made = applicationautoscaling_backends[account][region].put_scaling_policy(
        properties["PolicyName"], namespace, resource, dimension, properties[f"{kind}PolicyConfiguration"], kind
    )
    return str(made.policy_arn)


def alarm(properties: Properties, account: str, region: str) -> str:
    """AWS::CloudWatch::Alarm; without a name it gets a number."""
    backend = cloudwatch_backends[account][region]
    name = properties.get("AlarmName") or f"alarm-{len(backend.alarms)}"
    made = backend.put_metric_alarm(
        name=name,
        namespace=properties.get("Namespace", ""),
        metric_name=properties.get("MetricName", ""),
        comparison_operator=properties["ComparisonOperator"],
        evaluation_periods=int(properties["EvaluationPeriods"]),
        datapoints_to_alarm=properties.get("DatapointsToAlarm"),
        period=int(properties.get("Period", 0)),
        threshold=float(properties["Threshold"]),
        statistic=properties.get("Statistic", ""),
        description=properties.get("AlarmDescription", ""),
        dimensions=properties.get("Dimensions", []),
        alarm_actions=properties.get("AlarmActions", []),
        ok_actions=properties.get("OKActions", []),
        treat_missing_data=properties.get("TreatMissingData", "missing"),
    )
    return str(made.name)


# Each makes a resource and answers with its physical id.
CREATED: Mapping[str, Callable[[Properties, str, str], str]] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": scalable_target,
    "AWS::ApplicationAutoScaling::ScalingPolicy": scaling_policy,
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::S3::BucketPolicy": bucket_policy,
    "AWS::SNS::Subscription": subscription,
    "AWS::SNS::TopicPolicy": topic_policy,
    "AWS::SQS::QueuePolicy": queue_policy,
}
