"""Bodies of messages: their JSON, and what stands in many of them. What is none of it is a `MalformedMessageError`."""

from __future__ import annotations

from typing import Any

from fanfold_core.domain.errors import MalformedMessageError, NewerVersionError
from fanfold_core.domain.json_text import read_json
from fanfold_core.domain.keys import is_job_id

# Stands as `v` in every message of ours, so that a newer version knows what an older one meant.
VERSION = 1
# Chunks, rows and attempts have seven digits at most, in an inference id and in the keys of objects.
_MOST = 9_999_999
# Characters of a wrong message that its error shows.
_MOST_SHOWN = 200


def read_body(body: Any) -> dict[str, Any]:
    """The JSON object that a message's body is; `NewerVersionError` if a version to come has written it."""
    try:
        message = read_json(body)
    except (AttributeError, ValueError) as error:
        raise malformed("a message that is no JSON", body) from error
    if not isinstance(message, dict):
        raise malformed("a message that is no JSON object", body)
    version = message.get("v", VERSION)
    if version in range(1, VERSION + 1):
        return message
    if isinstance(version, int) and version > VERSION:
        raise NewerVersionError("message", version, VERSION)
    raise malformed("a message of no version", version)


def read_job_id(message: dict[str, Any]) -> str:
    """The id under `job`."""
    job = message.get("job")
    if not (isinstance(job, str) and is_job_id(job)):
        raise malformed("a message that names no job", message)
    return job


def read_number(value: Any) -> int:
    """The value, if it may be the number of a chunk, a part, a row or an attempt."""
    # To Python, a truth value is an int, too.
    if not (isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST):
        raise malformed("a number that is none, or beyond all bounds", value)
    return value


def malformed(what: str, value: Any) -> MalformedMessageError:
    """The error that says what is wrong with a value of a message, and shows how the value begins."""
    return MalformedMessageError(f"{what}: {shown(value)}")


def shown(value: Any) -> str:
    """How a value begins, in characters that every log takes."""
    return ascii(value)[:_MOST_SHOWN]
