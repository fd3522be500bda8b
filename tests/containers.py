"""Containers of models, as tests put them behind an endpoint: an HTTP server that answers as a class says."""

from http.server import BaseHTTPRequestHandler


class Container(BaseHTTPRequestHandler):
    """Answers `GET /ping` by `ask`, and `POST /invocations` by `invoke`; prints nothing."""

    def do_GET(self) -> None:
        self._answer(self.ask(), b"")

    def do_POST(self) -> None:
        self._answer(*self.invoke(self.rfile.read(int(self.headers["Content-Length"]))))

    def ask(self) -> int:
        """The status that says how it is."""
        return 200

    def invoke(self, body: bytes) -> tuple[int, bytes]:
        """The status and the content that a request is answered with."""
        raise NotImplementedError

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass
