"""Events in: a message becomes a domain value or a `MalformedMessageError`. No raw dict goes further inward."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from fanfold_core.domain.errors import MalformedMessageError
from fanfold_core.domain.job import Part
from fanfold_core.domain.keys import RequestId
from fanfold_core.domain.outcomes import Answered, Outcome, Unsent, failed
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
    message = _object(body)
    if "job" in message:
        yield GoOn(_text(message, "job"))
    elif message.get("Event") == "s3:TestEvent":
        yield Ignored("the test event that S3 sends when notifications are set up")
    else:
        yield from map(_upload, _list(message, "Records"))


def _upload(record: dict[str, Any]) -> Upload | Ignored:
    try:
        bucket, found = record["s3"]["bucket"]["name"], record["s3"]["object"]
        key = unquote_plus(found["key"])
    except (KeyError, TypeError) as error:
        raise MalformedMessageError(f"an S3 event record without {error}") from error
    if not key.lower().endswith(_CSV_NAMES):
        return Ignored(f"s3://{bucket}/{key}: its name ends neither in .csv nor in .csv.gz")
    return Upload(bucket, key, found.get("versionId"))


def dispatch(body: str) -> Dispatch:
    """What a message of the chunks queue asks for."""
    message = _object(body)
    spans = message.get("spans", {})
    try:
        attempts = {Span.parse(span): int(attempt) for span, attempt in spans.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise MalformedMessageError(f"spans that are none: {spans!r}") from error
    return Dispatch(_text(message, "job"), _number(message, "chunk"), attempts)


def outcome(body: str) -> Outcome | Ignored:
    """What a message of the outcomes queue tells: a SageMaker notification, or rows that could not be sent."""
    message = _object(body)
    if "unsendable" in message:
        return _unsent(message)
    if "found" in message:
        return _found(message)
    request = RequestId.parse(str(message.get("inferenceId", "")))
    if request is None:
        return Ignored(f"a notification about somebody else's request: inference id {message.get('inferenceId')!r}")
    if message.get("invocationStatus") == "Completed":
        return _answered(request, message)
    return failed(request, str(message.get("failureReason") or f"status {message.get('invocationStatus')}"))


def sweep(body: str) -> Sweep:
    """What a message of the sweeps queue asks for: EventBridge's scheduled event, or one job's sweep."""
    message = _object(body)
    if message.get("detail-type") == "Scheduled Event":
        return Sweep(None, 0)
    return Sweep(_text(message, "job"), _number(message, "start"))


def assemble(body: str) -> Assemble:
    """What a message of the assembly queue asks for."""
    message = _object(body)
    if "part" not in message:
        return Assemble(_text(message, "job"), None)
    try:
        number, first, end = map(int, message["part"])
    except (TypeError, ValueError) as error:
        raise MalformedMessageError(f"a part that is none: {message['part']!r}") from error
    return Assemble(_text(message, "job"), Part(number, first, end))


def _unsent(message: dict[str, Any]) -> Unsent:
    try:
        runs = tuple(Unsendable(Span.parse(span), str(reason)) for span, reason in message["unsendable"].items())
    except (AttributeError, ValueError) as error:
        raise MalformedMessageError(f"unsendable rows that are none: {message['unsendable']!r}") from error
    return Unsent(_text(message, "job"), _number(message, "chunk"), runs)


def _found(message: dict[str, Any]) -> Answered:
    request = RequestId.parse(_text(message, "found"))
    if request is None:
        raise MalformedMessageError(f"an output of no request: {message!r}")
    return Answered(request, None, _text(message, "at"))


def _answered(request: RequestId, message: dict[str, Any]) -> Answered:
    parameters = message.get("responseParameters")
    location = parameters.get("outputLocation") if isinstance(parameters, dict) else None
    if not isinstance(location, str):
        raise MalformedMessageError(f"a success without output location: inference id {request}")
    included = message.get("responseBody")
    if not isinstance(included, dict) or included.get("encoding") != "BASE64":
        return Answered(request, None, location)
    try:
        return Answered(request, base64.b64decode(included["content"], validate=True), location)
    except (KeyError, TypeError, ValueError):
        # Whatever stands there, the answer itself is in S3.
        return Answered(request, None, location)


def _object(body: str) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except ValueError as error:
        raise MalformedMessageError(f"a message that is no JSON: {body[:200]!r}") from error
    if not isinstance(message, dict):
        raise MalformedMessageError(f"a message that is no JSON object: {body[:200]!r}")
    return message


def _text(message: dict[str, Any], name: str) -> str:
    if not isinstance(message.get(name), str):
        raise MalformedMessageError(f"a message without {name!r}: {message!r}")
    return str(message[name])


def _number(message: dict[str, Any], name: str) -> int:
    if not isinstance(message.get(name), int):
        raise MalformedMessageError(f"a message without {name!r}: {message!r}")
    return int(message[name])


def _list(message: dict[str, Any], name: str) -> list[dict[str, Any]]:
    if not isinstance(message.get(name), list):
        raise MalformedMessageError(f"a message that is no S3 event: {message!r}")
    return list(message[name])
