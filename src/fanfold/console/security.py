"""Who may use the console: whoever has its link, in a browser that asks for the page's own sake.

It acts with its user's credentials, so a web page elsewhere, a name that is made to point here, another program that
listens on this machine, and another user of it must not reach it.
"""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING, NoReturn

from flask import Response, abort, g, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import SecurityError, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flask import Flask

# A page of our own origin, which runs what comes with it and nothing else.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_SAFE = {"GET", "HEAD"}
# What tells nothing of the stack: the page, which asks for the rest, its scripts and style; and where a session begins.
_OPEN = {"page", "static", "begin"}
IDLE_SECONDS, LONGEST_SECONDS = 3600.0, 12 * 3600.0
_MOST_SESSIONS = 100
_LINK = "open the console with the full link that `fanfold` printed in its terminal, including the token"
_ENDED = (
    "your session has ended, because it was not used for an hour, has lasted 12 hours, or `fanfold` was restarted: "
    "open the last link that `fanfold` printed in its terminal"
)
_EXPIRED = "this link has expired: use the last link that `fanfold` printed in its terminal"


@dataclass(slots=True)
class Session:
    """Somebody who came by the link: until when, and what the addresses of files are signed with."""

    began: float
    used: float
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def permit(self, job_id: str) -> str:
        """What an address must hold to read the files of a job, for as long as the session lasts."""
        return hmac.digest(self.key, job_id.encode(), "sha256").hex()


class Sessions:
    """All sessions, by their tokens. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.link_token = secrets.token_urlsafe(24)
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self._lock = Lock()

    def begin(self, link_token: str) -> str:
        """Begin a session for who has the link's token; the session's own."""
        if not _same(link_token, self.link_token):
            refuse(_EXPIRED)
        token, now = secrets.token_urlsafe(24), self._clock()
        with self._lock:
            self._sessions[token] = Session(now, now)
            if len(self._sessions) > _MOST_SESSIONS:
                del self._sessions[next(iter(self._sessions))]
        return token

    def of_token(self, token: str) -> Session:
        """The session of this token, which is used by this."""
        return self._use(found for known, found in self._sessions.items() if _same(token, known))

    def of_permit(self, permit: str, job_id: str) -> Session:
        """The session that permits to read this job's files, which is used by this."""
        return self._use(found for found in self._sessions.values() if _same(permit, found.permit(job_id)))

    def _use(self, found: Iterable[Session]) -> Session:
        with self._lock:
            session, now = next(iter(found), None), self._clock()
        if session is None or now - session.used >= IDLE_SECONDS or now - session.began >= LONGEST_SECONDS:
            refuse(_ENDED)
        session.used = now
        return session

    def keep(self, session: Session) -> None:
        """Count from the end of a request: an upload may have taken hours."""
        session.used = self._clock()


def refuse(words: str) -> NoReturn:
    """Answer that only somebody else may ask this."""
    raise Unauthorized(words, www_authenticate=WWWAuthenticate("bearer", {"realm": "fanfold"}))


def bearer() -> str:
    """The token that a request carries in a header: unlike a cookie, no other port of this machine is sent it."""
    # Werkzeug's `request.authorization` fails at what is no ASCII.
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        refuse(_LINK)
    return token


def protect(app: Flask, sessions: Sessions) -> None:
    """Let the app answer only who has a session, at the machine's own names, and from its own page."""
    # A name that somebody makes point to 127.0.0.1 is not among them.
    app.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost"]

    @app.before_request
    def check() -> None:
        if isinstance(request.routing_exception, SecurityError):
            raise request.routing_exception
        if request.method not in _SAFE and request.headers.get("Origin") != request.host_url.rstrip("/"):
            abort(HTTPStatus.FORBIDDEN, "only the console's own page may send this request")
        if request.endpoint == "file" and request.view_args:
            g.session = sessions.of_permit(request.view_args["permit"], request.view_args["job_id"])
        elif request.endpoint not in _OPEN:
            g.session = sessions.of_token(bearer())

    @app.after_request
    def close(answer: Response) -> Response:
        if "session" in g:
            sessions.keep(g.session)
        for name, value in _HEADERS.items():
            answer.headers.setdefault(name, value)
        return answer


def _same(given: str, known: str) -> bool:
    # As bytes, since text must be ASCII for this.
    return secrets.compare_digest(given.encode("utf-8", "surrogateescape"), known.encode())
