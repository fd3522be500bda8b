"""A console without a stack behind it, whose time a test turns on."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from threading import Semaphore
from types import SimpleNamespace
from typing import IO, Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fanfold.console.app import create_app
from fanfold.console.connections import Limits
from fanfold.console.preview import Preview, preview_file
from fanfold.console.security import Sessions
from fanfold.console.server import answering, listening
from fanfold.console.service import Conclusion
from fanfold.errors import JobNotFoundError
from fanfold.status import JobState, JobStatus

ORIGIN = "http://127.0.0.1"
Ask = Callable[..., TestResponse]
At = tuple[str, int]
Serve = Callable[..., At]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Service:
    """What the console asks of a stack, of which there is one job."""

    def __init__(self) -> None:
        self.stack = SimpleNamespace(
            name="a stack", endpoint="an endpoint", parameters={"JobDefaults": '{"max-attempts": 7}'}
        )
        self.begun = Semaphore(0)
        self.on_submit: Callable[[], Any] = lambda: None
        self.tables: dict[str, int] | None = None
        self.content: Callable[[], Iterator[bytes]] = lambda: iter([b"for spreadsheets"])

    def jobs(self, _most: int, _search: str) -> tuple[list[JobStatus], bool]:
        return [self.status("job-1")], False

    def conclusions(self, _listed: list[JobStatus]) -> dict[str, Conclusion]:
        return {}

    def conclusion(self, _status: JobStatus) -> Conclusion:
        return Conclusion(labels={"GOOD": 1}, tables=self.tables)

    def status(self, job_id: str) -> JobStatus:
        if job_id not in {"job-1", "job-2"}:
            raise JobNotFoundError(f"this stack has no job {job_id}")
        return JobStatus(
            id=job_id, state=JobState.SUCCEEDED, reason="", rows=1, done=1, predicted=1, failed=0, requests=1,
            created=datetime(2026, 1, 1, tzinfo=UTC), ended=datetime(2026, 1, 1, tzinfo=UTC),
            input="s3://bucket/a.csv", retry_of=None, model="", revision="", endpoint="an endpoint",
        )  # fmt: skip

    def pace(self, _status: JobStatus) -> dict[str, float | None]:
        return {}

    def submit(self, _name: str, content: IO[bytes], _options: Mapping[str, str]) -> JobStatus:
        self.begun.release()
        while content.read(65536):
            pass
        self.on_submit()
        return self.status("job-1")

    def preview(self, name: str, head: bytes, size: int, options: Mapping[str, str]) -> tuple[Preview, None]:
        return preview_file(name, head, complete=size <= len(head), parameters={}, options=options), None

    def read(self, job_id: str, name: str, *, for_spreadsheets: bool) -> tuple[int | None, Iterator[bytes]]:
        if for_spreadsheets:
            return None, self.content()
        content = f"{name} of {job_id}".encode()
        return len(content), iter([content])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def sessions(clock: Clock) -> Sessions:
    return Sessions(clock)


@pytest.fixture
def client(service: Service, sessions: Sessions) -> FlaskClient:
    return create_app(service, sessions).test_client()  # type: ignore[arg-type] # it has what is asked of it


@pytest.fixture
def ask(client: FlaskClient, sessions: Sessions) -> Ask:
    """Asks as the page does, in a session of its own unless told otherwise."""
    token = sessions.begin(sessions.link_token)

    def ask(path: str, method: str = "GET", body: bytes = b"", **headers: str) -> TestResponse:
        given = {"Host": "127.0.0.1", "Origin": ORIGIN, "Authorization": f"Bearer {token}", **headers}
        headers = {name: value for name, value in given.items() if value}
        return client.open(path, method=method, data=body, headers=headers, buffered=True)

    return ask


@pytest.fixture
def serve(service: Service, sessions: Sessions) -> Iterator[Serve]:
    """Serves such a console; answers with where it listens."""
    with ExitStack() as stack:

        def serve(**limits: float) -> At:
            app = create_app(service, sessions)  # type: ignore[arg-type] # likewise
            socket = stack.enter_context(listening(0))
            stack.enter_context(answering(app, socket, Limits(**limits)))  # type: ignore[arg-type] # by name
            host, port = socket.getsockname()
            return host, port

        yield serve


@pytest.fixture
def at(serve: Serve) -> At:
    """Where a console with the usual limits listens."""
    return serve()
