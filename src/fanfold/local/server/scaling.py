"""CloudFormation types of scaling and alarms: create(properties, account, region) → physical id.

Nothing here acts on them; `fanfold.local.scaling` may.
"""

from typing import Any

from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.cloudwatch.models import cloudwatch_backends

Properties = dict[str, Any]


def target(properties: Properties, account: str, region: str) -> str:
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


def policy(properties: Properties, account: str, region: str) -> str:
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
