"""AWS Signature Version 4 as who receives a request sees it: whose it is, and that it came as it was signed.

The signature is in a header or in a presigned URL. A signing key is derived once a day, region and service.
"""

import calendar
import hmac
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Self
from urllib.parse import quote, unquote

from botocore.utils import normalize_url_path

from localaws.access import refusals
from localaws.access.chunks import ALGORITHM, SIGNED_CHUNKS, SIGNED_CHUNKS_AND_TRAILER, Seal, check_chunks
from localaws.access.refusals import RefusedError
from localaws.credentials import Keys

# Nothing looser is accepted, so that whoever reads this after us finds the same key and the same service.
_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=(\w+)/((\d{{8}})/[\w-]+/([\w-]+)/aws4_request), ?"
    r"SignedHeaders=([^\s,]+), ?Signature=([0-9a-f]{64})",
    re.ASCII,
)
_UNSIGNED = "UNSIGNED-PAYLOAD"
_UNSIGNED_BODIES = {_UNSIGNED, "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}
# As AWS has them.
_SKEW_SECONDS, _LONGEST_URL_SECONDS = 900, 604_800


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came: `headers` by their names in lower case, with values without needless spaces."""

    method: str
    path: str
    query: str
    parameters: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Self:
        """Take path and query as they were sent."""
        path, _, query = target.partition("?")
        return cls(method, path, query, _parameters(query) if query else (), headers, body)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says about who has signed it: `authorization` is the header, `seconds` how long a URL is valid."""

    authorization: str
    access_key_id: str
    scope: str
    date: str
    service: str
    signed: str
    signature: str
    moment: str
    token: str
    seconds: str | None

    @classmethod
    def of(cls, request: Request) -> Self:
        """Read it from the headers, or else from the query. Raises RefusedError."""
        headers = request.headers
        if "authorization" in headers:
            authorization, seconds = headers["authorization"], None
            moment, token = headers.get("x-amz-date", ""), headers.get("x-amz-security-token", "")
        else:
            said = dict(request.parameters)
            if "X-Amz-Signature" not in said:
                raise RefusedError(refusals.UNSIGNED)
            authorization = (
                f"{said.get('X-Amz-Algorithm')} Credential={said.get('X-Amz-Credential')}, "
                f"SignedHeaders={said.get('X-Amz-SignedHeaders')}, Signature={said['X-Amz-Signature']}"
            )
            moment, token = said.get("X-Amz-Date", ""), said.get("X-Amz-Security-Token", "")
            seconds = said.get("X-Amz-Expires", "")
        found = _AUTHORIZATION.fullmatch(authorization)
        if found is None:
            raise RefusedError(refusals.MALFORMED)
        key, scope, date, service, signed, signature = found.groups()
        return cls(authorization, key, scope, date, service, signed, signature, moment, token, seconds)

    def check(self, request: Request, keys: Keys, now: float) -> None:
        """Raise RefusedError unless these keys have signed this request, and it is in time."""
        self._check_time(now)
        names = self.signed.split(";")
        if "host" not in names or any(name.startswith("x-amz-") and name not in names for name in request.headers):
            raise RefusedError(refusals.PARTLY_SIGNED, self.service)
        payload = self._payload(request)
        lines = [f"{name}:{request.headers.get(name, '')}" for name in names]
        path = request.path if self.service == "s3" else _normal(request.path)
        canonical = "\n".join([request.method, path, _canonical(request.parameters), *lines, "", self.signed, payload])
        seal = Seal(_keyed(keys.secret_access_key, self.scope), self.moment, self.scope, self.service)
        # The head of a request is read as Latin-1, which is the way back to the bytes that were sent.
        seal.check(self.signature, ALGORITHM, sha256(canonical.encode("latin-1")).hexdigest())
        if payload in {SIGNED_CHUNKS, SIGNED_CHUNKS_AND_TRAILER}:
            check_chunks(request.body, seal, self.signature, has_trailer=payload == SIGNED_CHUNKS_AND_TRAILER)

    def _check_time(self, now: float) -> None:
        begun = _seconds(self.moment)
        if begun is None or self.moment[:8] != self.date:
            raise RefusedError(refusals.MALFORMED, self.service)
        if self.seconds is None:
            if abs(now - begun) > _SKEW_SECONDS:
                raise RefusedError(refusals.LATE, self.service)
            return
        if not is_number(self.seconds) or int(self.seconds) > _LONGEST_URL_SECONDS:
            raise RefusedError(refusals.MALFORMED, self.service)
        if not begun - _SKEW_SECONDS <= now <= begun + int(self.seconds):
            raise RefusedError(refusals.EXPIRED_URL, self.service)

    def _payload(self, request: Request) -> str:
        """What is signed in the place of the body."""
        said = request.headers.get("x-amz-content-sha256", "")
        if not said and self.seconds is not None and self.service == "s3":
            return _UNSIGNED
        if said in _UNSIGNED_BODIES or said in {SIGNED_CHUNKS, SIGNED_CHUNKS_AND_TRAILER}:
            return said
        found = sha256(request.body).hexdigest()
        if said and said != found:
            raise RefusedError(refusals.OTHER_BODY, self.service)
        return found


def is_number(text: str) -> bool:
    """Whether a text is a number of seconds; no moment has more digits."""
    return bool(re.fullmatch(r"[0-9]{1,12}", text))


def _parameters(query: str) -> tuple[tuple[str, str], ...]:
    pairs = (part.partition("=") for part in query.split("&") if part)
    return tuple((unquote(name, "latin-1"), unquote(value, "latin-1")) for name, _, value in pairs)


def _canonical(parameters: tuple[tuple[str, str], ...]) -> str:
    pairs = ((quote(name, "~", "latin-1"), quote(value, "~", "latin-1")) for name, value in parameters)
    return "&".join(f"{name}={value}" for name, value in sorted(pairs) if name != "X-Amz-Signature")


@lru_cache(maxsize=1024)
def _normal(path: str) -> str:
    return quote(normalize_url_path(path), "/~", "latin-1")


@lru_cache(maxsize=1024)
def _seconds(moment: str) -> int | None:
    """Seconds since 1970, None for what isn't like 20260131T235959Z."""
    try:
        return calendar.timegm(time.strptime(moment, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def _keyed(secret_key: str, scope: str) -> hmac.HMAC:
    """What is to be copied and fed: it has the key of this scope, and nothing to sign yet."""
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, digestmod="sha256")
