"""The console's addresses. `service` does the work, `security` says who may ask for it."""

from __future__ import annotations

import logging
from dataclasses import asdict
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError
from flask import Flask, Response, abort, g, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from fanfold.console.preview import HEAD_BYTES, PARQUET_BYTES
from fanfold.console.rows import Place, Wanted
from fanfold.console.security import bearer, protect
from fanfold.errors import DownloadError, JobNotFoundError, UserError
from fanfold_core import __version__
from fanfold_core.domain.keys import content_type_of
from fanfold_core.domain.options import OPTIONS, Options
from fanfold_core.domain.options.kinds import Choice, Integer
from fanfold_core.domain.options.row import spell
from fanfold_core.input.errors import (
    CompressionError,
    FileNameError,
    InputError,
    JobDefaultsError,
    NotCsvError,
    ParquetError,
)
from fanfold_core.input.formats import ENDINGS, FileName, Format

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fanfold.console.security import Sessions
    from fanfold.console.service import ConsoleService
    from fanfold.status import JobStatus
    from fanfold_core.domain.options.row import Option

Json = dict[str, Any]
_FOR_SPREADSHEETS = {
    f"{name.removesuffix('.csv')}-for-spreadsheets.csv": name for name in ("results.csv", "errors.csv")
}
# Pages without scripts, which would not be let run any, with a style of their own: the report, which is shown in the
# console's page, and what is wrong with an address.
_STILL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
# Jobs in one answer; the page asks for more of them at a time as its user does.
_MOST_LISTED = 500
# Files of a table that are offered one by one.
_MOST_TABLES = 10
logger = logging.getLogger(__name__)


def create_app(service: ConsoleService, sessions: Sessions) -> Flask:
    """The console of a stack, for whoever has a session."""
    app, views = Flask(__name__), Views(service, sessions)
    protect(app, sessions)
    app.get("/")(views.page)
    app.post("/api/session")(views.begin)
    app.get("/api/stack")(views.stack)
    app.post("/api/preview")(views.preview)
    app.get("/api/jobs")(views.jobs)
    app.post("/api/jobs")(views.submit)
    app.get("/api/jobs/<job_id>")(views.status)
    app.get("/api/jobs/<job_id>/rows")(views.rows)
    app.post("/api/jobs/<job_id>/cancel")(views.cancel)
    app.post("/api/jobs/<job_id>/retry")(views.retry)
    app.get("/files/<permit>/<job_id>/<path:name>")(views.file)
    for kind in (UserError, InputError, ClientError, BotoCoreError, HTTPException, Exception):
        app.register_error_handler(kind, _answered)
    return app


