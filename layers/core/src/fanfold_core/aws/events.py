"""Events of AWS's services: those that arrive in our queues, and the one that tells that a job has ended.

S3 tells of uploads, SageMaker of outcomes; what cannot be read is a `MalformedMessageError`. All arrive in batches of
SQS messages, each of which succeeds or returns to its queue by itself; its job then says why. (Powertools has batches
for every kind of stream: importing it takes a tenth of a cold start.)
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_plus

from fanfold_core.aws.logs import words_of
from fanfold_core.aws.messages import Resume, malformed, parse_found, parse_unsent, read_content, read_job_id
from fanfold_core.domain.errors import AnnouncementError, MalformedMessageError, NewerVersionError, UnknownJobError
from fanfold_core.domain.keys import RequestId, job_id, read_principal
from fanfold_core.domain.outcomes import Answered, Outcome, Timing, chunk_of, failed
from fanfold_core.input.errors import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from aws_lambda_powertools import Logger
    from types_boto3_events import EventBridgeClient
    from types_boto3_events.type_defs import PutEventsRequestEntryTypeDef
    from types_boto3_sns import SNSClient

    from fanfold_core.app.ports import Ledger
    from fanfold_core.aws.messages import Content

# What a function answers with `ReportBatchItemFailures`.
BatchResponse = dict[str, list[dict[str, str]]]


class Message(NamedTuple):
    """A message by its id, which is what Lambda calls it, and what is in it."""

    id: str
    body: str


def messages(event: Mapping[str, Any]) -> Iterator[Message]:
    """The messages of a batch."""
    return (Message(record["messageId"], record["body"]) for record in event["Records"])


def batch_response(failed: Iterable[str]) -> BatchResponse:
    """The response by which these messages return to their queue, and all others are deleted.

    >>> batch_response(["6a5ef09e"])
    {'batchItemFailures': [{'itemIdentifier': '6a5ef09e'}]}
    """
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def process_each(
    event: Mapping[str, Any], process: Callable[[str], None], ledger: Ledger, logger: Logger
) -> BatchResponse:
    """Process the body of each message. One for which it raises returns to its queue; log and ledger say why."""
    failed = []
    for message in messages(event):
        try:
            process(message.body)
        except Exception as error:
            job = job_of(message.body)
            facts = {"message_id": message.id, **({"job": job} if job else {})}
            logger.exception("the message returns to its queue", extra=facts)
            if job:
                note_trouble(ledger, logger, job, error)
            failed.append(message.id)
    return batch_response(failed)


def note_trouble(ledger: Ledger, logger: Logger, job: str, error: Exception) -> None:
    """Make an error, for which messages return to their queue, the trouble of their job.

    If that fails, too, it is logged: the first error counts.
    """
    try:
        ledger.set_trouble(ledger.job(job), f"{logger.service}: {words_of(error)}")
    except UnknownJobError:
        pass  # nobody can ask for its status
    except Exception:
        logger.exception("the error could not be stored in the ledger")


def job_of(body: Any) -> str | None:
    """The job that a message of any queue is about; None if it names none, or no version known here has written it."""
    try:
        content = read_content(body)
        if "job" in content:
            return read_job_id(content)
        if "Records" in content:
            match next(uploads(body), None):  # S3 sends one record in an event
                case Upload(bucket, key, str(version), _):
                    return job_id(bucket, key, version)
                case _:
                    return None
        told = outcome(body)
    except (MalformedMessageError, NewerVersionError):
        return None
    return None if isinstance(told, Ignored) else chunk_of(told)[0]


@dataclass(frozen=True, slots=True)
class Upload:
    """A file has arrived in the input bucket. What the event doesn't name is None: its version, and who sent it."""

    bucket: str
    key: str
    version: str | None
    submitted_by: str | None


@dataclass(frozen=True, slots=True)
class Ignored:
    """A folder, which S3's console makes as an object; or no object at all."""

    what: str


def uploads(body: str) -> Iterator[Upload | Ignored | Resume]:
    """What a message of the uploads queue asks for."""
    content = read_content(body)
    if "job" in content:
        yield Resume.parse(content)
    elif content.get("Event") == "s3:TestEvent":
        yield Ignored("the test event that S3 sends when notifications are set up")
    else:
        records = content.get("Records")
        if not isinstance(records, list):
            raise malformed("a message that is not an S3 event", content)
        yield from map(_upload, records)


