"""CloudFormation types moto lacks: create(properties, account, region) → physical id."""

import json
from typing import Any

from moto.s3.models import s3_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

Properties = dict[str, Any]


def bucket(properties: Properties, account: str, _region: str) -> str:
    """AWS::S3::BucketPolicy."""
    name: str = properties["Bucket"]
    s3_backends[account]["aws"].put_bucket_policy(name, json.dumps(properties["PolicyDocument"]).encode())
    return f"{name}-policy"


def queue(properties: Properties, account: str, region: str) -> str:
    """AWS::SQS::QueuePolicy."""
    for url in properties["Queues"]:
        name = url.rpartition("/")[2]
        sqs_backends[account][region].get_queue(name).policy = json.dumps(properties["PolicyDocument"])
    return f"{name}-policy"


def topic(properties: Properties, account: str, region: str) -> str:
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
