"""IAM: what moto needs to judge each request as AWS does, by action, resource and conditions."""

import functools
import json
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from datetime import UTC
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from moto.cloudformation.responses import CloudFormationResponse
from moto.core.exceptions import AccessDeniedError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.responses import DynamoHandler
from moto.events.responses import EventsHandler
from moto.iam import models
from moto.iam.access_control import (
    AssumedRoleAccessKey,
    IAMPolicyStatement,
    IAMRequestBase,
    IAMUserAccessKey,
    PermissionResult,
)
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, IAMBackend, iam_backends
from moto.logs.responses import LogsResponse
from moto.sagemaker.responses import SageMakerResponse
from moto.sns.responses import SNSResponse
from moto.sts.models import sts_backends

from localaws.credentials import Keys
from localaws.server import put, replace

# Operations that are allowed by another operation's name.
ALIASES = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sns:PublishBatch": "sns:Publish",
}
# Services that policies call otherwise than requests are signed for.
PREFIXES = {"monitoring": "cloudwatch"}
# A folder for what `record` notes, if somebody wants to know.
_CALLS = os.environ.get("FANFOLD_CALLS")
_recorded: set[str] = set()
_recording = threading.Lock()
# Connections don't leave the machine, so policies that insist on TLS see what they would see on AWS.
CONTEXT = {"aws:SecureTransport": "true"}
# Services act here as IAM users of their own name: user/lambda.amazonaws.com.
_SERVICE = re.compile(r".*/(\w+)\.amazonaws\.com")
# What conditions may ask of the request that is being judged.
_of_request: ContextVar[Mapping[str, str]] = ContextVar("_of_request", default={})  # noqa: B039 # nobody writes to it


def patch() -> None:
    """Change moto's IAM."""
    for response, find in _RESOURCES.items():
        put(response, "_determine_resource", find)
    replace(IAMRequestBase, "check_action_permitted", _by_alias)
    put(IAMPolicyStatement, "is_action_permitted", _judge)
    replace(IAMBackend, "attach_role_policy", _with_policies_of_aws)
    # `localaws.access` has checked the signature. Moto would refuse requests without a body.
    put(IAMRequestBase, "check_signature", lambda _self: None)
    # Of moto's own random numbers, the next can be told from enough of the last.
    put(models, "random_alphanumeric", lambda length: secrets.token_urlsafe(length)[:length])


def find_keys(access_key_id: str) -> Keys | None:
    """The keys of a user or of a role's session, None if there are none that are active."""
    key = iam_backends[DEFAULT_ACCOUNT_ID]["aws"].access_keys.get(access_key_id)
    if key is None or key.status != "Active":
        return None
    if key.user_name is not None:
        return Keys(key.access_key_id, key.secret_access_key)
    session = sts_backends[DEFAULT_ACCOUNT_ID]["aws"].get_assumed_role_from_access_key(access_key_id)
    if session is None:
        return None
    expires = session.expiration.replace(tzinfo=UTC)
    return Keys(session.access_key_id, session.secret_access_key, session.session_token, expires)


def _by_alias(original: Callable[..., None]) -> Callable[..., None]:
    def check(self: IAMRequestBase, resource: str) -> None:
        service, _, operation = self._action.partition(":")
        action = f"{PREFIXES.get(service, service)}:{operation}"
        self._action = ALIASES.get(action, action)
        asked = _of_request.set(_asked(self))
        try:
            original(self, resource)
            for owner in _owners(self._access_key):
                record(owner, self._action)
        except AccessDeniedError as error:
            # Moto refuses in XML, whatever the protocol; a client of a JSON service makes "403" of it.
            if self._service == "lambda" or self._headers.get("Content-Type", "").startswith("application/x-amz-json"):
                code = "AccessDenied" if self._service == "sqs" else "AccessDeniedException"
                error.code = 400
                error.description = json.dumps({"__type": code, "message": error.message})
            raise
        finally:
            _of_request.reset(asked)

    return check


def _asked(request: IAMRequestBase) -> dict[str, str]:
    """The condition keys, of those known here, that a request has: for whom a service calls, and what is listed."""
    asked: dict[str, str] = {}
    if service := _SERVICE.fullmatch(request._access_key.arn):  # noqa: SLF001
        source = _arn(service[1], request._region, "local-cloud")  # noqa: SLF001
        asked |= {"aws:SourceAccount": DEFAULT_ACCOUNT_ID, "aws:SourceArn": source}
    query = parse_qs(urlsplit(request._path).query) if request._service == "s3" else {}  # noqa: SLF001
    if "prefix" in query:
        asked["s3:prefix"] = query["prefix"][0]
    return asked


def _with_policies_of_aws(original: Callable[..., None]) -> Callable[..., None]:
    """Policies that AWS manages are there when they are first named: moto would make all thousand of them at start."""

    def attach_role_policy(self: IAMBackend, policy_arn: str, role_name: str) -> None:
        name = policy_arn.rpartition("/")[2]
        if policy_arn not in self.managed_policies and name in _policies_of_aws():
            policy = AWSManagedPolicy.from_data(name, self.account_id, "us-east-1", _policies_of_aws()[name])
            self.managed_policies[policy.arn] = policy
        original(self, policy_arn, role_name)

    return attach_role_policy


@functools.cache
def _policies_of_aws() -> dict[str, dict[str, Any]]:
    return dict(json.loads(aws_managed_policies_data))


def record(owner: str, action: str) -> None:
    """Note, once, that a role or a policy of a user has been made use of; see scripts/unused_permissions.py."""
    if not _CALLS:
        return
    call = f"{owner} {action}\n"
    with _recording:
        if call not in _recorded:
            _recorded.add(call)
            with Path(_CALLS, f"{os.getpid()}.txt").open("a", encoding="utf-8") as file:
                file.write(call)


