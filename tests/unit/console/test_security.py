"""Who may ask the console for what, and for how long."""

import pytest
from tests.unit.console.conftest import Ask, Clock, Service

from fanfold.console.security import IDLE_SECONDS, LONGEST_SECONDS, Sessions

PRIVATE = [
    "/api/stack",
    "/api/jobs",
    "/api/jobs/job-1",
    "/api/jobs/job-1/rows",
    "/files/x/job-1/results.csv",
    "/nowhere",
    "/api/session",
]
NOT_ASCII = "Bearer tokén€".encode().decode("latin-1")


def test_no_cookie_is_set_since_other_ports_would_be_sent_it(ask: Ask, sessions: Sessions) -> None:
    answers = [ask("/"), ask("/api/jobs"), ask("/static/console.js"), ask(f"/?token={sessions.link_token}")]
    answers.append(ask("/api/session", "POST", Authorization=f"Bearer {sessions.link_token}"))
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 201]
    assert [answer.headers.get("Set-Cookie") for answer in answers] == [None] * 5


def test_a_cookie_lets_nobody_in(ask: Ask, sessions: Sessions) -> None:
    token = sessions.begin(sessions.link_token)
    for cookie in (f"fanfold-80={token}", f"fanfold-session={token}", f"fanfold-80={sessions.link_token}"):
        assert ask("/api/jobs", Authorization="", Cookie=cookie).status_code == 401


def test_the_page_without_a_session_tells_nothing_of_the_stack(ask: Ask) -> None:
    page = ask("/", Authorization="")
    assert page.status_code == 200
    assert b"a stack" not in page.data
    assert b"an endpoint" not in page.data
    stack = ask("/api/stack").get_json()
    assert (stack["name"], stack["endpoint"], stack["defaults"]["max-attempts"]) == ("a stack", "an endpoint", "7")


def test_a_stack_whose_defaults_are_wrong_is_shown_with_what_is_wrong(ask: Ask, service: Service) -> None:
    assert ask("/api/stack").get_json()["trouble"] is None
    service.stack.parameters["JobDefaults"] = '{"rows": 1}'
    answer = ask("/api/stack")
    stack = answer.get_json()
    assert (answer.status_code, stack["name"], stack["defaults"]["header"]) == (200, "a stack", "auto")
    assert stack["trouble"].startswith("the stack's parameter JobDefaults: ")


@pytest.mark.parametrize("path", PRIVATE)
@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer guessed",
        "Bearer a=b",
        "Basic Z3Vlc3NlZDp4",
        "Basic \xff",
        NOT_ASCII,
        "Bearer \x00",
        "\xe9" * 9000,
    ],
)
def test_who_has_no_session_is_told_where_the_link_is(
    ask: Ask, path: str, authorization: str, caplog: pytest.LogCaptureFixture
) -> None:
    method = "POST" if path == "/api/session" else "GET"
    answer = ask(path, method, Authorization=authorization)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "`fanfold` printed in its terminal" in answer.get_json()["error"]
    assert caplog.records == []