def outcome(body: str) -> Outcome | Ignored:
    """What a message of the outcomes queue tells: a SageMaker notification, or a message of ours."""
    content = read_content(body)
    if "unsendable" in content:
        return parse_unsent(content)
    if "found" in content:
        return parse_found(content)
    inference_id = str(content.get("inferenceId", ""))
    request = RequestId.parse(inference_id)
    if request is None:
        length = counted(len(inference_id), "character")
        return Ignored(f"a notification for a request of another application (its inference id has {length})")
    if content.get("invocationStatus") == "Completed":
        return _answered(request, content)
    reason = str(content.get("failureReason") or f"status {content.get('invocationStatus')}")
    parameters = content.get("requestParameters")
    attributes = parameters.get("customAttributes") if isinstance(parameters, dict) else None
    return failed(request, reason, _included(content), None if attributes is None else str(attributes))


def _upload(record: Any) -> Upload | Ignored:
    match record:
        case {"s3": {"bucket": {"name": str(bucket)}, "object": {"key": str(quoted)} as found}}:
            key, version = unquote_plus(quoted), found.get("versionId")
        case _:
            raise malformed("an S3 event record without an object", record)
    if not isinstance(version, str | None):
        raise malformed("an invalid version", version)
    if key.endswith("/"):
        return Ignored(f"s3://{bucket}/{key}: it is a folder")
    match record:
        case {"userIdentity": {"principalId": principal}}:
            return Upload(bucket, key, version, read_principal(principal))
    return Upload(bucket, key, version, None)


def _answered(request: RequestId, content: Content) -> Answered:
    parameters = content.get("responseParameters")
    location = parameters.get("outputLocation") if isinstance(parameters, dict) else None
    if not isinstance(location, str):
        raise malformed("a success without output location", content)
    timing = _timing(content.get("receivedTime"), content.get("eventTime"))
    return Answered(request, _included(content), location, timing)


def _included(content: Content) -> bytes | None:
    """What the model responded; None if the notification doesn't include it, for it is in S3 as well."""
    included = content.get("responseBody")
    if not isinstance(included, dict) or included.get("encoding") != "BASE64":
        return None
    try:
        return base64.b64decode(included["content"], validate=True)
    except (KeyError, TypeError, ValueError):
        return None


def _timing(received: Any, happened: Any) -> Timing | None:
    """When the answer came and how long it took; None if the notification doesn't say, for results don't need it."""
    try:
        since, until = datetime.fromisoformat(received), datetime.fromisoformat(happened)
        timing = Timing(int(until.timestamp()), int((until - since).total_seconds() * 1000))
    except (OverflowError, TypeError, ValueError):
        return None
    return timing if timing.waited >= 0 else None


DETAIL_TYPE = "Fanfold Job Ended"


class AwsAnnouncements:
    """`app.ports.Announcements`: puts events on the account's default bus, as this source, and on a topic.

    A rule that passed them on from the bus would need a topic that takes messages of any account's rules: EventBridge
    meets no condition in a topic's policy.
    """

    def __init__(self, events: EventBridgeClient, sns: SNSClient, source: str, topic_arn: str) -> None:
        self._events, self._sns = events, sns
        self._source, self._topic_arn = source, topic_arn

    def job_ended(self, summary: Mapping[str, Any]) -> None:
        detail = {"v": 1, **summary}
        entry: PutEventsRequestEntryTypeDef = {
            "Source": self._source,
            "DetailType": DETAIL_TYPE,
            "Detail": json.dumps(detail),
        }
        answer = self._events.put_events(Entries=[entry])
        # A refused entry is no error of the call.
        if answer["FailedEntryCount"]:
            raise AnnouncementError(summary["job"], answer["Entries"][0].get("ErrorCode", "no reason given"))
        self._sns.publish(
            TopicArn=self._topic_arn,
            Subject=f"{summary['job']}: {summary['state']}",
            Message=json.dumps({"source": self._source, "detail-type": DETAIL_TYPE, "detail": detail}),
        )