def _owners(key: object) -> Iterable[str]:
    """Whose permissions a key has: those of its role, or of the managed policies of its user."""
    if isinstance(key, AssumedRoleAccessKey):
        return [key._owner_role_name]  # noqa: SLF001
    if isinstance(key, IAMUserAccessKey):
        return list(key.backend.get_user(key._owner_user_name).managed_policies)  # noqa: SLF001
    return []


def _judge(
    self: IAMPolicyStatement,
    action: str,
    resource: str = "*",
    principal: str | None = None,
    incoming_condition_values: Mapping[str, str] | None = None,
) -> PermissionResult:
    """What one statement says of a request; a statement of which any part doesn't fit says nothing."""
    statement = self._statement
    known = {**CONTEXT, **_of_request.get(), **(incoming_condition_values or {})}
    context = {key.lower(): value for key, value in known.items()}
    fits = (
        _element(statement, "Action", action.lower(), str.lower)
        and ("Principal" not in statement or _is_principal(statement["Principal"], principal))
        and _element(statement, "Resource", resource)
        and all(
            _condition(operator, expected, context.get(key.lower()))
            for operator, keys in statement.get("Condition", {}).items()
            for key, expected in keys.items()
        )
    )
    if not fits:
        return PermissionResult.NEUTRAL
    return PermissionResult.PERMITTED if statement["Effect"] == "Allow" else PermissionResult.DENIED


def _element(
    statement: Mapping[str, Any], name: str, value: str, normal: Callable[[str], str] = lambda text: text
) -> bool:
    if f"Not{name}" in statement:
        return not any(_matches(normal(pattern), value) for pattern in _listed(statement[f"Not{name}"]))
    # A trust policy has no resource: it is that of its role.
    return name not in statement or any(_matches(normal(pattern), value) for pattern in _listed(statement[name]))


def _is_principal(allowed: str | Mapping[str, Any], principal: str | None) -> bool:
    if allowed == "*" or (isinstance(allowed, Mapping) and "*" in _listed(allowed.get("AWS", []))):
        return True
    if principal is None or isinstance(allowed, str):
        return False
    name = principal.rpartition("/")[2]
    return name in _listed(allowed.get("Service", [])) or principal in _listed(allowed.get("AWS", []))


def _condition(operator: str, expected: object, actual: str | None) -> bool:
    """Whether one condition holds; a key that nobody knows holds for no positive operator."""
    operator, _, if_exists = operator.partition("IfExists")
    if actual is None:
        return bool(if_exists) or "Not" in operator
    values = [str(value) for value in _listed(expected)]
    if operator in ("StringNotEquals", "StringNotLike", "ArnNotEquals", "ArnNotLike"):
        return not any(_matches(value, actual) for value in values)
    if operator in ("StringLike", "ArnLike", "ArnEquals"):
        return any(_matches(value, actual) for value in values)
    if operator == "StringEquals":
        return actual in values
    if operator == "Bool":
        return actual.lower() in [value.lower() for value in values]
    raise NotImplementedError(f"The local cloud doesn't know the condition operator {operator}.")


def _listed(value: Any) -> list[Any]:  # policies hold one or a list of anything
    return value if isinstance(value, list) else [value]


def _matches(pattern: str, text: str) -> bool:
    return bool(_compiled(pattern).fullmatch(text))


@functools.lru_cache(maxsize=10_000)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def _arn(service: str, region: str, resource: str) -> str:
    return f"arn:aws:{service}:{region}:{DEFAULT_ACCOUNT_ID}:{resource}"


def _table(self: DynamoHandler) -> str:
    batch = next(iter(self._get_param("RequestItems") or {}), "")
    table = self._get_param("TableName") or batch
    if not table:
        return "*"
    arn = table if table.startswith("arn:") else _arn("dynamodb", self.region, f"table/{table}")
    index = self._get_param("IndexName")
    return f"{arn}/index/{index}" if index else arn


def _topic(self: SNSResponse) -> str:
    names = ("TopicArn", "TargetArn", "ResourceArn")
    return next((str(arn) for name in names if (arn := self._get_param(name))), "*")


def _log_stream(self: LogsResponse) -> str:
    group, stream = self._get_param("logGroupName"), self._get_param("logStreamName") or ""
    return _arn("logs", self.region, f"log-group:{group}:log-stream:{stream}") if group else "*"


def _stack(self: CloudFormationResponse) -> str:
    name = self._get_param("StackName")
    found = (
        stack.stack_id for stack in self.cloudformation_backend.list_stacks() if name in {stack.name, stack.stack_id}
    )
    return str(next(found, "*"))


def _endpoint(self: SageMakerResponse) -> str:
    for kind, member in (("endpoint", "EndpointName"), ("endpoint-config", "EndpointConfigName")):
        if name := self._get_param(member):
            return _arn("sagemaker", self.region, f"{kind}/{str(name).lower()}")
    return "*"


def _event_bus(self: EventsHandler) -> str:
    entries = self._get_param("Entries") or [{}]
    name = entries[0].get("EventBusName", "default") if "Detail" in entries[0] else None
    if name is None:
        return "*"
    return str(name) if str(name).startswith("arn:") else _arn("events", self.region, f"event-bus/{name}")


_RESOURCES: dict[type, Callable[[Any], str]] = {
    CloudFormationResponse: _stack,
    DynamoHandler: _table,
    SNSResponse: _topic,
    SageMakerResponse: _endpoint,
    EventsHandler: _event_bus,
    LogsResponse: _log_stream,
}
