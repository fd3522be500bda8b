"""Outcomes: what came back for a request, and to which class a failure belongs.

A *refused* request is about what was sent: halves of it may pass. A *broken* one is the platform's doing: the very
same request may pass later.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fanfold_core.domain.json_text import read_json

if TYPE_CHECKING:
    from fanfold_core.domain.keys import RequestId
    from fanfold_core.domain.requests import Unsendable

_STATUS = re.compile(r"\(([0-9]{3})\)")
# Characters of the model's words that a reason repeats.
_MOST_WORDS = 500
# Too busy, or too slow: nothing that another request would change.
_RETRIABLE = {"408", "424", "429"}


@dataclass(frozen=True, slots=True)
class Timing:
    """When a request was answered, in seconds since 1970, and the milliseconds from its receipt until then."""

    answered: int
    waited: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The model answered. `content` is the answer, None if it has to be read at `location`.

    An answer that nobody reported has no `timing`.
    """

    id: RequestId
    content: bytes | None
    location: str
    timing: Timing | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The model would not take the request."""

    id: RequestId
    reason: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The platform lost the request: a server error, a time-out, an expiry."""

    id: RequestId
    reason: str


@dataclass(frozen=True, slots=True)
class Unsent:
    """Rows of a chunk that the dispatcher could not send."""

    job: str
    chunk: int
    runs: tuple[Unsendable, ...]


Outcome = Answered | Refused | Broken | Unsent


def chunk_of(outcome: Outcome) -> tuple[str, int]:
    """Job and chunk that an outcome belongs to."""
    return (outcome.job, outcome.chunk) if isinstance(outcome, Unsent) else (outcome.id.job, outcome.id.chunk)


def failed(request: RequestId, reason: str, response: bytes | None = None) -> Refused | Broken:
    """The class of a failure, by the model's HTTP status as SageMaker spells it in its reason.

    What the model responded stands before SageMaker's reason, which says no more than the status.

    >>> from fanfold_core.domain.keys import RequestId
    >>> request = RequestId.parse("tweets-1f/7/0000320-0032/1")
    >>> type(failed(request, "ClientError: Received client error (400) from model.")).__name__
    'Refused'
    """
    status = _STATUS.search(reason)
    words = "" if response is None else model_words(response)
    full = f"{words} ({reason})" if words and words not in reason else reason
    if status and status[1].startswith("4") and status[1] not in _RETRIABLE:
        return Refused(request, full)
    return Broken(request, full)


def model_words(response: bytes) -> str:
    """What a container's failure says, on one line: the `message` of a JSON object that has one, or all of it.

    >>> model_words(b'{"code": 400, "type": "InternalServerException", "message": "text is too long"}')
    'text is too long'
    """
    text = response.decode("utf-8", "replace")
    try:
        found = read_json(text)
    except ValueError:
        found = None
    if isinstance(found, dict) and isinstance(found.get("message"), str):
        text = found["message"]
    return " ".join(text.split())[:_MOST_WORDS]
