"""The console's addresses. `service` does the work, `security` says who may ask for it."""

from __future__ import annotations

import logging
from dataclasses import asdict
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from flask import Flask, Response, abort, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from fanfold.console.preview import HEAD_BYTES
from fanfold.console.security import protect
from fanfold.console.service import FileGoneError
from fanfold.errors import JobNotFoundError, UserError
from fanfold_core import __version__
from fanfold_core.domain.keys import RESULT_FILES
from fanfold_core.domain.option import Choice, Integer, spell
from fanfold_core.domain.options import OPTIONS
from fanfold_core.input.errors import InputError
from fanfold_core.input.formats import ENDINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fanfold.console.service import ConsoleService

Json = dict[str, Any]
# Pages without scripts, which would not be let run any, with a style of their own: the report, which is shown in the
# console's page, and what is wrong with an address.
_STILL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
logger = logging.getLogger(__name__)


def create_app(service: ConsoleService, token: str) -> Flask:
    """The console of a stack, for whoever has the token."""
    app, views = Flask(__name__), Views(service)
    protect(app, token)
    app.get("/")(views.page)
    app.post("/api/preview")(views.preview)
    app.get("/api/jobs")(views.jobs)
    app.post("/api/jobs")(views.submit)
    app.get("/api/jobs/<job_id>")(views.status)
    app.post("/api/jobs/<job_id>/cancel")(views.cancel)
    app.post("/api/jobs/<job_id>/retry")(views.retry)
    app.get("/jobs/<job_id>/<name>")(views.file)
    for kind in (UserError, InputError, ClientError, BotoCoreError, HTTPException, Exception):
        app.register_error_handler(kind, _answered)
    return app


class Views:
    """What stands at the addresses."""

    def __init__(self, service: ConsoleService) -> None:
        self._service = service

    def page(self) -> str:
        """The page itself."""
        stack = self._service.stack
        return render_template(
            "console.html",
            stack=stack,
            groups=_form(stack.parameters),
            version=__version__,
            head_bytes=HEAD_BYTES,
            endings=ENDINGS,
        )

    def preview(self) -> Json:
        """What the file is whose first bytes these are."""
        if (request.content_length or 0) > HEAD_BYTES:
            abort(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        complete = request.args.get("complete") == "true"
        return asdict(self._service.preview(_name(), request.get_data(), _options(), complete=complete))

    def jobs(self) -> list[Json]:
        """The latest jobs."""
        return [status.as_dict() for status in self._service.jobs()]

    def submit(self) -> tuple[Json, HTTPStatus]:
        """Upload the file that the request carries, as it comes in: one of any size is never held here."""
        if request.content_length is None:
            abort(HTTPStatus.LENGTH_REQUIRED)
        return self._service.submit(_name(), request.stream, _options()).as_dict(), HTTPStatus.CREATED

    def status(self, job_id: str) -> Json:
        """Where a job stands, and how fast it goes."""
        status = self._service.status(job_id)
        return status.as_dict() | self._service.pace(status)

    def cancel(self, job_id: str) -> Json:
        """End a job."""
        return self._service.cancel(job_id).as_dict()

    def retry(self, job_id: str) -> tuple[Json, HTTPStatus]:
        """Begin the next round of a job."""
        return self._service.retry(job_id).as_dict(), HTTPStatus.CREATED

    def file(self, job_id: str, name: str) -> Response:
        """A file of a job that has ended; the report to be shown, the others to be saved."""
        job = self._service.status(job_id)
        if name not in RESULT_FILES or not job.has_ended:
            abort(HTTPStatus.NOT_FOUND, "no such file, or its job is still running")
        size, content = self._service.read(job.id, name)
        answer = Response(content, content_type=RESULT_FILES[name], headers={"Content-Length": str(size)})
        if name == "report.html":
            _keep_still(answer)
        else:
            answer.headers["Content-Disposition"] = f"attachment; filename={job.id}-{name}"
        return answer


def _form(parameters: Mapping[str, str]) -> dict[str, list[Json]]:
    """The fields of the form, by their group: a row of the table each, with the stack's value as its default."""
    groups: dict[str, list[Json]] = {}
    for row in OPTIONS.values():
        default = parameters.get(row.parameter, spell(row.default))
        about: Json = {"name": row.name, "label": row.label, "help": row.help, "examples": row.examples}
        match row.kind:
            case Choice(choices=choices):
                about |= {"choices": choices}
            case Integer(least=least, most=most):
                about |= {"least": least, "most": most}
        groups.setdefault(row.group, []).append(about | {"default": default})
    return groups


def _name() -> str:
    return request.args.get("name") or "file.csv"


def _options() -> dict[str, str]:
    return {row.name: request.args[row.name] for row in OPTIONS.values() if request.args.get(row.name)}


def _keep_still(page: Response) -> None:
    page.headers["Content-Security-Policy"] = _STILL_POLICY
    page.headers["X-Frame-Options"] = "SAMEORIGIN"


def _answered(error: Exception) -> Response:
    """What went wrong: a page for who opens the address, JSON for the console's own page."""
    words, status = _in_words(error)
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
        answer = Response(render_template("trouble.html", words=words[:1].upper() + words[1:]))
        _keep_still(answer)
    else:
        answer = jsonify(error=words)
    answer.status_code = status
    return answer


def _in_words(error: Exception) -> tuple[str, int]:
    match error:
        case HTTPException():
            return error.description or error.name, error.code or HTTPStatus.INTERNAL_SERVER_ERROR
        case JobNotFoundError() | FileGoneError():
            return str(error), HTTPStatus.NOT_FOUND
        case UserError():
            return str(error), HTTPStatus.BAD_REQUEST
        case InputError():
            return error.in_full, HTTPStatus.BAD_REQUEST
        case ClientError() | BotoCoreError():
            return f"AWS returned an error: {error}", HTTPStatus.BAD_GATEWAY
        case _:
            logger.error("the console failed", exc_info=error)
            words = "internal error: see the terminal in which the console runs"
            return words, HTTPStatus.INTERNAL_SERVER_ERROR