class Views:
    """What stands at the addresses."""

    def __init__(self, service: ConsoleService, sessions: Sessions) -> None:
        self._service = service
        self._sessions = sessions

    def page(self) -> str:
        """The page itself, which is the same for every stack."""
        return render_template(
            "console.html",
            groups=_form(),
            version=__version__,
            head_bytes=HEAD_BYTES,
            parquet_bytes=PARQUET_BYTES,
            endings=ENDINGS,
        )

    def begin(self) -> tuple[Json, HTTPStatus]:
        """A session for who has come by the link."""
        return {"token": self._sessions.begin(bearer())}, HTTPStatus.CREATED

    def stack(self) -> Json:
        """What stack this is, and its values of the options.

        If it can have no new jobs, since its `JobDefaults` are wrong, `trouble` says so; those that it has are shown.
        """
        stack, trouble = self._service.stack, None
        try:
            of_stack = Options.of_stack(stack.parameters, {})
        except JobDefaultsError as error:
            of_stack, trouble = Options(), error.in_full
        defaults = {row.name: spell(getattr(of_stack, row.field)) for row in OPTIONS.values()}
        model = stack.parameters.get("HfModelId", "")
        known = {"name": stack.name, "endpoint": stack.endpoint, "model": model}
        return {**known, "defaults": defaults, "trouble": trouble}

    def preview(self) -> Json:
        """What the file is whose first bytes these are, and what its job will take."""
        is_parquet = FileName.parse(_name()).format is Format.PARQUET
        if (request.content_length or 0) > (PARQUET_BYTES if is_parquet else HEAD_BYTES):
            abort(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        head = request.get_data()
        size = request.args.get("size", len(head), type=int)
        seen, ahead = self._service.preview(_name(), head, size, _options())
        return asdict(seen) | {"outlook": ahead and asdict(ahead)}

    def jobs(self) -> Json:
        """The latest jobs, or the latest that are called so."""
        most = min(max(1, request.args.get("most", _MOST_LISTED, type=int)), _MOST_LISTED)
        found, has_more = self._service.jobs(most, request.args.get("search", ""))
        known = self._service.conclusions(found)
        told = {job_id: {"dollars": one.dollars, "not_answered": one.not_answered} for job_id, one in known.items()}
        return {"jobs": [_told(job) | told.get(job.id, {}) for job in found], "has_more": has_more}

    def submit(self) -> tuple[Json, HTTPStatus]:
        """Upload the file that the request carries, as it comes in: one of any size is never held here."""
        if request.content_length is None:
            abort(HTTPStatus.LENGTH_REQUIRED)
        return _told(self._service.submit(_name(), request.stream, _options())), HTTPStatus.CREATED

    def status(self, job_id: str) -> Json:
        """Where a job stands, and how fast it goes."""
        status = self._service.status(job_id)
        files = f"/files/{g.session.permit(status.id)}/{quote(status.id)}/"
        ended = asdict(self._service.conclusion(status))
        ended["warnings"] = ended["warnings"] or status.warnings
        if tables := ended.pop("tables"):
            ended["table"] = _offered(tables, f"fanfold download {status.id} --stack {self._service.stack.name}")
        return _told(status) | self._service.pace(status) | ended | {"files": files}

    def rows(self, job_id: str) -> Json:
        """A page of a job's results, or of the rows that have an answer so far."""
        asked = request.args
        wanted = Wanted(
            Place.parse(asked.get("at", "")),
            asked.get("label", ""),
            asked.get("text", ""),
            failed=asked.get("failed") == "true",
            by_score=asked.get("order") == "score",
        )
        return asdict(self._service.rows(self._service.status(job_id).id, wanted))

    def cancel(self, job_id: str) -> Json:
        """End a job."""
        return _told(self._service.cancel(job_id))

    def retry(self, job_id: str) -> tuple[Json, HTTPStatus]:
        """Begin the next round of a job."""
        return _told(self._service.retry(job_id)), HTTPStatus.CREATED

    def file(self, permit: str, job_id: str, name: str) -> Response:  # noqa: ARG002 # it was checked
        """A file of a job that has ended; the report to be shown, the others to be saved."""
        job = self._service.status(job_id)
        of_job = _FOR_SPREADSHEETS.get(name, name)
        content_type = content_type_of(of_job)
        if content_type is None or not job.has_ended:
            abort(HTTPStatus.NOT_FOUND, "no such file, or its job is still running")
        size, content = self._service.read(job.id, of_job, for_spreadsheets=name != of_job)
        answer = Response(content, content_type=content_type)
        if size is not None:
            answer.content_length = size
        if name == "report.html":
            _keep_still(answer)
        else:
            answer.headers["Content-Disposition"] = f"attachment; filename={job.id}-{PurePosixPath(name).name}"
        return answer


def _offered(tables: Mapping[str, int], download: str) -> Json:
    """The files of a table with their sizes, or, if they are many, the command that downloads them."""
    if len(tables) <= _MOST_TABLES:
        return {"files": tables}
    return {"count": len(tables), "bytes": sum(tables.values()), "command": f"{download} --out FOLDER"}


def _told(status: JobStatus) -> Json:
    reckoned = {"submitter": status.submitter, "advice": status.advice, "is_retryable": status.is_retryable}
    return status.as_dict() | reckoned


def _form() -> dict[str, list[Json]]:
    """The fields of the form, by their group: a row of the table each."""
    groups: dict[str, list[Json]] = {}
    for row in OPTIONS.values():
        about: Json = {"name": row.name, "label": row.label, "help": help_of(row), "examples": row.examples}
        match row.kind:
            case Choice(choices=choices):
                about |= {"choices": choices}
            case Integer(least=least, most=most):
                about |= {"least": least, "most": most}
        groups.setdefault(row.group, []).append(about)
    return groups


def help_of(row: Option) -> str:
    """An option's help in the words of the form, which has names for choices, and a list of the file's columns."""
    if row.field == "input_column":
        return "The column with the texts."
    return row.help.replace(" auto: ", " Auto-detect: ")


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
    if isinstance(error, HTTPException):  # it may say how to authenticate, or which methods there are
        answer.headers.update([header for header in error.get_headers() if header[0] in {"WWW-Authenticate", "Allow"}])
    return answer


def _in_words(error: Exception) -> tuple[str, int]:
    match error:
        case HTTPException():
            return error.description or error.name, error.code or HTTPStatus.INTERNAL_SERVER_ERROR
        case JobNotFoundError() | DownloadError():
            return str(error), HTTPStatus.NOT_FOUND
        case UserError() | InputError():
            # No option makes another file of it.
            is_other = isinstance(error, FileNameError | NotCsvError | ParquetError | CompressionError)
            status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE if is_other else HTTPStatus.BAD_REQUEST
            return error.in_full if isinstance(error, InputError) else str(error), status
        case ClientError() | BotoCoreError():
            return f"AWS returned an error: {error}", HTTPStatus.BAD_GATEWAY
        case _:
            logger.error("the console failed", exc_info=error)
            words = "internal error: see the terminal in which the console runs"
            return words, HTTPStatus.INTERNAL_SERVER_ERROR
