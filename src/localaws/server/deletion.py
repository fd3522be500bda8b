"""CloudFormation types that moto lacks, deleted: a function `delete(made, properties, account, region)` each."""

from collections.abc import Callable, Mapping
from typing import Any

from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.events.models import events_backends
from moto.s3.models import s3_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

Properties = dict[str, Any]
Delete = Callable[[str, Properties, str, str], None]


def bucket_policy(_made: str, properties: Properties, account: str, _region: str) -> None:
    """AWS::S3::BucketPolicy."""
    s3_backends[account]["aws"].delete_bucket_policy(properties["Bucket"])


def queue_policy(_made: str, properties: Properties, account: str, region: str) -> None:
    """AWS::SQS::QueuePolicy."""
    for url in properties["Queues"]:
        sqs_backends[account][region].get_queue(url.rpartition("/")[2]).policy = ""


def topic_policy(_made: str, properties: Properties, account: str, region: str) -> None:
    """AWS::SNS::TopicPolicy: the topic's own policy comes back."""
    for arn in properties["Topics"]:
        topic = sns_backends[account][region].get_topic(arn)
        topic.policy = topic._create_default_topic_policy(region, account, topic.name)  # noqa: SLF001 # what its constructor does


def subscription(made: str, _properties: Properties, account: str, region: str) -> None:
    """AWS::SNS::Subscription."""
    sns_backends[account][region].unsubscribe(made)


def scalable_target(made: str, _properties: Properties, account: str, region: str) -> None:
    """AWS::ApplicationAutoScaling::ScalableTarget, unless somebody has deregistered it already."""
    resource, dimension, namespace = made.split("|")
    backend = applicationautoscaling_backends[account][region]
    if resource in backend.targets.get(dimension, {}):
        backend.deregister_scalable_target(namespace, resource, dimension)


def scaling_policy(made: str, _properties: Properties, account: str, region: str) -> None:
    """AWS::ApplicationAutoScaling::ScalingPolicy, unless its target's end was its own."""
    policies = applicationautoscaling_backends[account][region].policies
    for key in [key for key, policy in policies.items() if policy.policy_arn == made]:
        del policies[key]


def alarm(made: str, _properties: Properties, account: str, region: str) -> None:
    """AWS::CloudWatch::Alarm."""
    cloudwatch_backends[account][region].delete_alarms([made])


def api_destination(made: str, _properties: Properties, account: str, region: str) -> None:
    """AWS::Events::ApiDestination."""
    events_backends[account][region].delete_api_destination(made)


def connection(made: str, _properties: Properties, account: str, region: str) -> None:
    """AWS::Events::Connection."""
    events_backends[account][region].delete_connection(made)


DELETED: Mapping[str, Delete] = {
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
