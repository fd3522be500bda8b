"""Who may use the console: whoever has its link, in a browser that asks for the page's own sake.

It acts with its user's credentials, so a web page elsewhere, a name that is made to point here, and another user of the
same machine must not reach it.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from flask import Response, abort, redirect, request

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.wrappers import Response as AnyResponse

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


def protect(app: Flask, token: str) -> None:
    """Let the app answer only who came with the token, at the machine's own names, and from its own page."""
    # A name that somebody makes point to 127.0.0.1 is not among them.
    app.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost"]

    @app.before_request
    def check() -> AnyResponse | None:
        # Cookies know no ports.
        cookie = f"fanfold-{request.host.rpartition(':')[2]}"
        if request.method in _SAFE and request.path == "/" and "token" in request.args:
            if not secrets.compare_digest(request.args["token"], token):
                abort(403, "this link has expired: use the last link that `fanfold` printed in its terminal")
            answer = redirect("/")
            answer.set_cookie(cookie, token, httponly=True, samesite="Strict")
            return answer
        if not secrets.compare_digest(request.cookies.get(cookie, ""), token):
            abort(
                403,
                "open the console with the full link that `fanfold` printed in its terminal, including the token",
            )
        if request.method not in _SAFE and request.headers.get("Origin") != request.host_url.rstrip("/"):
            abort(403, "only the console's own page may send this request")
        return None

    @app.after_request
    def close(answer: Response) -> Response:
        for name, value in _HEADERS.items():
            answer.headers.setdefault(name, value)
        return answer
