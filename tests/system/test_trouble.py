"""A container that goes away in mid-run, and comes back, in front of people who watch."""

import json
import time
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from threading import Thread

import pytest
from tests.containers import Container
from tests.system.conftest import Pipeline

from fanfold.client import LOCAL_PARAMETERS
from fanfold.project import find_root
from localaws.cloud import LocalCloud


class Handler(Container):
    """Takes one row a request."""

    def invoke(self, body: bytes) -> tuple[int, bytes]:
        del body
        return 200, b'[{"label": "fine"}]'


class Server:
    """A model in a server that can be gone, and come back at the same address."""

    def __init__(self) -> None:
        self._port = 0
        self.start()

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"


@pytest.fixture(scope="module")
def container() -> Iterator[Server]:
    container = Server()
    yield container
    container.stop()


@pytest.fixture(scope="module")
def pipeline(container: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with LocalCloud(find_root(), parameters=LOCAL_PARAMETERS, model=container.url) as cloud:
        yield Pipeline(cloud, tmp_path_factory.mktemp("trouble"))


def test_a_container_that_dies_is_named_wherever_one_looks_and_its_job_ends_well_when_it_is_back(
    pipeline: Pipeline, container: Server
) -> None:
    (pipeline.folder / "dying.csv").write_text("text\n" + "so good\n" * 3)
    container.stop()
    run = pipeline.begin("run", "dying.csv", "--rows-per-request", "1")
    (job,) = wait_for_jobs(pipeline)
    status = wait_for_trouble(pipeline, job)
    assert "the server is unreachable" in status["trouble"]
    assert "last error  ClientError: the server is unreachable" in pipeline.fanfold("status", job).stdout
    (warning, *_) = [line for line in pipeline.fanfold("tail", job).stdout.splitlines() if "WARNING" in line]
    assert "requests failed chunk=0 requests=" in warning
    assert "the server is unreachable" in warning
    container.start()
    _, said = run.communicate(timeout=60)
    assert run.returncode == 0
    assert said.count("last error, retried until the job's deadline: ClientError: the server is unreachable") == 1
    assert json.loads(pipeline.fanfold("status", job, "--json").stdout)["trouble"] == ""


def wait_for_jobs(pipeline: Pipeline) -> list[str]:
    deadline = time.monotonic() + 60
    while not (found := [job.id for job in pipeline.client.jobs()]) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def wait_for_trouble(pipeline: Pipeline, job: str) -> dict[str, str]:
    deadline = time.monotonic() + 60
    while not (status := pipeline.client.job(job).status()).trouble and time.monotonic() < deadline:
        time.sleep(0.1)
    return status.as_dict()
