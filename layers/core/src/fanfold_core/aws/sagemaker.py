"""The asynchronous endpoint: `app.ports.Endpoint` over InvokeEndpointAsync.

boto3 says where the service is, what its headers are called and what an error means; the requests themselves go
through libcurl.
"""

from __future__ import annotations

import random
import time
from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush
from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit
from typing import TYPE_CHECKING, NamedTuple, cast

from botocore.parsers import create_parser

from fanfold_core.aws.signing import Signer
from fanfold_core.aws.transfers import Lost, Transfers
from fanfold_core.domain.errors import EndpointError
from fanfold_core.domain.requests import Postponed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from botocore.credentials import Credentials
    from botocore.model import StructureShape
    from types_boto3_sagemaker_runtime import SageMakerRuntimeClient

    from fanfold_core.aws.transfers import Reply
    from fanfold_core.domain.requests import Request

# Client errors that are about the moment and not about the request; told by code, since throttling has no message.
_OF_THE_MOMENT = {
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "ExpiredToken",
    "ExpiredTokenException",
    # A clock has moved between a request's signature and its arrival. The next try is signed anew.
    "InvalidSignatureException",
    "RequestExpired",
}
_SUCCESSES, _CLIENT_ERRORS = range(200, 300), range(400, 500)
_IDLE_SECONDS = 1.0
_FIRST_DELAY_SECONDS = 0.1
_LONGEST_DELAY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds after which requests that the endpoint hasn't taken are postponed, and that it has for a reply.

    Together they leave some of the thirty seconds that a function keeps in reserve.
    """

    taking: float = 15
    reply: float = 10


@dataclass(slots=True)
class _Try:
    """A request on its way to the endpoint: how often it has failed, and its number among all that were sent."""

    request: Request
    failures: int = 0
    number: int = 0


class SageMakerEndpoint:
    """Sends requests side by side, as many at once as the endpoint has been found to take."""

    def __init__(
        self,
        client: SageMakerRuntimeClient,
        credentials: Credentials,
        ca_bundle: str,
        patience: Patience = Patience(),
    ) -> None:
        service = client.meta.service_model
        operation = service.operation_model("InvokeEndpointAsync")
        self._output = cast("StructureShape", operation.output_shape)
        self._accepted = operation.http["responseCode"]
        self._headers = {
            member: shape.serialization["name"].lower()
            for member, shape in cast("StructureShape", operation.input_shape).members.items()
            if shape.serialization.get("location") == "header"
        }
        self._url = client.meta.endpoint_url.rstrip("/")
        signer = Signer(credentials, client.meta.region_name, service.signing_name)
        self._transfers: Transfers[_Try] = Transfers(ca_bundle, signer, patience.reply)
        self._patience_seconds = patience.taking
        self._parser = create_parser(service.protocol)
        highest = _highest_limit()
        self._limit = ConcurrencyLimit(min(_FIRST_LIMIT, highest), highest=highest)
        self._sent = 0

    def send(self, endpoint: str, requests: Sequence[Request], ttl_seconds: int) -> list[Postponed]:
        try:
            return self._send(endpoint, requests, ttl_seconds)
        finally:
            self._transfers.abandon()

    def _send(self, endpoint: str, requests: Sequence[Request], ttl_seconds: int) -> list[Postponed]:
        patience_ends = time.monotonic() + self._patience_seconds
        url = f"{self._url}/endpoints/{endpoint}/async-invocations"
        ready = deque(map(_Try, requests))
        resting: list[tuple[float, int, _Try]] = []
        postponed: list[Postponed] = []
        while ready or resting or self._transfers:
            now = time.monotonic()
            while resting and resting[0][0] <= now:
                ready.append(heappop(resting)[-1])
            if now >= patience_ends:
                postponed += [Postponed(late.request, "the endpoint accepts requests too slowly") for late in ready]
                ready.clear()
            while ready and len(self._transfers) < self._limit.limit:
                self._start(url, ttl_seconds, ready.popleft())
            finished = list(self._transfers.finished(resting[0][0] - now if resting else _IDLE_SECONDS))
            # Where every reply was there before we asked, and there is more to send, the endpoint waits for us.
            if ready and not self._transfers and not self._transfers.has_waited:
                self._limit = self._limit.after_rush()
            for tried, reply in finished:
                reason = self._trouble(endpoint, reply)
                if reason is None:
                    if ready and self._transfers.has_waited:
                        self._limit = self._limit.after_success()
                    continue
                self._limit = self._limit.after_refusal(tried.number, self._sent)
                tried.failures += 1
                again = time.monotonic() + _delay(tried.failures)
                if again < patience_ends:
                    heappush(resting, (again, tried.number, tried))
                else:
                    postponed.append(Postponed(tried.request, reason))
        return postponed

    def _start(self, url: str, ttl_seconds: int, tried: _Try) -> None:
        request, name = tried.request, self._headers
        headers = {
            name["ContentType"]: "application/json",
            name["Accept"]: "application/json",
            name["InferenceId"]: str(request.id),
            name["S3OutputPathExtension"]: request.folder,
            name["Filename"]: request.id.filename,
            name["RequestTTLSeconds"]: str(ttl_seconds),
            name["InvocationTimeoutSeconds"]: str(request.timeout_seconds),
        }
        if request.nonce:
            headers[name["CustomAttributes"]] = request.nonce
        if request.location:
            headers[name["InputLocation"]] = request.location
        tried.number = self._sent
        self._transfers.start(tried, url, headers, b"" if request.location else request.body)
        self._sent += 1

    def _trouble(self, endpoint: str, reply: Reply | Lost) -> str | None:
        """Why a request was not taken, None if it was; `EndpointError` if it never will be."""
        if isinstance(reply, Lost):
            return reply.why
        if reply.status == self._accepted:
            return None
        if reply.status in _SUCCESSES:
            # Whatever answers so has no endpoint behind it.
            return f"HTTP status {reply.status}, not {self._accepted}"
        answer = {"status_code": reply.status, "headers": reply.headers, "body": reply.body}
        error = self._parser.parse(answer, self._output)["Error"]
        words = f"{error['Code']}: {error['Message']}" if error.get("Message") else str(error["Code"])
        if reply.status in _CLIENT_ERRORS and error["Code"] not in _OF_THE_MOMENT:
            raise EndpointError(endpoint, words)
        return words


def _delay(failures: int) -> float:
    """Seconds until the next try: at random, so that what failed together doesn't come together again."""
    longest = min(_LONGEST_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2 ** (failures - 1))
    return random.uniform(longest / 2, longest)  # noqa: S311 - nothing to guess


