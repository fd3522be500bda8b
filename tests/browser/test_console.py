"""The console in a browser: a file is dropped, its job watched, its report read, its results saved."""

import csv
import re
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Page, Route, expect
from tests.browser.conftest import DROP, Open, enter, state


def test_a_dropped_file_is_watched_and_its_results_are_saved(page: Page, complaints: list[str], tmp_path: Path) -> None:
    texts = ["so good", "<script>document.title = 'hacked'</script>", "so bad", "", "slowly"] * 20
    content = "id,words\n" + "".join(f"{row},{text}\n" for row, text in enumerate(texts))
    page.evaluate(DROP, ["my tweets.csv", content])
    page.get_by_label("Header").select_option("absent")
    expect(page.locator("#preview thead")).to_have_text("column_1column_2")
    page.get_by_label("Header").select_option("present")
    expect(page.locator("#preview thead")).to_have_text("idwords")
    page.get_by_label("Input column").select_option("words")
    expect(page.locator("#preview .input").nth(2)).to_have_text("<script>document.title = 'hacked'</script>")
    page.get_by_text("Advanced").click()
    page.get_by_label("Rows per request").fill("4")
    page.get_by_role("button", name="Start").click()

    expect(page.locator("#job-title")).to_have_text("my tweets.csv")
    expect(page.locator("#job .counts")).to_contain_text("of 100 rows")
    state(page, "Completed with errors")
    report = page.frame_locator("#job iframe")
    expect(report.get_by_role("heading", name="my tweets.csv")).to_be_visible()
    expect(report.locator("dd").first).to_have_text("100")
    assert page.title() == "fanfold · Fanfold"
    with page.expect_download() as saved:
        page.get_by_role("link", name="results.csv").first.click()
    saved.value.save_as(tmp_path / "results.csv")
    with (tmp_path / "results.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert [row[1] for row in rows[1:]] == texts
    with page.expect_download() as saved:
        page.locator("#job .spreadsheets").get_by_role("link", name="results").click()
    assert saved.value.suggested_filename.endswith("-results-for-spreadsheets.csv")
    assert saved.value.path().read_text(encoding="utf-8").startswith('\ufeff"id","words",')
    with page.expect_download() as saved:
        report.get_by_role("link", name="errors.csv").first.click()
    assert saved.value.path().read_text(encoding="utf-8").count("input is empty") == 20
    expect(page.locator("#jobs tbody tr[aria-current]")).to_contain_text("Completed with errors100")
    assert complaints == []

    page.get_by_role("button", name="Retry the failed rows").click()
    expect(page.locator("#job .about")).to_contain_text("the failed rows of")
    state(page, "Completed with errors")
    expect(page.locator("#jobs tbody tr")).to_have_count(2)


def test_a_job_that_takes_long_shows_how_far_it_is_and_can_be_cancelled(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    file.write_text("text\n" + "slowly\n" * 2_000)
    page.get_by_label("Drop a CSV here").set_input_files(file)
    page.get_by_text("Advanced").click()
    page.get_by_label("Rows per request").fill("1")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#job .counts")).to_have_text(re.compile("^[1-9].* of 2,000 rows"))
    expect(page.locator("#job .pace")).to_have_text(re.compile(r"^[\d,.]+ rows per second, about [\d.]+ \w+ left$"))
    assert 0 < page.locator("#job progress").evaluate("bar => bar.value / bar.max") < 1
    page.get_by_role("button", name="Cancel").click()
    state(page, "Cancelled")
    expect(page.locator("#job .reason")).to_have_text("cancelled")
    expect(page.frame_locator("#job iframe").locator("#job, .state")).to_have_text("Cancelled")


def test_a_file_that_fails_says_why_and_what_to_do(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "open quote.csv"
    file.write_text("text\nso good\n" * 20_000 + '"never closed\n')
    page.get_by_label("Drop a CSV here").set_input_files(file)
    page.get_by_role("button", name="Start").click()
    state(page, "Failed")
    expect(page.locator("#job .reason")).to_contain_text("quote")
    expect(page.locator("#jobs tbody tr").first).to_contain_text("Failed")


def test_a_console_that_has_ended_is_said_in_words(new_page: Open, link: str) -> None:
    page = new_page()
    enter(page, link)
    page.route("**/api/**", lambda route: route.abort())
    page.evaluate(DROP, ["a.csv", "text\nso good\n"])
    expect(page.locator("#trouble")).to_contain_text("is `fanfold` still running in its terminal?")


def test_all_of_it_goes_by_keyboard_and_the_focus_is_never_lost(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "keys.csv"
    file.write_text("text\n" + "so good\n" * 3)
    page.on("filechooser", lambda chooser: chooser.set_files(file))
    page.keyboard.press("Tab")
    expect(page.get_by_label("Drop a CSV here")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator("#file-name")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Input column")).to_be_focused()
    while page.evaluate("document.activeElement.id") != "start":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    state(page, "Succeeded")
    expect(page.locator("#job")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="results.csv").first).to_be_focused()
    page.locator("#jobs a").first.focus()
    page.evaluate("list => new Promise(done => setTimeout(done, list))", 4500)  # the list is asked for again
    expect(page.locator("#jobs a").first).to_be_focused()


def test_the_list_says_that_it_loads_then_that_there_is_nothing(page: Page) -> None:
    answers: list[Route] = []
    page.route("**/api/jobs", lambda route: answers.append(route))  # noqa: PLW0108 - no builtin can be a handler
    page.reload()
    expect(page.get_by_text("Loading…")).to_be_visible()
    while not answers:
        page.wait_for_timeout(50)
    answers[0].fulfill(json=[])
    expect(page.get_by_text("No jobs yet")).to_be_visible()
    expect(page.get_by_text("Loading…")).to_be_hidden()


def test_the_list_and_the_report_say_the_same_when_a_job_ends(page: Page) -> None:
    page.evaluate(DROP, ["same.csv", "text\nso good\n"])
    page.get_by_role("button", name="Start").click()
    line = page.locator("#jobs tbody tr", has_text="same.csv")
    expect(line).to_be_visible()
    page.route("**/api/jobs", lambda _route: None)  # the list itself is told nothing more
    expect(page.locator("#job iframe")).to_be_visible()
    expect(line).to_contain_text("Succeeded", timeout=100)


def test_on_a_phone_a_jobs_name_and_date_can_be_read(new_page: Open, page: Page, link: str) -> None:
    long = f"{'customer_feedback_' * 4}2026.csv"
    for file in ("customer feedback of november.csv", long):
        page.evaluate(DROP, [file, "text\nso good\n"])
        page.get_by_role("button", name="Start").click()
        expect(page.locator("#job .about")).to_contain_text(file[:8])
        state(page, "Succeeded")
    phone = new_page(viewport={"width": 390, "height": 800})
    enter(phone, link)
    name = phone.get_by_role("link", name="customer feedback of november.csv")
    expect(name).to_be_visible()
    line = phone.locator("#jobs tbody tr", has=name)
    assert name.evaluate("link => link.offsetHeight") < 30, "it stands on one line"
    for part in (*line.locator("td").all(), phone.get_by_role("link", name=long)):
        box = part.bounding_box()
        assert box
        assert box["x"] + box["width"] <= 390


def test_a_chosen_job_is_shown_from_its_top_and_as_high_as_its_report(new_page: Open, page: Page, link: str) -> None:
    page.evaluate(DROP, ["chosen.csv", "text\nso good\n"])
    page.get_by_role("button", name="Start").click()
    state(page, "Succeeded")
    phone = new_page(viewport={"width": 390, "height": 500})
    enter(phone, link)
    phone.get_by_role("link", name="chosen.csv").click()
    expect(phone.locator("#job")).to_be_focused()
    assert abs(phone.locator("#job").evaluate("job => job.getBoundingClientRect().top")) < 50
    phone.frame_locator("#job iframe").get_by_text("About this job").wait_for()
    phone.set_viewport_size({"width": 1200, "height": 500})
    blank = "frame => frame.clientHeight - frame.contentDocument.documentElement.offsetHeight"
    assert 0 <= phone.locator("#job iframe").evaluate(blank) < 10


def test_without_the_link_a_browser_shows_a_page_in_words(new_page: Open, link: str) -> None:
    page = new_page()
    page.goto(link.partition("#")[0])
    expect(page.locator("#trouble")).to_contain_text("the full link that `fanfold` printed")
    expect(page.get_by_text("Drop a CSV here")).to_be_hidden()
    enter(page, link)  # in the same window, of which only what follows # is another


def test_another_port_of_this_machine_is_sent_nothing_by_which_to_use_the_console(page: Page, link: str) -> None:
    seen: list[str] = []

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(f"{self.path} {self.headers}")
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    expect(page.get_by_text("Drop a CSV here")).to_be_visible()
    token = page.evaluate("sessionStorage.getItem('fanfold-session')")
    assert token
    with HTTPServer(("127.0.0.1", 0), Other) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        assert page.evaluate("sessionStorage.length") == 0
        server.shutdown()
    assert seen
    assert not any(secret in request for request in seen for secret in (token, link.partition("=")[2], "Cookie"))
    page.go_back()
    expect(page.get_by_text("Drop a CSV here")).to_be_visible()
    assert "token" not in page.url


def test_a_session_that_has_ended_says_what_to_do_and_the_link_begins_another(page: Page, link: str) -> None:
    expect(page.get_by_text("Drop a CSV here")).to_be_visible()
    page.evaluate("sessionStorage.setItem('fanfold-session', 'of-yesterday')")
    expect(page.locator("#trouble")).to_contain_text("open the last link that `fanfold` printed in its terminal")
    expect(page.get_by_text("Drop a CSV here")).to_be_hidden()
    enter(page, link)
    expect(page.locator("#trouble")).to_be_hidden()


@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_sticks_out_of_any_screen(new_page: Open, link: str, width: int) -> None:
    page = new_page(viewport={"width": width, "height": 700})
    enter(page, link)
    page.evaluate(DROP, ["a.csv", "text," + "column," * 30 + "\n" + "x" * 300 + "," * 31 + "\n"])
    expect(page.locator("#preview tbody tr")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
