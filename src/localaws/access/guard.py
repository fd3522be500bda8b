"""What stands before each port: it lets in what was sent here on purpose, by somebody who has keys.

Listening on loopback keeps out neither a web page, which may send requests to any port of its reader's machine, nor a
name that is made to point here, nor another user of the machine.
"""

import hmac
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from localaws.access.refusals import EXPIRED_KEY, OTHER_HOST, UNKNOWN_KEY, WEB_PAGE, RefusedError
from localaws.access.signature import Claim, Request
from localaws.access.version2 import Version2Claim
from localaws.credentials import Keys


class Guard:
    """Judges requests by their host, origin and signature.

    Example:
        >>> Guard(keys.get).admit("POST", "/", headers.items(), b"{}").service
        'sqs'
    """

    def __init__(self, find_keys: Callable[[str], Keys | None], now: Callable[[], float] = time.time) -> None:
        """Take who knows the keys of an access key id, and a clock in seconds since 1970."""
        self._find_keys = find_keys
        self._now = now

    def admit(self, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes) -> Claim | Version2Claim:
        """Who has signed a request; `target` is its path and query as they were sent. Raises RefusedError."""
        given: dict[str, str] = {}
        for name, value in headers:
            known, plain = name.lower(), " ".join(value.split())
            given[known] = f"{given[known]},{plain}" if known in given else plain
        if not _is_ours(given.get("host", "")):
            raise RefusedError(OTHER_HOST)
        if "origin" in given:
            raise RefusedError(WEB_PAGE)
        request = Request.of(method, target, given, body)
        claim = _claim(request)
        keys, now = self._find_keys(claim.access_key_id), self._now()
        if keys is None or not hmac.compare_digest(keys.token.encode(), claim.token.encode()):
            raise RefusedError(UNKNOWN_KEY, claim.service)
        if keys.expires and keys.expires.timestamp() < now:
            raise RefusedError(EXPIRED_KEY, claim.service)
        claim.check(request, keys, now)
        return claim


def _claim(request: Request) -> Claim | Version2Claim:
    if "authorization" not in request.headers and (claim := Version2Claim.of(request)):
        return claim
    return Claim.of(request)


@lru_cache(maxsize=64)
def _is_ours(host: str) -> bool:
    """Whether no name server is asked for a host: one may be made to answer with this machine."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or bool(ip_address(name))
    except ValueError:
        return False
