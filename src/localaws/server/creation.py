"""CloudFormation types that moto lacks: a function `create(properties, account, region)` each, and a line below.

Nothing here acts on scaling policies and alarms; `localaws.autoscaling` may.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.events.models import events_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from localaws.server.webhooks import check_address

Properties = dict[str, Any]

_OF_A_SECRET = re.compile(r"\{\{resolve:secretsmanager:(.+)\}\}")


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


def connection(properties: Properties, account: str, region: str) -> str:
    """AWS::Events::Connection; without a name it gets a number."""
    backend = events_backends[account][region]
    name = properties.get("Name") or f"connection-{len(backend.connections)}"
    made = backend.create_connection(name, "", properties["AuthorizationType"], properties["AuthParameters"])
    return str(made.name)


def api_destination(properties: Properties, account: str, region: str) -> str:
    """AWS::Events::ApiDestination; without a name it gets that of its connection. Made again, it keeps its ARN."""
    backend = events_backends[account][region]
    arn = properties["ConnectionArn"]
    name: str = properties.get("Name") or arn.split("/")[1]
    address = check_address(_revealed(properties["InvocationEndpoint"], account, region))
    method = properties["HttpMethod"]
    if name in backend.destinations:
        backend.update_api_destination(name, connection_arn=arn, invocation_endpoint=address, http_method=method)
    else:
        backend.create_api_destination(name, "", arn, address, "", method)
    return name


def _revealed(text: str, account: str, region: str) -> str:
    """A text, or the secret that it refers to: CloudFormation's dynamic reference."""
    if secret := _OF_A_SECRET.fullmatch(text):
        return str(secretsmanager_backends[account][region].get_secret_value(secret[1], "", "")["SecretString"])
    return text


# Each makes a resource and answers with its physical id.
CREATED: Mapping[str, Callable[[Properties, str, str], str]] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": scalable_target,
    "AWS::ApplicationAutoScaling::ScalingPolicy": scaling_policy,
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::Events::ApiDestination": api_destination,
    "AWS::Events::Connection": connection,
    "AWS::S3::BucketPolicy": bucket_policy,
    "AWS::SNS::Subscription": subscription,
    "AWS::SNS::TopicPolicy": topic_policy,
    "AWS::SQS::QueuePolicy": queue_policy,
}


def _of_api_destination(name: str, account: str, region: str) -> dict[str, str]:
    arn: str = events_backends[account][region].destinations[name].arn
    return {"Arn": arn, "ArnForPolicy": arn.rpartition("/")[0]}


def _of_connection(name: str, account: str, region: str) -> dict[str, str]:
    return {"Arn": events_backends[account][region].connections[name].arn}


# What `Fn::GetAtt` gives of a resource, by its physical id.
ATTRIBUTES: Mapping[str, Callable[[str, str, str], dict[str, str]]] = {
    "AWS::Events::ApiDestination": _of_api_destination,
    "AWS::Events::Connection": _of_connection,
}
