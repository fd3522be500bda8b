"""A file's way into the input bucket, where its job begins."""

from __future__ import annotations

from datetime import UTC, datetime
from difflib import get_close_matches
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError

from fanfold.errors import JobStillOpenError, UploadError
from fanfold.stacks import find_job
from fanfold.status import JobState, JobStatus
from fanfold.terminal import bytes_bar
from fanfold_core.domain.keys import job_id
from fanfold_core.domain.options import OPTIONS
from fanfold_core.domain.options.row import spell
from fanfold_core.input.formats import FileName

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from types_boto3_s3 import S3Client

    from fanfold.input.sources import Source
    from fanfold.stacks import Stack

# Of metadata, S3 takes so many bytes in names and values together.
_MOST_METADATA_BYTES = 2_048
# What JSON is made of, which S3 takes; encoded, it would be most of a schema's bytes.
_AS_IT_IS = '/{}[]":,'


def metadata(**given: Any) -> dict[str, str]:
    """Options as a file's metadata names and spells them; those that are None are left to the stack.

    `TypeError` names an option that there is not.

    >>> metadata(rows_per_request=8, parameters={"top_k": 1}, guard_formulas=True, header=None)
    {'rows-per-request': '8', 'parameters': '{"top_k": 1}', 'guard-formulas': 'yes'}
    """
    for name in given.keys() - OPTIONS.keys():
        near = get_close_matches(name, OPTIONS, 1)
        raise TypeError(f"unknown option {name}{f'; did you mean {near[0]}?' if near else ''}")
    return {OPTIONS[name].name: spell(value) for name, value in given.items() if value is not None}


def upload(stack: Stack, source: Source, options: Mapping[str, str]) -> JobStatus:
    """Upload a file, with its options as metadata; what is known of its job by then. `UploadError` names trouble.

    The job that `since` names may be named by how its id begins; nothing is uploaded if it is none that has ended.
    What is in S3 is copied there, without a byte of it coming here.
    """
    options = {**options, **source.options}
    with bytes_bar("uploading", source.size) as sent:
        if copy := source.copy:
            return _put(stack, source.name, options, lambda client, place, spelt: copy(client, place, spelt, sent))
        try:
            with source.open(0) as stream:
                return upload_stream(stack, source.name, stream, options, sent)
        except OSError as error:
            raise UploadError(f"cannot read {source.shown}: {error}") from error


def upload_stream(
    stack: Stack,
    name: str,
    stream: IO[bytes],
    options: Mapping[str, str],
    sent: Callable[[int], None] = lambda _bytes: None,
) -> JobStatus:
    """Upload a file as it is read; `sent` is told of bytes as they go. `UploadError` names trouble."""

    def put(client: S3Client, place: Mapping[str, str], spelt: dict[str, str]) -> None:
        client.upload_fileobj(stream, place["Bucket"], place["Key"], ExtraArgs={"Metadata": spelt}, Callback=sent)

    return _put(stack, name, options, put)


def _put(
    stack: Stack,
    name: str,
    options: Mapping[str, str],
    put: Callable[[S3Client, Mapping[str, str], dict[str, str]], None],
) -> JobStatus:
    spelt = _checked(name, {**options, **_since(stack, options.get("since"))})
    client = stack.client("s3")
    # A folder of its own, so that two people's tweets.csv don't meet.
    key = f"{uuid4().hex[:12]}/{FileName.parse(name).uploaded}"
    try:
        put(client, {"Bucket": stack.input_bucket, "Key": key}, spelt)
        version = client.head_object(Bucket=stack.input_bucket, Key=key).get("VersionId", "null")
    except (S3UploadFailedError, ClientError, BotoCoreError) as error:
        raise UploadError(f"cannot upload {name} to s3://{stack.input_bucket}/{key}: {error}") from error
    return JobStatus(
        id=job_id(stack.input_bucket, key, version),
        state=JobState.UPLOADED,
        reason="",
        rows=None,
        done=0,
        predicted=0,
        failed=0,
        requests=None,
        created=datetime.now(UTC),
        ended=None,
        input=f"s3://{stack.input_bucket}/{key}",
        retry_of=None,
        model="",
        revision="",
        endpoint=stack.endpoint,
    )


def _since(stack: Stack, name: str | None) -> Mapping[str, str]:
    """The option `since` with the whole id of the job that it names, if it names one.

    `JobNotFoundError` if there is none, or there are several; `JobStillOpenError` if it has not ended.
    """
    if not name:
        return {}
    earlier = find_job(stack, name)
    if not stack.ledger.job(earlier).state.is_terminal:
        raise JobStillOpenError(earlier)
    return {"since": earlier}


def encoded(options: Mapping[str, str]) -> dict[str, str]:
    """Options as S3 takes them, which is in ASCII.

    >>> encoded({"input-column": "café", "parameters": '{"top_k": 1}'})
    {'input-column': 'caf%C3%A9', 'parameters': '{"top_k":%201}'}
    """
    return {option: quote(value, safe=_AS_IT_IS) for option, value in options.items()}


def _checked(name: str, options: Mapping[str, str]) -> dict[str, str]:
    """Options as S3 takes them; `UploadError` if they are more than it takes."""
    spelt = encoded(options)
    size = sum(len(option) + len(value) for option, value in spelt.items())
    if size > _MOST_METADATA_BYTES:
        longest = max(spelt, key=lambda option: len(spelt[option]))
        raise UploadError(
            f"cannot upload {name}: its options have {size:,} bytes, percent-encoded, and S3 takes "
            f"{_MOST_METADATA_BYTES:,}; shorten the option `{longest}`"
        )
    return spelt
