"""The console answers its own page, and nobody else."""

import csv
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.system.conftest import Pipeline

from fanfold import Fanfold
from fanfold.console.server import listening, serving
from localaws.cloud import LocalCloud
from localaws.errors import PortInUseError


@dataclass(frozen=True)
class Answer:
    """What came back: a status, the headers, and the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        return json.loads(self.body)


class Visitor:
    """Asks a console for something, as its page would in a session of its own."""

    def __init__(self, link: str) -> None:
        self.link = urlsplit(link)
        assert self.link.hostname
        assert self.link.port
        self.address = (self.link.hostname, self.link.port)
        self.origin = f"http://{self.link.netloc}"
        self.token = self.link.fragment.removeprefix("token=")
        self.token = self.ask("/api/session", "POST").content["token"]

    def ask(self, path: str, method: str = "GET", body: bytes | None = None) -> Answer:
        connection = http.client.HTTPConnection(*self.address)
        connection.request(method, path, body, {"Origin": self.origin, "Authorization": f"Bearer {self.token}"})
        answer = connection.getresponse()
        found = Answer(answer.status, dict(answer.headers), answer.read())
        connection.close()
        return found


@pytest.fixture(scope="module")
def visitor(cloud: LocalCloud) -> Iterator[Visitor]:
    with listening(0) as at, serving(Fanfold(cloud.stack_name, session=cloud.session()), at) as link:
        yield Visitor(link)


def test_the_link_opens_a_page_of_its_stack(visitor: Visitor, cloud: LocalCloud) -> None:
    page = visitor.ask("/")
    assert page.status == 200
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert b"Drop a CSV" in page.body
    stack = visitor.ask("/api/stack").content
    assert stack["name"] == cloud.stack_name
    assert stack["defaults"]["header"] == "auto"


def test_an_upload_that_breaks_off_begins_no_job(visitor: Visitor, pipeline: Pipeline) -> None:
    before = [job.id for job in pipeline.client.jobs()]
    with socket.create_connection(visitor.address) as connection:
        head = f"POST /api/jobs?name=broken.csv HTTP/1.1\r\nHost: {visitor.link.netloc}\r\nOrigin: {visitor.origin}\r\n"
        connection.sendall(
            f"{head}Authorization: Bearer {visitor.token}\r\nContent-Length: 100\r\n\r\ntext\nso good\n".encode()
        )
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(1000)
    assert answer.startswith(b"HTTP/1.1 400")
    stack = pipeline.client.stack
    found = stack.session.client("s3").list_objects_v2(Bucket=stack.input_bucket).get("Contents", [])
    assert [entry["Key"] for entry in found if "broken" in entry["Key"]] == []
    assert [job.id for job in pipeline.client.jobs()] == before


@pytest.mark.parametrize(
    "path", ["/api/jobs/nobody", "/nowhere", f"/api/jobs/{'a' * 9000}", "/api/jobs/a%00b", "/api/jobs/%20"]
)
def test_what_is_not_there_is_said_in_words(visitor: Visitor, path: str) -> None:
    answer = visitor.ask(path)
    assert answer.status == 404
    assert answer.content["error"]


def test_a_preview_that_fails_says_what_to_do(visitor: Visitor) -> None:
    answer = visitor.ask("/api/preview?name=a.csv&complete=true&input-column=tweet", "POST", b"id,text\n1,good\n")
    assert answer.status == 400
    assert answer.content["error"].startswith("no column is named 'tweet': give the name of one of those")
    assert answer.content["error"].endswith("; the first line is 'id', 'text'; did you mean 'text'?")


def test_a_port_that_is_taken_is_said_in_words_before_anything_begins(visitor: Visitor, pipeline: Pipeline) -> None:
    port = visitor.address[1]
    with pytest.raises(PortInUseError, match="choose another"), listening(port):
        pass
    run = pipeline.fanfold("local", "up", "--port", "0", "--endpoint-port", "0", "--console-port", str(port))
    assert (run.returncode, run.stdout) == (1, "")
    assert f"port {port} is already in use" in run.stderr
    assert "choose another port with --console-port" in run.stderr


def test_only_files_of_jobs_are_given_out_each_as_what_it_is(visitor: Visitor, pipeline: Pipeline) -> None:
    finished = pipeline.run("given out.csv", 'text\nso good\n=so café\n""\n'.encode())
    job = finished.summary["job"]
    # An id may be shortened.
    files = visitor.ask(f"/api/jobs/{job[:-4]}").content["files"]
    results = visitor.ask(f"{files}results.csv")
    assert results.body == finished.content
    assert results.headers["Content-Disposition"] == f"attachment; filename={job}-results.csv"
    guarded = visitor.ask(f"{files}results-for-spreadsheets.csv").body.decode()
    assert guarded.startswith('\ufeff"text","label",')
    assert '\r\n"\'=so café","' in guarded
    assert [row[:1] + row[2:] for row in csv.reader(guarded.splitlines())][1] == ["so good", *finished.results[0][2:]]
    assert visitor.ask(f"{files}errors-for-spreadsheets.csv").body.startswith(b'\xef\xbb\xbf"row","error"')
    report = visitor.ask(f"{files}report.html")
    assert report.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "script" not in report.headers["Content-Security-Policy"]
    assert visitor.ask(f"{files}other.csv").status == 404
    assert visitor.ask(f"{files}..%2f..%2fparts").status == 404
    stack = pipeline.client.stack
    stack.session.client("s3").delete_object(Bucket=stack.output_bucket, Key=f"results/{job}/report.html")
    gone = visitor.ask(f"{files}report.html")
    assert (gone.status, gone.content["error"]) == (404, f"job {job} has no report.html, or it has expired")


def test_the_command_shows_a_stack_until_it_is_interrupted(cloud: LocalCloud) -> None:
    command = [sys.executable, "-m", "fanfold", "console", "--stack", cloud.stack_name, "--port", "0"]
    environment = {**os.environ, **cloud.environment}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as run:
        assert run.stdout
        visitor = Visitor(run.stdout.readline().strip())
        assert visitor.ask("/api/jobs").status == 200
        run.send_signal(signal.SIGINT)
        assert run.wait(60) == 0


def test_a_stack_that_is_none_is_said_before_anything_is_served(pipeline: Pipeline) -> None:
    run = pipeline.fanfold("console", "--stack", "nobody", "--port", "0")
    assert run.returncode == 1
    assert run.stdout == ""
    assert "nobody" in run.stderr
