"""EventBridge's API destinations: what a rule sends to a webhook is posted to its address, as the rule's role may.

The address must be one of this machine, so that nothing that is tried here reaches anybody else. What cannot be
delivered is not tried again: it is at once where EventBridge puts it in the end, among the target's dead letters.
"""

import contextlib
import http.client
import json
import logging
import threading
from collections.abc import Iterable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.events.models import Connection, Destination, events_backends
from moto.events.utils import EventTemplateParser
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.iam.models import iam_backends
from moto.sqs.models import sqs_backends

from localaws.server import iam

Properties = dict[str, Any]
_Named = TypeVar("_Named", Connection, Destination)

API_DESTINATION = ":api-destination/"
_INVOKE = "events:InvokeApiDestination"
_HERE = {"127.0.0.1", "localhost"}
# As EventBridge has it.
_SECONDS = 5.0

logger = logging.getLogger(__name__)


class NotDeliveredError(Exception):
    """An event did not reach its webhook. Retry by hand, once the cause is gone."""


def check_address(address: str) -> str:
    """The address, if it may be called; raises ValueError for one that isn't of this machine."""
    with contextlib.suppress(ValueError):  # of a port that cannot be one
        parts = urlsplit(address)
        if parts.scheme == "http" and parts.hostname in _HERE and parts.port != 0:
            return address
    raise ValueError("The local cloud calls webhooks on this machine only: http://127.0.0.1:PORT/…")


def send(target: Properties, event: Properties, region: str) -> None:
    """Send an event to the destination that is a rule's target, in a thread of its own: nobody waits for it."""
    threading.Thread(target=_send, args=(target, event, region), daemon=True).start()


def _send(target: Properties, event: Properties, region: str) -> None:
    try:
        destinations = events_backends[DEFAULT_ACCOUNT_ID][region].destinations.values()
        destination = _found(target["Arn"], destinations)
        _check_role(target["RoleArn"], destination.arn.rpartition("/")[0])
        _post(destination, _transformed(target.get("InputTransformer", {}), event))
    except Exception as error:
        # Whatever it is that could not be done: the event is kept.
        logger.warning("%s: %s", target["Arn"], error, exc_info=not isinstance(error, NotDeliveredError))
        if letters := target.get("DeadLetterConfig"):
            name = letters["Arn"].rpartition(":")[2]
            sqs_backends[DEFAULT_ACCOUNT_ID][region].send_message(name, json.dumps(event))


def _found(arn: str, among: Iterable[_Named]) -> _Named:
    found = next((one for one in among if one.arn == arn), None)
    if found is None:
        raise NotDeliveredError(f"{arn} does not exist")
    return found


def _check_role(role_arn: str, resource: str) -> None:
    role = iam_backends[DEFAULT_ACCOUNT_ID]["aws"].get_role_by_arn(role_arn)
    said = [IAMPolicy(policy).is_action_permitted(_INVOKE, resource) for policy in role.policies.values()]
    if PermissionResult.PERMITTED not in said or PermissionResult.DENIED in said:
        raise NotDeliveredError(f"{role.name} may not {_INVOKE} on {resource}")
    iam.record(role.name, _INVOKE)


def _transformed(transformer: Properties, event: Properties) -> bytes:
    template, paths = transformer.get("InputTemplate", ""), transformer.get("InputPathsMap", {})
    return json.dumps(EventTemplateParser.parse(template, paths, event)).encode()  # type: ignore[arg-type] # as it is


def _post(destination: Destination, body: bytes) -> None:
    connections = events_backends[DEFAULT_ACCOUNT_ID][destination.region].connections.values()
    key = _found(destination.connection_arn, connections).auth_parameters["ApiKeyAuthParameters"]
    headers = {"Content-Type": "application/json; charset=utf-8", key["ApiKeyName"]: key["ApiKeyValue"]}
    address = urlsplit(check_address(destination.invocation_endpoint))
    path = f"{address.path or '/'}{f'?{address.query}' if address.query else ''}"
    try:
        # It follows no redirection, which might lead elsewhere.
        caller = http.client.HTTPConnection(str(address.hostname), address.port, timeout=_SECONDS)
        with contextlib.closing(caller):
            caller.request(destination.http_method, path, body, headers)
            status = caller.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise NotDeliveredError(f"the webhook did not answer: {error!r}") from error
    if status >= http.HTTPStatus.MULTIPLE_CHOICES:
        raise NotDeliveredError(f"the webhook answered {status}")