def test_a_browser_is_told_in_a_page(ask: Ask) -> None:
    page = ask("/files/x/job-1/results.csv", Accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert page.status_code == 401
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"open the last link that `fanfold` printed in its terminal" in page.data
    assert "script" not in page.headers["Content-Security-Policy"]


def test_a_session_ends_when_nobody_uses_it(ask: Ask, clock: Clock) -> None:
    for _ in range(3):
        clock.now += IDLE_SECONDS - 1
        assert ask("/api/jobs").status_code == 200
    files = ask("/api/jobs/job-1").get_json()["files"]
    clock.now += IDLE_SECONDS
    for path in ("/api/jobs", f"{files}results.csv"):
        ended = ask(path)
        assert ended.status_code == 401
        assert "not used for an hour" in ended.get_json()["error"]
        assert "open the last link that `fanfold` printed" in ended.get_json()["error"]


def test_a_session_ends_after_hours_however_much_it_is_used(ask: Ask, clock: Clock) -> None:
    while clock.now + IDLE_SECONDS / 2 < LONGEST_SECONDS:
        clock.now += IDLE_SECONDS / 2
        assert ask("/api/jobs").status_code == 200
    clock.now = LONGEST_SECONDS
    assert ask("/api/jobs").status_code == 401


def test_a_session_is_in_use_until_its_upload_ends(ask: Ask, clock: Clock, service: Service) -> None:
    def take_long() -> None:
        clock.now += IDLE_SECONDS * 2

    service.on_submit = take_long
    assert ask("/api/jobs?name=a.csv", "POST", b"text").status_code == 201
    assert ask("/api/jobs").status_code == 200


def test_the_link_begins_another_session_after_one_has_ended(ask: Ask, clock: Clock, sessions: Sessions) -> None:
    clock.now = LONGEST_SECONDS
    begun = ask("/api/session", "POST", Authorization=f"Bearer {sessions.link_token}")
    assert begun.status_code == 201
    assert ask("/api/jobs", Authorization=f"Bearer {begun.get_json()['token']}").status_code == 200


def test_a_session_opens_no_other_one(ask: Ask, sessions: Sessions) -> None:
    token = sessions.begin(sessions.link_token)
    answer = ask("/api/session", "POST", Authorization=f"Bearer {token}")
    assert answer.status_code == 401
    assert ask("/api/jobs", Authorization=f"Bearer {sessions.link_token}").status_code == 401


def test_files_are_read_at_an_address_that_only_the_session_knows_and_only_of_that_job(ask: Ask) -> None:
    files = ask("/api/jobs/job-1").get_json()["files"]
    read = ask(f"{files}results.csv", Authorization="")
    assert read.data == b"results.csv of job-1"
    assert read.headers["Content-Disposition"] == "attachment; filename=job-1-results.csv"
    assert ask(files.replace("job-1", "job-2") + "results.csv").status_code == 401
    assert ask("/files/\u00e9/job-1/results.csv").status_code == 401


@pytest.mark.parametrize("name", ["results", "errors"])
def test_results_and_errors_are_also_there_for_spreadsheets(ask: Ask, name: str) -> None:
    files = ask("/api/jobs/job-1").get_json()["files"]
    read = ask(f"{files}{name}-for-spreadsheets.csv")
    assert read.data == b"for spreadsheets"
    assert read.headers["Content-Disposition"] == f"attachment; filename=job-1-{name}-for-spreadsheets.csv"
    assert read.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert ask(f"{files}summary-for-spreadsheets.json").status_code == 404


def test_the_files_of_a_table_are_offered_with_their_sizes_or_if_they_are_many_the_command(
    ask: Ask, service: Service
) -> None:
    assert "table" not in ask("/api/jobs/job-1").get_json()
    service.tables = {f"results.parquet/part-{number:05d}.parquet": 1_000 + number for number in range(10)}
    job = ask("/api/jobs/job-1").get_json()
    assert job["table"] == {"files": service.tables}
    for name in service.tables:
        read = ask(f"{job['files']}{name}", Authorization="")
        assert read.data == f"{name} of job-1".encode()
        assert read.headers["Content-Type"] == "application/vnd.apache.parquet"
        assert read.headers["Content-Disposition"] == f"attachment; filename=job-1-{name.rpartition('/')[2]}"
    service.tables["results.parquet/part-00010.parquet"] = 1
    command = "fanfold download job-1 --stack a stack --out FOLDER"
    assert ask("/api/jobs/job-1").get_json()["table"] == {"count": 11, "bytes": 10_046, "command": command}


@pytest.mark.parametrize(
    "name",
    [
        "results.parquet",
        "results.parquet/",
        "results.parquet/_SUCCESS",
        "results.parquet/part-00000.parquet/",
        "results.parquet/part-00000.parquet/results.csv",
        "other/part-00000.parquet",
        "results.parquet/..%2fpart-00000.parquet",
        "..%2fjob-2%2fresults.csv",
    ],
)
def test_what_is_no_file_of_a_job_is_not_read(ask: Ask, name: str) -> None:
    assert ask(f"{ask('/api/jobs/job-1').get_json()['files']}{name}").status_code == 404


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "127.0.0.1@evil.example"]
)
@pytest.mark.parametrize(("path", "method"), [("/", "GET"), ("/static/console.js", "GET"), ("/api/jobs", "POST")])
def test_a_name_that_is_made_to_point_here_is_refused(ask: Ask, host: str, path: str, method: str) -> None:
    answer = ask(path, method, Host=host, Origin=f"http://{host}")
    assert answer.status_code == 400
    assert b"Drop a CSV" not in answer.data


@pytest.mark.parametrize("method", ["DELETE", "BREW", "TRACE", "POST"])
def test_a_method_that_an_address_does_not_have_is_refused(ask: Ask, method: str) -> None:
    answer = ask("/api/stack", method)
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "https://127.0.0.1", "null", ""])
@pytest.mark.parametrize("path", ["/api/session", "/api/jobs?name=a.csv", "/api/preview", "/api/jobs/job-1/retry"])
def test_only_the_consoles_own_page_may_change_anything(ask: Ask, origin: str, path: str) -> None:
    answer = ask(path, "POST", Origin=origin)
    assert answer.status_code == 403
    assert answer.get_json() == {"error": "only the console's own page may send this request"}
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    ("path", "framed"),
    [("/", "none"), ("/api/jobs", "none"), ("/static/console.js", "none"), ("report", "self"), ("/nowhere", "none")],
)
def test_every_answer_says_what_a_browser_may_do_with_it(ask: Ask, path: str, framed: str) -> None:
    asked = f"{ask('/api/jobs/job-1').get_json()['files']}report.html" if path == "report" else path
    headers = ask(asked).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["frame-ancestors"] == f"'{framed}'"
    assert policy.get("script-src") == ("'self'" if framed == "none" else None)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == ("no-cache" if path.startswith("/static") else "no-store")
    assert "Access-Control-Allow-Origin" not in headers
