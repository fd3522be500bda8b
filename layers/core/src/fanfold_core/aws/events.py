"""Events in: a message becomes a domain value or a `MalformedMessageError`. No raw dict goes further inward."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from fanfold_core.aws.bodies import malformed, read_body, read_job_id, read_number, shown
from fanfold_core.domain.job import Part
from fanfold_core.domain.keys import RequestId
from fanfold_core.domain.outcomes import Answered, Outcome, Timing, Unsent, failed
from fanfold_core.domain.requests import Unsendable
from fanfold_core.domain.spans import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

_CSV_NAMES = (".csv", ".csv.gz")


@dataclass(frozen=True, slots=True)
class Upload:
    """A CSV has arrived in the input bucket. `version` is None where the event names none."""

    bucket: str
    key: str
    version: str | None


@dataclass(frozen=True, slots=True)
class Ignored:
    """An object that is no CSV, by its name; or no object at all."""

    what: str


@dataclass(frozen=True, slots=True)
class GoOn:
    """A file is to be split further."""

    job: str


@dataclass(frozen=True, slots=True)
class Dispatch:
    """A chunk is to be sent: all that hasn't been, or these spans again, each as the attempt that is named."""

    job: str
    chunk: int
    attempts: dict[Span, int]


@dataclass(frozen=True, slots=True)
class Sweep:
    """Open jobs are to be swept: all of them, or one, from this chunk on."""

    job: str | None
    start: int


@dataclass(frozen=True, slots=True)
class Assemble:
    """A job is to be assembled, or one part of it."""

    job: str
    part: Part | None


def uploads(body: str) -> Iterator[Upload | Ignored | GoOn]:
    """What a message of the uploads queue asks for."""
    message = read_body(body)
    if "job" in message:
        yield GoOn(read_job_id(message))
    elif message.get("Event") == "s3:TestEvent":
        yield Ignored("the test event that S3 sends when notifications are set up")
    else:
        records = message.get("Records")
        if not isinstance(records, list):
            raise malformed("a message that is no S3 event", message)
        yield from map(_upload, records)


def _upload(record: Any) -> Upload | Ignored:
    match record:
        case {"s3": {"bucket": {"name": str(bucket)}, "object": {"key": str(quoted)} as found}}:
            key, version = unquote_plus(quoted), found.get("versionId")
        case _:
            raise malformed("an S3 event record that names no object", record)
    if not isinstance(version, str | None):
        raise malformed("a version that is none", version)
    if not key.lower().endswith(_CSV_NAMES):
        return Ignored(f"s3://{bucket}/{key}: its name ends neither in .csv nor in .csv.gz")
    return Upload(bucket, key, version)


def dispatch(body: str) -> Dispatch:
    """What a message of the chunks queue asks for."""
    message = read_body(body)
    spans = message.get("spans", {})
    try:
        attempts = {Span.parse(span): read_number(attempt) for span, attempt in spans.items()}
    except (AttributeError, ValueError) as error:
        raise malformed("spans that are none", spans) from error
    return Dispatch(read_job_id(message), read_number(message.get("chunk")), attempts)


def outcome(body: str) -> Outcome | Ignored:
    """What a message of the outcomes queue tells: a SageMaker notification, or rows that could not be sent."""
    message = read_body(body)
    if "unsendable" in message:
        return _unsent(message)
    if "found" in message:
        return _found(message)
    request = RequestId.parse(str(message.get("inferenceId", "")))
    if request is None:
        return Ignored(
            f"a notification about somebody else's request: inference id {shown(message.get('inferenceId'))}"
        )
    if message.get("invocationStatus") == "Completed":
        return _answered(request, message)
    reason = str(message.get("failureReason") or f"status {message.get('invocationStatus')}")
    return failed(request, reason, _included(message))


def sweep(body: str) -> Sweep:
    """What a message of the sweeps queue asks for: EventBridge's scheduled event, or one job's sweep."""
    message = read_body(body)
    if message.get("detail-type") == "Scheduled Event":
        return Sweep(None, 0)
    return Sweep(read_job_id(message), read_number(message.get("start")))


def assemble(body: str) -> Assemble:
    """What a message of the assembly queue asks for."""
    message = read_body(body)
    match message.get("part"):
        case None:
            part = None
        case [number, first, end]:
            part = Part(read_number(number), read_number(first), read_number(end))
        case other:
            raise malformed("a part that is none", other)
    return Assemble(read_job_id(message), part)


def _unsent(message: dict[str, Any]) -> Unsent:
    try:
        runs = tuple(Unsendable(Span.parse(span), str(reason)) for span, reason in message["unsendable"].items())
    except (AttributeError, ValueError) as error:
        raise malformed("unsendable rows that are none", message["unsendable"]) from error
    return Unsent(read_job_id(message), read_number(message.get("chunk")), runs)


def _found(message: dict[str, Any]) -> Answered:
    request, location = RequestId.parse(str(message["found"])), message.get("at")
    if request is None or not isinstance(location, str):
        raise malformed("an output of no request, or nowhere", message)
    return Answered(request, None, location)


def _answered(request: RequestId, message: dict[str, Any]) -> Answered:
    parameters = message.get("responseParameters")
    location = parameters.get("outputLocation") if isinstance(parameters, dict) else None
    if not isinstance(location, str):
        raise malformed("a success without output location", message)
    timing = _timing(message.get("receivedTime"), message.get("eventTime"))
    return Answered(request, _included(message), location, timing)


def _included(message: dict[str, Any]) -> bytes | None:
    """What the model responded; None if the notification doesn't include it, for it is in S3 as well."""
    included = message.get("responseBody")
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
