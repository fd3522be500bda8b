"""Outcomes: what came back for a request, and to which class a failure belongs.

A *refused* request is about what was sent: halves of it may pass. A *broken* one may pass as it is, later. Its status
doesn't tell whether it was the endpoint that failed or a row that makes the model fail: `app.failures` judges that by
how other requests fare meanwhile.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from fanfold_core.input.errors import counted, shortened
from fanfold_core.input.json.text import read_json

if TYPE_CHECKING:
    from fanfold_core.domain.answers import Predictions
    from fanfold_core.domain.keys import RequestId
    from fanfold_core.domain.requests import Unsendable
    from fanfold_core.domain.spans import Span

_STATUS = re.compile(r"error \(([0-9]{1,3})\)")
# Characters of SageMaker's reason, and of the model's words that stand before it.
_MOST_REASON = 400
_MOST_WORDS = 500
_CLIENT_ERRORS = 4
# Too busy, or too slow; and a model that has failed, as DJL says it.
_NO_REFUSALS = {408, 424, 429}
# Too busy, or nobody there.
_UNAVAILABLE = {408, 429, 502, 503, 504}


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
class Prediction:
    """A request that succeeded. `location` holds the model's answer if its predictions are too large for the ledger."""

    id: RequestId
    predictions: Predictions
    location: str | None = None
    timing: Timing | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Rows that end in an error, after so many `requests`. `mismatch`: the last answer had a wrong length."""

    span: Span
    reason: str
    requests: int
    mismatch: bool = False


@dataclass(frozen=True, slots=True)
class _Failed:
    """A request without an answer. `attributes` are those that its notification repeats, if any.

    The `reason` goes to logs and to the job. `words` are the model's, which may quote a text: they are for the row's
    `error` alone.
    """

    id: RequestId
    reason: str
    attributes: str | None = None
    words: str = ""

    @property
    def error(self) -> str:
        """What errors.csv says of it."""
        return self.words or self.reason


@dataclass(frozen=True, slots=True)
class Refused(_Failed):
    """The model would not take the request, or answered what is no result: for these `rows`, or for all if empty."""

    rows: tuple[Span, ...] = ()


class Cause(Enum):
    """Who has broken a request, as far as its reason tells."""

    MODEL = auto()  # the container answered with a server error: its code has failed
    TIMEOUT = auto()  # the container didn't answer in time
    BUSY = auto()  # whoever answered had no room, no time, or nobody to work on it
    PLATFORM = auto()  # it never reached the container


@dataclass(frozen=True, slots=True)
class Broken(_Failed):
    """The request failed, and the very same one may pass later: a server error, a time-out, an expiry."""

    @property
    def cause(self) -> Cause:
        """Who has broken it."""
        return cause_of(self.reason)


@dataclass(frozen=True, slots=True)
class Pause:
    """The circuit breaker of an endpoint: nothing is sent to it before `until`, in seconds since 1970.

    `seconds` is how long it was paused the last time, 0 if it works.
    """

    until: int = 0
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of an endpoint from all jobs' requests: when one was last `answered` and last `broken`.

    In seconds since 1970, 0 for never; up to some seconds late.
    """

    answered: int = 0
    broken: int = 0
    pause: Pause = Pause()


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known of a span's failures: the highest `attempt` that has been acted upon, 0 for none, and when (`at`).

    `breaks` is how often it broke while the endpoint answered other requests, in halves (`app.failures` says why). `at`
    is in seconds since 1970; the ledger sets it.
    """

    attempt: int = 0
    breaks: int = 0
    at: int = 0


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


def failed(
    request: RequestId, reason: str, response: bytes | None = None, attributes: str | None = None
) -> Refused | Broken:
    """The class of a failure, by the model's HTTP status as SageMaker spells it in its reason.

    What the model responded stands before SageMaker's reason in the row's error. Of both no more is told elsewhere than
    the status and how long they are.

    >>> from fanfold_core.domain.keys import RequestId
    >>> request = RequestId.parse("tweets-1f/7/0000320-0032/1")
    >>> refused = failed(request, "ClientError: Received client error (400) from model.", b"too long: so good")
    >>> refused.error
    'too long: so good (ClientError: Received client error (400) from model.)'
    >>> refused.reason
    "Received client error (400) from model with a message of 17 characters: see the endpoint's log"
    """
    reason = shortened(reason, _MOST_REASON)
    words = "" if response is None else model_words(response)
    error = f"{words} ({reason})" if words and words not in reason else reason
    told = _told(reason, words)
    kind = Refused if _status(reason) is not None and is_refusal(reason) else Broken
    return kind(request, told, attributes, error if error != told else "")


def is_refusal(reason: str) -> bool:
    """Whether the error of a row says what the model made of it: a client error, or an answer that cannot be read.

    >>> is_refusal("ClientError: Received client error (400) from model."), is_refusal("Received client error (424)")
    (True, False)
    """
    status = _status(reason)
    return status is None or (status // 100 == _CLIENT_ERRORS and status not in _NO_REFUSALS)


def cause_of(reason: str) -> Cause:
    """Who has broken a request.

    >>> cause_of("ClientError: Received server error (500) from model."), cause_of("status Expired")
    (<Cause.MODEL: 1>, <Cause.PLATFORM: 4>)
    """
    status = _status(reason)
    if status is None:
        return Cause.PLATFORM
    if status == 0:
        return Cause.TIMEOUT
    return Cause.BUSY if status in _UNAVAILABLE else Cause.MODEL


def _told(reason: str, words: str) -> str:
    """What may be told of a failure: not what the model responded, which SageMaker's reason may quote, too."""
    told, _, quoted = reason.partition('"')
    status = _status(reason)
    if status == 0:
        return "Received server error (0) from model: it did not answer in time"
    if status is None:
        # No container has answered: then these are SageMaker's own words.
        return (
            told.rstrip()
            if not words or words not in told
            else f"failed with a message of {counted(len(reason), 'character')}"
        )
    kind = "client" if status // 100 == _CLIENT_ERRORS else "server"
    message = f" with a message of {counted(len(words or quoted), 'character')}" if words or quoted else ""
    return f"Received {kind} error ({status}) from model{message}: see the endpoint's log"


def _status(reason: str) -> int | None:
    """The HTTP status in SageMaker's reason, which is the last one in it; 0 where the container didn't answer."""
    found = _STATUS.findall(reason)
    return int(found[-1]) if found else None


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
