"""template.yaml as a stack on moto, inside this process: made once, emptied for each run."""

import base64
import functools
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

# Read by moto on its import. Function code is not kept in S3 here.
os.environ |= {"VALIDATE_LAMBDA_S3": "false"}

import boto3
import botocore.endpoint
import botocore.session
import moto.backend_index
import moto.core.responses
from boto3.dynamodb.types import TypeDeserializer
from botocore.config import Config
from botocore.retries.quota import RetryQuota
from moto import mock_aws
from moto.core.common_models import BaseModel
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.responses import DynamoResult
from moto.moto_api._internal import mock_random
from moto.s3.models import s3_backends
from moto.sqs.models import Message, sqs_backends
from tests.simulation.cloud import Sent

from fanfold.client import LOCAL_PARAMETERS
from fanfold.project import find_root
from fanfold_core.aws import item_keys, items
from fanfold_core.domain.errors import UnknownChunkError
from fanfold_core.domain.job import Chunk, JobRecord
from localaws import template
from localaws.functions.workers import Function
from localaws.server import iam, messaging, put, replace, resources, storage
from localaws.stack import LocalStack
from localaws.template import REGION

ENVIRONMENT = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "simulated",
    "AWS_SECRET_ACCESS_KEY": "simulated",
}
_ITEM_BYTES = 400 * 1024
_VALUES = TypeDeserializer()


class MotoCloud:
    """The stack, and what moto holds of it.

    >>> cloud = MotoCloud.create()
    >>> cloud.outputs["InputBucket"]
    'fanfold-input-123456789012-us-east-1'
    """

    def __init__(self, stack: LocalStack) -> None:
        self.outputs = stack.outputs
        self.functions = stack.functions
        self.mappings = {mapping.queue_arn: mapping for mapping in stack.mappings()}
        self.output_path = _output_path(stack.outputs["EndpointName"])
        self.s3, self.sqs = boto3.client("s3"), boto3.client("sqs")
        self._table = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables[stack.outputs["LedgerTable"]]
        self._buckets = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets
        self._queues = sqs_backends[DEFAULT_ACCOUNT_ID][REGION].queues.values()

    @classmethod
    def create(cls) -> "MotoCloud":
        """Take AWS's place in this process, for as long as it lives, and create the stack."""
        os.environ |= ENVIRONMENT
        _patch_moto()
        mock_aws().start()
        botocore_session = botocore.session.get_session()
        # Putting together what each request tells of its sender takes a tenth of the time.
        botocore_session.set_default_client_config(Config(user_agent="simulation"))
        boto3.setup_default_session(botocore_session=botocore_session)
        loaded = template.load(find_root(), LOCAL_PARAMETERS)
        cloud = cls(LocalStack.create(boto3, "fanfold", loaded))  # type: ignore[arg-type] # as a session
        _speed_up_moto()
        return cloud

    def empty(self) -> None:
        """Forget what runs have left, down to the ids that AWS makes up."""
        mock_random.seed(0)
        self._table.items.clear()
        for bucket in self._buckets.values():
            bucket.keys.clear()
            bucket.multiparts.clear()
        for _ in self.sent():
            pass

    @property
    def queue_arns(self) -> Sequence[str]:
        """All queues, those of dead letters, too."""
        return [queue.queue_arn for queue in self._queues]

    @property
    def parts(self) -> Mapping[str, Callable[[Any], Any]]:
        return {}

    def upload(self, key: str, content: bytes, metadata: Mapping[str, str]) -> str:
        bucket = self.outputs["InputBucket"]
        return self.s3.put_object(Bucket=bucket, Key=key, Body=content, Metadata=metadata)["VersionId"]

    def sent(self) -> Iterator[Sent]:
        """Take what has been sent out of all sqs."""
        for queue in self._queues:
            messages: list[Message] = queue._messages  # noqa: SLF001 # ReceiveMessage asks the real clock what is due
            while messages:
                message = messages.pop(0)
                sent_at: Any = message.sent_timestamp
                delay = round((message.delayed_until - sent_at) / 1000)
                yield Sent(queue.queue_arn, message.id, message.body, max(0, delay))

    def notify(self, notification: str) -> None:
        """Let a notification of the endpoint reach the queue that its topics are subscribed to."""
        queue = next(queue for queue in self._queues if "OutcomesQueue" in queue.name)
        self.sqs.send_message(QueueUrl=queue.physical_resource_id, MessageBody=notification)

    def function(self, name: str) -> Function:
        """A function by the first word of its logical id."""
        return next(found for found in self.functions.values() if found.logical_id == f"{name}Function")

    def job(self, job_id: str) -> JobRecord | None:
        item = self._item(item_keys.job_key(job_id))
        return None if item is None else items.read_job(item)

    def chunk(self, job_id: str, number: int) -> Chunk:
        item = self._item(item_keys.chunk_key(job_id, number))
        if item is None:
            raise UnknownChunkError(job_id, number)
        return items.read_chunk(item)

    def read(self, key: str) -> bytes | None:
        """An object of the output bucket, None if it isn't there."""
        found = self._buckets[self.outputs["OutputBucket"]].keys.get(key)
        return None if found is None else found.value

    def write(self, location: str, content: bytes) -> None:
        """Write an object that an `s3://` location names."""
        bucket, _, key = location.removeprefix("s3://").partition("/")
        self.s3.put_object(Bucket=bucket, Key=key, Body=content)

    def _item(self, key: Mapping[str, str]) -> dict[str, Any] | None:
        pk, sk = (DynamoType({"S": key[name]}) for name in ("pk", "sk"))
        found = self._table.items.get(pk, {}).get(sk)
        if found is None:
            return None
        return {name: _VALUES.deserialize(value.to_regular_json()) for name, value in found.attrs.items()}


