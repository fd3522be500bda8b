"""A Hub on this machine, which answers huggingface_hub as the Hugging Face Hub does, with folders as repositories."""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote

COMMIT = "4b7f2c1a" * 5
REVISIONS = {"main", "v1", COMMIT}
TOKEN = "hf_reader"
# It takes a moment to send as much, in which a bar moves.
LARGE, PIECE, PAUSE_SECONDS = 100_000, 4_096, 0.02


class Hub(ThreadingHTTPServer):
    """Serves on a free port of 127.0.0.1. `sent` has the files that were downloaded, as often as they were.

    Repositories are folders, by name. One called private is shown to who has the token; one called gated is shown to
    everybody, and its files to nobody; one called broken answers with 503.
    """

    def __init__(self, repositories: dict[str, Path]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories = repositories
        self.sent: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = unquote(self.path.partition("?")[0]).strip("/").split("/")
        is_of_api = parts[:2] == ["api", "models"]
        owner, name, kind, revision, *rest = [*parts[2:], "revision", "main"][:4] if is_of_api else parts
        repository = f"{owner}/{name}"
        given = self.headers.get("Authorization", f"Bearer {TOKEN if name != 'private' else ''}")
        if given != f"Bearer {TOKEN}" and "hf_" in given:
            self._refuse(HTTPStatus.UNAUTHORIZED, "", "Invalid credentials in Authorization header")
        elif repository not in self.server.repositories or given != f"Bearer {TOKEN}":
            self._refuse(HTTPStatus.UNAUTHORIZED, "RepoNotFound", "Repository not found")
        elif name == "broken":
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "", "")
        elif revision not in REVISIONS:
            self._refuse(HTTPStatus.NOT_FOUND, "RevisionNotFound", f"Invalid rev id: {revision}")
        elif kind == "revision":
            self._describe(repository)
        elif name == "gated":
            self._refuse(HTTPStatus.FORBIDDEN, "GatedRepo", "Access to this model is restricted")
        else:
            self._send_file(self.server.repositories[repository], "/".join(rest))

    def log_message(self, *_arguments: object) -> None:
        """Nothing is said on standard error."""

    def _refuse(self, status: HTTPStatus, code: str, message: str) -> None:
        self._answer(b"", {"X-Error-Code": code, "X-Error-Message": message}, status)

    def _describe(self, repository: str) -> None:
        folder = self.server.repositories[repository]
        files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        siblings = [{"rfilename": str(file.relative_to(folder)), "size": file.stat().st_size} for file in files]
        described = {"id": repository, "sha": COMMIT, "private": False, "tags": [], "siblings": siblings}
        self._answer(json.dumps(described).encode(), {"Content-Type": "application/json"})

    def _send_file(self, folder: Path, name: str) -> None:
        body = (folder / name).read_bytes()
        if self.command == "GET":
            self.server.sent.append(name)
        self._answer(body, {"ETag": f'"{hashlib.sha256(body).hexdigest()}"'})

    def _answer(self, body: bytes, headers: dict[str, str], status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        for name, value in {**headers, "X-Repo-Commit": COMMIT, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            for start in range(0, len(body), PIECE):
                self.wfile.write(body[start : start + PIECE])
                time.sleep(PAUSE_SECONDS if len(body) > LARGE else 0)


@contextmanager
def serving(repositories: dict[str, Path]) -> Iterator[Hub]:
    """A Hub that ends with the block."""
    with Hub(repositories) as hub:
        thread = Thread(target=hub.serve_forever)
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
