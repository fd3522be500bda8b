"""The calls of `localaws.endpoint.calls`: judged and done as those that come by HTTP, without the way there."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.exceptions import ServiceException
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iam.access_control import PermissionResult
from moto.s3.exceptions import S3AccessDeniedError
from moto.s3.models import s3_backends
from moto.sns.models import sns_backends
from werkzeug.exceptions import HTTPException

from localaws.endpoint.calls import Caller, NewObject, Notification
from localaws.server.storage import S3_LOCK

logger = logging.getLogger(__name__)


class _Request(ActionAuthenticatorMixin):
    """What moto's IAM asks of a request."""

    method, uri, raw_path, raw_body, current_account = "POST", "", "/", b"", DEFAULT_ACCOUNT_ID

    def __init__(self, caller: Caller, service: str, action: str, bucket: str | None = None) -> None:
        self.region = caller.region
        scope = f"{caller.access_key_id}/19700101/{caller.region}/{service}/aws4_request"
        self.headers = {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=",
            "X-Amz-Security-Token": caller.session_token,
        }
        self.data = {"BucketName": bucket} if bucket else {}
        self._action = action

    def _get_action(self) -> str:
        return self._action

    def authorize(self, topic: str) -> None:
        self._authenticate_and_authorize_normal_action(topic)

    def authorize_s3(self, bucket: str, key: str) -> None:
        self._authenticate_and_authorize_s3_action(bucket, key)


def put_objects(caller: Caller, objects: Iterable[NewObject]) -> list[str | None]:
    """Store objects; why each was refused, None for what is stored."""
    return [_refusal(_put_object, caller, new) for new in objects]


def publish(caller: Caller, notifications: Sequence[Notification]) -> list[str | None]:
    """Tell topics; why each call was refused, None for what is told."""
    return [_refusal(_publish, caller, notification) for notification in notifications]


def _refusal(call: Callable[[Caller, Any], None], caller: Caller, what: NewObject | Notification) -> str | None:
    try:
        call(caller, what)
    except ServiceException as error:
        return f"{error.code}: {error.message}"
    except HTTPException as error:
        return f"{getattr(error, 'error_type', error.code)}: {getattr(error, 'message', error.description)}"
    except Exception as error:
        # As by HTTP: the server goes on, and its log says what happened.
        logger.exception("%s", call.__name__)
        return f"InternalError: {error}"
    return None


def _put_object(caller: Caller, new: NewObject) -> None:
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    with S3_LOCK:
        bucket = backend.buckets.get(new.bucket)
        resource = f"arn:aws:s3:::{new.bucket}/{new.key}"
        if bucket and bucket.get_permission("s3:PutObject", resource) == PermissionResult.DENIED:
            raise S3AccessDeniedError
        _Request(caller, "s3", "PutObject", new.bucket).authorize_s3(new.bucket, new.key)
        encryption = "aws:kms" if new.key_id else None
        stored = backend.put_object(new.bucket, new.key, new.body, encryption=encryption, kms_key_id=new.key_id)
        stored.set_metadata({"Content-Type": new.content_type})
        stored.set_acl(backend.get_bucket(new.bucket).acl)


def _publish(caller: Caller, notification: Notification) -> None:
    topic, message, group = notification
    _Request(caller, "sns", "Publish").authorize(topic)
    sns_backends[DEFAULT_ACCOUNT_ID][caller.region].publish(message, arn=topic, group_id=group)