def _output_path(endpoint: str) -> str:
    sagemaker = boto3.client("sagemaker")
    name = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    config = sagemaker.describe_endpoint_config(EndpointConfigName=name)["AsyncInferenceConfig"]
    return config["OutputConfig"]["S3OutputPath"]


def _patch_moto() -> None:
    # Moto keeps every object it ever made, for its dashboard: each message and each item.
    put(BaseModel, "__new__", staticmethod(lambda cls, *_args, **_options: object.__new__(cls)))
    for service in (iam, messaging, storage):
        service.patch()
    resources.patch(f"https://sqs.{REGION}.amazonaws.com")
    replace(DynamoDBBackend, "update_item", refusing_large_items)
    # The SDK asks again at once and without end: its waits are real time, and its quota would outlive a run.
    put(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _seconds: None, time=time.time))
    put(RetryQuota, "acquire", lambda _self, _amount: True)


def _speed_up_moto() -> None:
    """Halve what a call costs, now that nothing but the functions' own calls is to come."""
    # Moto looks for every attribute of an item by six names. An item is kept as it is answered, so it can go as it is.
    put(DynamoResult, "execute_result", lambda self, _context: (200, {}, json.dumps(self.result, default=_in_base64)))
    # It tries the addresses of all services in turn, and lists a service's operations, for every request.
    used = {"dynamodb", "events", "s3", "sns", "sqs"}
    replace(moto.backend_index, "backend_url_patterns", lambda known: [entry for entry in known if entry[0] in used])
    replace(moto.core.responses, "method_names_from_class", functools.cache)


def _in_base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def refusing_large_items(update: Callable[..., Any]) -> Callable[..., Any]:
    """Moto refuses an item above 400 KB when it is put, not when it grows so large."""

    def checked(self: DynamoDBBackend, *args: Any, **options: Any) -> Any:
        item = update(self, *args, **options)
        if item.size() > _ITEM_BYTES:
            raise MockValidationException("Item size to update has exceeded the maximum allowed size")
        return item

    return checked
