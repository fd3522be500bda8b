"""CloudFormation properties that moto drops: per type a function `complete(resource, properties)` and a line below."""

import collections
import json
from collections.abc import Callable, Mapping
from typing import Any

from moto.awslambda.models import LambdaFunction
from moto.core.responses import ActionResult
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table
from moto.iam.models import Role, iam_backends
from moto.s3.models import FakeBucket, s3_backends
from moto.sagemaker.responses import SageMakerResponse
from moto.sns.models import Topic
from moto.sqs.models import sqs_backends

from localaws.server import replace

Properties = dict[str, Any]


def bucket(made: FakeBucket, properties: Properties) -> None:
    """Versioning, public access block, lifecycle and notifications of an AWS::S3::Bucket."""
    backend = s3_backends[made.account_id]["aws"]
    if versioning := properties.get("VersioningConfiguration"):
        backend.put_bucket_versioning(made.name, versioning["Status"])
    if block := properties.get("PublicAccessBlockConfiguration"):
        backend.put_public_access_block(made.name, block)
    if lifecycle := properties.get("LifecycleConfiguration"):
        backend.put_bucket_lifecycle_configuration(made.name, [_rule(rule) for rule in lifecycle["Rules"]])
    if notification := properties.get("NotificationConfiguration"):
        queues = [_queue_configuration(made, entry) for entry in notification["QueueConfigurations"]]
        backend.put_bucket_notification_configuration(made.name, {"QueueConfiguration": queues})


def _rule(rule: Properties) -> Properties:
    """A lifecycle rule as the S3 API spells it."""
    spelt = {"ID": rule.get("Id"), "Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "ExpirationInDays" in rule:
        spelt["Expiration"] = {"Days": str(rule["ExpirationInDays"])}
    if "ExpiredObjectDeleteMarker" in rule:
        spelt["Expiration"] = {"ExpiredObjectDeleteMarker": _text(rule["ExpiredObjectDeleteMarker"])}
    for name in ("AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration"):
        if name in rule:
            spelt[name] = {key: str(value) for key, value in rule[name].items()}
    return spelt


def _queue_configuration(made: FakeBucket, entry: Properties) -> Properties:
    name = entry["Queue"].rpartition(":")[2]
    if name not in sqs_backends[made.account_id][made.region_name].queues:
        # As S3 does: it sends a test message, and refuses a destination that doesn't take it.
        raise ValueError(f"Bucket {made.name}: there is no queue {name} yet that could be notified (DependsOn?).")
    spelt: Properties = {"Queue": entry["Queue"], "Event": [entry["Event"]]}
    if rules := entry.get("Filter", {}).get("S3Key", {}).get("Rules"):
        spelt["Filter"] = {
            "S3Key": {"FilterRule": [{"Name": rule["Name"].lower(), "Value": rule["Value"]} for rule in rules]}
        }
    return spelt


def table(made: Table, properties: Properties) -> None:
    """Time to live, point-in-time recovery and encryption of an AWS::DynamoDB::Table."""
    backend = dynamodb_backends[made.account_id][made.region_name]
    if (ttl := properties.get("TimeToLiveSpecification")) and ttl["Enabled"]:
        backend.update_time_to_live(made.name, ttl)
    if recovery := properties.get("PointInTimeRecoverySpecification"):
        backend.update_continuous_backups(made.name, recovery)
    if made.sse_specification:
        made.sse_specification["Enabled"] = made.sse_specification.pop("SSEEnabled")


def topic(made: Topic, _properties: Properties) -> None:
    """Moto keeps all messages ever published to a topic."""
    made.sent_notifications = collections.deque(maxlen=0)  # type: ignore[assignment] # only appended to


def role(made: Role, properties: Properties) -> None:
    """Policies of an AWS::IAM::Role: its own, and managed ones."""
    # Moto stores an object here and looks for text when it judges a request.
    made.policies = {name: json.dumps(document) for name, document in made.policies.items()}
    for arn in properties.get("ManagedPolicyArns", []):
        iam_backends[made.account_id]["aws"].attach_role_policy(arn, made.name)


def function(made: LambdaFunction, properties: Properties) -> None:
    """Layers, processor, log group and environment (texts, also of numbers) of an AWS::Lambda::Function."""
    made.environment_vars = {name: _text(value) for name, value in made.environment_vars.items()}
    made.layers = made._get_layers_data(properties.get("Layers", []))  # noqa: SLF001 # what its constructor does
    made.architectures = properties.get("Architectures", made.architectures)
    made.logs_group_name = properties.get("LoggingConfig", {}).get("LogGroup", made.logs_group_name)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def with_logging(original: Callable[..., Properties]) -> Callable[..., Properties]:
    """Let GetFunctionConfiguration say which log group a function writes to."""

    def get_configuration(self: LambdaFunction, *args: Any, **options: Any) -> Properties:
        logging = {"LogFormat": "Text", "LogGroup": self.logs_group_name}
        return {**original(self, *args, **options), "LoggingConfig": logging}

    return get_configuration


# Each adds to what moto has created.
COMPLETED: Mapping[Any, Callable[[Any, Properties], None]] = {
    FakeBucket: bucket,
    LambdaFunction: function,
    Role: role,
    Table: table,
    Topic: topic,
}


Describe = Callable[[SageMakerResponse], ActionResult]


def patch() -> None:
    """Change moto's SageMaker."""
    for name in ("describe_endpoint", "describe_endpoint_config", "describe_model"):
        replace(SageMakerResponse, name, _without_empty_members)


def _without_empty_members(original: Describe) -> Describe:
    """Moto describes, say, a network without subnets where none was given, which the SageMaker SDK refuses to read."""

    def describe(self: SageMakerResponse) -> ActionResult:
        described: dict[str, object] = original(self).result  # type: ignore[assignment]
        return ActionResult({name: value for name, value in described.items() if value not in ({}, [])})

    return describe
