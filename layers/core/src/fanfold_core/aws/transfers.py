"""HTTP requests side by side, sent by libcurl: for the one call that is made by the million.

boto3 spends forty times the processor time on a call, most of it in Python; see docs/adr/0007-libcurl-for-one-call.md.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from http.client import parse_headers
from io import BytesIO
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import pycurl

from fanfold_core import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from email.message import Message

    from fanfold_core.aws.signing import Signer

T = TypeVar("T")

_CONNECT_SECONDS = 5
# libcurl sometimes has nothing to wait for yet: a name that is still being looked up.
_BLINK_SECONDS = 0.005
# libcurl takes every POST for a form, unless told that it has no type.
_NO_CONTENT_TYPE = "Content-Type:"


class Reply(NamedTuple):
    """An HTTP response: its status, its head as it came, its body."""

    status: int
    head: bytes
    body: bytes

    @property
    def headers(self) -> Message:
        """The headers, whatever the case of their names."""
        _, _, fields = self.head.partition(b"\r\n")
        return parse_headers(BytesIO(fields))


class Lost(NamedTuple):
    """There is no response: no connection, or it broke, or it took too long. libcurl says why."""

    why: str


@dataclass(slots=True)
class _Line:
    """A handle of libcurl, what arrives on it, and the URL that stays for its next requests."""

    curl: pycurl.Curl
    head: list[bytes] = field(default_factory=list)
    blocks: list[bytes] = field(default_factory=list)
    url: str = ""


class Transfers(Generic[T]):
    """POST requests to one server, each with something to know it by. Not for several threads at once.

    >>> transfers = Transfers("ca.pem", Signer(credentials, "eu-west-1", "sagemaker"), reply_seconds=10)
    >>> transfers.start("first", "https://…/async-invocations", {"x-amzn-sagemaker-inference-id": "first"}, b"{…}")
    >>> for what, reply in transfers.finished(seconds=1): …
    """

    def __init__(self, ca_bundle: str, signer: Signer, reply_seconds: float) -> None:
        self._ca_bundle = ca_bundle
        self._signer = signer
        self._reply_seconds = reply_seconds
        self._multi = pycurl.CurlMulti()
        self._idle: list[_Line] = []
        self._busy: dict[pycurl.Curl, tuple[_Line, T]] = {}
        self.has_waited = False

    def __len__(self) -> int:
        return len(self._busy)

    def start(self, what: T, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Send a request, signed with the credentials as they are now."""
        line = self._idle.pop() if self._idle else self._line()
        curl = line.curl
        # Setting an option takes a microsecond, and this hardly ever changes.
        if line.url != url:
            line.url = url
            curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.HTTPHEADER, [*self._signer.sign(url, headers, body), _NO_CONTENT_TYPE])
        curl.setopt(pycurl.POSTFIELDS, body)
        line.head.clear()
        line.blocks.clear()
        self._multi.add_handle(curl)
        self._busy[curl] = (line, what)

    def finished(self, seconds: float) -> Iterator[tuple[T, Reply | Lost]]:
        """Wait until something has happened, `seconds` at most, and tell what has come to an end.

        `has_waited` then says whether nothing had happened yet.
        """
        self.has_waited = self._multi.select(0) <= 0
        if self.has_waited:
            self._wait(seconds)
        self._multi.perform()
        more = 1
        while more:
            more, answered, broken = self._multi.info_read()
            for curl in answered:
                line, what = self._end(curl)
                yield what, Reply(curl.getinfo(pycurl.RESPONSE_CODE), b"".join(line.head), b"".join(line.blocks))
            for curl, _, why in broken:
                # libcurl says "could not connect" of everything, be it that this process may open no more files.
                number = curl.getinfo(pycurl.OS_ERRNO)
                yield self._end(curl)[1], Lost(f"{why} ({os.strerror(number)})" if number else why)

    def abandon(self) -> None:
        """Forget whatever is under way."""
        for curl in list(self._busy):
            self._end(curl)

    def _wait(self, seconds: float) -> None:
        libcurl_waits = self._multi.timeout() / 1000  # less than zero: for as long as you like
        if self._multi.select(min(seconds, libcurl_waits) if libcurl_waits >= 0 else seconds) < 0:
            time.sleep(min(seconds, _BLINK_SECONDS))

    def _end(self, curl: pycurl.Curl) -> tuple[_Line, T]:
        self._multi.remove_handle(curl)
        line, what = self._busy.pop(curl)
        self._idle.append(line)
        return line, what

    def _line(self) -> _Line:
        line = _Line(curl := pycurl.Curl())
        # A connection of its own: libcurl would look through all of them for one that is free, each time.
        own = pycurl.CurlShare()
        own.setopt(pycurl.SH_SHARE, pycurl.LOCK_DATA_CONNECT)
        curl.setopt(pycurl.SHARE, own)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.POST, 1)
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(pycurl.CAINFO, self._ca_bundle)
        curl.setopt(pycurl.USERAGENT, f"fanfold/{__version__}")
        curl.setopt(pycurl.CONNECTTIMEOUT, _CONNECT_SECONDS)
        curl.setopt(pycurl.TIMEOUT_MS, int(self._reply_seconds * 1000))
        curl.setopt(pycurl.HEADERFUNCTION, line.head.append)
        curl.setopt(pycurl.WRITEFUNCTION, line.blocks.append)
        return line
