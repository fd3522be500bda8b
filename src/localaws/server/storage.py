"""S3 and DynamoDB: one request at a time, as their atomic operations promise; S3 events with all that AWS has.

A query of DynamoDB looks at its partition only, and items are answered as they are stored.
"""

import copy
import itertools
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler
from moto.s3 import notifications
from moto.s3.exceptions import MissingKey, NoSuchUpload, PreconditionFailed
from moto.s3.models import S3Backend
from moto.s3.responses import ACTION_MAP, S3Response

from localaws.server import replace

# Later events of one key have a greater sequencer.
_sequence = itertools.count(time.time_ns())
S3_LOCK = threading.RLock()
# Types of DynamoDB's values that are in JSON as they are here.
_TEXTS, _SETS = {"S", "N"}, {"SS", "NS"}


def patch() -> None:
    """Change moto's S3 and DynamoDB."""
    replace(DynamoHandler, "call_action", _one_at_a_time(threading.RLock()))
    replace(Table, "query", _of_its_partition)
    replace(BaseJSONSerializer, "_serialize_type_structure", _with_plain_values)
    for name in ("bucket_response", "key_response"):
        # A reader, too, waits: moto sends the event of a PUT before it has stored the object's metadata.
        replace(S3Response, name, _one_at_a_time(S3_LOCK))
    for name in ("get_object", "head_object"):
        replace(S3Response, name, _hide_what_may_not_be_listed)
    replace(notifications, "_get_s3_event", _complete_event)
    for name in ("upload_part", "upload_part_copy", "complete_multipart_upload"):
        replace(S3Backend, name, _refuse_an_upload_that_is_gone)
    replace(S3Response, "upload_part_copy", _copy_only_what_is_meant)
    replace(S3Backend, "put_object", _leave_event_to_multipart_completion)
    ACTION_MAP["BUCKET"]["HEAD"]["DEFAULT"] = "ListBucket"


def _one_at_a_time(lock: threading.RLock) -> Callable[[Any], Any]:
    """Moto checks a condition and writes afterwards; between the two another thread may write."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def serialized(*args: Any, **options: Any) -> Any:
            with lock:
                return original(*args, **options)

        return serialized

    return make


def _of_its_partition(original: Callable[..., Any]) -> Callable[..., Any]:
    """Moto sorts all items of the table first. An index needs them; a partition's own items are together."""

    def query(self: Table, key: Any, *given: Any, **options: Any) -> Any:
        _comparison, _values, _limit, _start, _forward, _projection, index, *_ = given
        if index is not None:
            return original(self, key, *given, **options)
        partition = copy.copy(self)
        partition.items = {key: self.items[key]} if key in self.items else {}  # type: ignore[assignment] # moto's creates what is missing
        return original(partition, key, *given, **options)

    return query


def _with_plain_values(original: Callable[..., None]) -> Callable[..., None]:
    """Moto looks for each of the ten types that a value may have under six names: most of a large answer's time."""

    def serialize(self: BaseJSONSerializer, serialized: dict[str, Any], value: Any, shape: Any, key: str) -> None:
        if shape.name == "AttributeValue" and isinstance(value, dict):
            ((kind, held),) = value.items()
            if (kind in _TEXTS and isinstance(held, str)) or (kind in _SETS and isinstance(held, list)):
                serialized[key] = value
                return
        original(self, serialized, value, shape, key)

    return serialize


def _hide_what_may_not_be_listed(original: Callable[..., Any]) -> Callable[..., Any]:
    """S3 answers 403 instead of 404 to who may not list the bucket."""

    def checked(self: S3Response, *args: Any, **options: Any) -> Any:
        try:
            answer = original(self, *args, **options)
        except MissingKey:
            self.data["Action"] = "ListBucket"
            self._authenticate_and_authorize_s3_action(bucket_name=self.bucket_name)
            raise
        if answer[0] == 404:  # noqa: PLR2004
            self.data["Action"] = "ListBucket"
            self._authenticate_and_authorize_s3_action(bucket_name=self.bucket_name)
        return answer

    return checked


def _complete_event(original: Callable[..., Any]) -> Callable[..., Any]:
    """Add what moto's event records lack; see AWS's "Event message structure". Who asks here is no user of AWS."""

    def build(event_name: str, bucket: Any, key: Any, notification_id: str) -> dict[str, Any]:
        event: dict[str, Any] = original(event_name, bucket, key, notification_id)
        for record in event["Records"]:
            record |= {
                "requestParameters": {"sourceIPAddress": "127.0.0.1"},
                "responseElements": {"x-amz-request-id": "LOCAL", "x-amz-id-2": "LOCAL"},
            }
            record["s3"]["bucket"]["ownerIdentity"] = {"principalId": "LOCAL"}
            record["s3"]["object"]["sequencer"] = f"{next(_sequence):018X}"
            if bucket.is_versioned:
                record["s3"]["object"]["versionId"] = key.version_id
        return event

    return build


def _refuse_an_upload_that_is_gone(original: Callable[..., Any]) -> Callable[..., Any]:
    """Moto fails with a server error where S3 says that somebody has completed the upload, or aborted it."""

    def checked(self: S3Backend, bucket_name: str, multipart_id: str, *args: Any, **options: Any) -> Any:
        if multipart_id not in self.get_bucket(bucket_name).multiparts:
            raise NoSuchUpload(upload_id=multipart_id)
        return original(self, bucket_name, multipart_id, *args, **options)

    return checked


def _copy_only_what_is_meant(original: Callable[..., Any]) -> Callable[..., Any]:
    """Moto copies ranges of an object whatever its ETag is."""

    def checked(self: S3Response) -> Any:
        source = urlsplit(self.headers["x-amz-copy-source"])
        bucket, _, key = unquote(source.path).lstrip("/").partition("/")
        version = parse_qs(source.query).get("versionId", [None])[0]
        found = self.backend.get_object(bucket, key, version_id=version)
        if found is None:
            raise MissingKey(key=key)
        if self.headers.get("x-amz-copy-source-if-match", found.etag) != found.etag:
            raise PreconditionFailed("x-amz-copy-source-If-Match")
        return original(self)

    return checked


def _leave_event_to_multipart_completion(original: Callable[..., Any]) -> Callable[..., Any]:
    """Moto announces the object that a multipart upload completes as a PUT as well."""

    def put_object(self: S3Backend, *args: Any, **options: Any) -> Any:
        if options.get("multipart") is not None:
            options["disable_notification"] = True
        return original(self, *args, **options)

    return put_object