_FIRST_LIMIT = 32
# Each request in flight has a connection, an open file, of which Lambda allows a process 1,024, and macOS 256.
_HIGHEST_LIMIT, _SHARE_OF_FILES = 256, 4


def _highest_limit() -> int:
    files, _ = getrlimit(RLIMIT_NOFILE)
    return _HIGHEST_LIMIT if files == RLIM_INFINITY else max(1, min(_HIGHEST_LIMIT, files // _SHARE_OF_FILES))


class ConcurrencyLimit(NamedTuple):
    """At most `limit` requests in flight; those numbered below `halved_at` were in flight when it was last halved.

    Nobody says how many requests an endpoint takes; it says when they were too many. So the limit grows with every
    request taken and halves when one is not, as TCP does it (additive increase, multiplicative decrease): fast until
    the first time, then by one per round trip. Only replies that were waited for make it grow: where they come faster
    than they are read, more in flight would wait in line, and the limit goes down again.

    >>> limit = ConcurrencyLimit(limit=8)
    >>> limit.after_success().limit, limit.after_refusal(number=3, started=8).limit
    (9, 4.0)
    """

    limit: float = _FIRST_LIMIT
    halved_at: int = 0
    highest: int = _HIGHEST_LIMIT

    def after_success(self) -> ConcurrencyLimit:
        """The limit once another request has been taken."""
        if self.limit >= self.highest:
            return self
        step = 1 / self.limit if self.halved_at else 1
        return self._replace(limit=min(self.highest, self.limit + step))

    def after_rush(self) -> ConcurrencyLimit:
        """The limit once every reply was there before it was asked for: half of it, or where it began."""
        return self._replace(limit=max(min(_FIRST_LIMIT, self.limit), self.limit / 2))

    def after_refusal(self, number: int, started: int) -> ConcurrencyLimit:
        """The limit once request `number` (from 0) found the endpoint busy, when `started` had been sent.

        Requests that were under way together find it busy together, which is to be answered once.
        """
        if number < self.halved_at:
            return self
        return self._replace(limit=max(1, self.limit / 2), halved_at=started)
