"""The console in a browser: a file is dropped, its job watched, its report read, its results saved."""

import csv
import re
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect
from tests.browser.conftest import DROP, Open, comes_true, enter, of_list, start, state


def test_a_dropped_file_is_watched_and_its_results_are_saved(page: Page, complaints: list[str], tmp_path: Path) -> None:
    texts = ["so good", "<script>document.title = 'hacked'</script>", "so bad", "", "slowly"] * 20
    content = "id,words\n" + "".join(f"{row},{text}\n" for row, text in enumerate(texts))
    page.evaluate(DROP, ["my tweets.csv", content])
    page.get_by_label("Header").select_option("absent")
    expect(page.locator("#preview thead")).to_have_text("column_1column_2")
    page.get_by_label("Header").select_option("present")
    expect(page.locator("#preview thead")).to_have_text("idwords")
    page.get_by_role("button", name="words").click()
    expect(page.locator("#preview .input").nth(2)).to_have_text("<script>document.title = 'hacked'</script>")
    expect(page.get_by_role("button", name="words")).to_be_focused()
    expect(page.locator("#outlook")).to_contain_text(
        re.compile(r"100 rows in \d+ requests.*A local cloud costs nothing", re.DOTALL)
    )
    page.get_by_text("Advanced").click()
    page.get_by_label("Rows per request").fill("4")
    page.get_by_role("button", name="Start").click()

    expect(page.locator("#job-title")).to_have_text("my tweets.csv")
    expect(page.locator("#job .counts")).to_have_text(re.compile(r"Reading the file…|of 100 rows answered"))
    state(page, "Completed with errors")
    assert page.title() == "Completed with errors · my tweets.csv · Fanfold"
    expect(page.locator("#job .advice")).to_contain_text("20 rows cannot be sent as they stand in the file")
    expect(page.get_by_role("button", name="Retry failed rows")).to_be_hidden()
    expect(page.locator("#rows tbody tr").nth(1)).to_contain_text("<script>")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download results").click()
    saved.value.save_as(tmp_path / "results.csv")
    with (tmp_path / "results.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert [row[1] for row in rows[1:]] == texts
    page.get_by_text("All files").click()
    with page.expect_download() as saved:
        page.get_by_role("link", name="results for spreadsheets").click()
    assert saved.value.suggested_filename.endswith("-results-for-spreadsheets.csv")
    assert saved.value.path().read_text(encoding="utf-8").startswith('\ufeff"id","words",')
    page.get_by_role("tab", name="Report").click()
    report = page.frame_locator("#job iframe")
    expect(report.get_by_role("heading", name="Errors")).to_be_visible()
    expect(report.locator(".tiles")).to_be_hidden()
    with page.expect_download() as saved:
        report.get_by_role("link", name="errors.csv").first.click()
    assert saved.value.path().read_text(encoding="utf-8").count("input is empty") == 20
    expect(page.locator("#jobs a[aria-current]")).to_contain_text("100 rows · 20 failed")
    expect(page.locator("#job .tiles")).to_contain_text("Duration")
    assert "$" not in page.locator("main").inner_text()
    assert complaints == []


def test_rows_are_filtered_searched_sorted_and_turned_over(page: Page) -> None:
    texts = [f"row {row} is {'so good' if row % 2 else 'so bad'}" for row in range(120)]
    texts[70] = "good, bad, good, bad"
    start(page, "rows.csv", "text,place\n" + "".join(f'"{text}",place {row}\n' for row, text in enumerate(texts)))
    state(page, "Succeeded")
    lines, said = page.locator("#rows tbody tr"), page.locator("#rows .range")
    expect(said).to_have_text("Rows 0 to 49 of 120, counted from 0")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Next").click()
    expect(said).to_have_text("Rows 100 to 119 of 120, counted from 0")
    expect(page.get_by_role("button", name="Next")).to_be_hidden()
    page.get_by_role("button", name="Previous").click()
    expect(lines.first).to_contain_text("row 50 is so bad")
    page.get_by_label("Rows", exact=True).select_option("label:LABEL_0")
    expect(lines.nth(2)).to_contain_text("row 4 is so bad")
    page.get_by_label("Order", exact=True).select_option("score")
    expect(said).to_contain_text("Lowest scores among all 120 rows")
    page.get_by_label("Rows", exact=True).select_option("")
    page.get_by_label("Search", exact=True).fill("PLACE 70")
    expect(lines).to_have_count(1)
    page.get_by_role("button", name="Row 70").press("Enter")
    expect(page.locator("#rows .whole")).to_contain_text("placeplace 70")
    page.get_by_label("Search", exact=True).fill("nowhere")
    expect(said).to_contain_text("No row with a score among all 120 rows")


def test_a_job_that_takes_long_shows_how_far_it_is_and_can_be_cancelled(new_page: Open, link: str) -> None:
    page = new_page(permissions=["notifications"])
    page.add_init_script("window.told = []; window.Notification = class { static permission = 'granted'; "
        "static requestPermission = async () => 'granted'; constructor(title) { told.push(title) } }")  # fmt: skip
    enter(page, link)
    page.evaluate(DROP, ["long.csv", "text\n" + "".join(f"slowly {row}\n" for row in range(1_000))])
    page.get_by_text("Advanced").click()
    page.get_by_label("Rows per request").fill("1")
    page.get_by_role("button", name="Start").click()
    page.get_by_role("button", name="Notify me").click()
    expect(page.get_by_role("button", name="You will be notified")).to_be_disabled()
    expect(page.locator("#job .counts")).to_have_text(re.compile(r"^[1-9]\d*% · [\d,]+ of 1,000 rows answered"))
    expect(page.locator("#job .pace")).to_have_text(re.compile(r"^[\d,.]+ rows per second, about .+ left · .+ so far$"))
    expect(page.locator("#rows .range")).to_have_text(re.compile(r"^The first \d+ rows? with an answer so far$"))
    expect(page.locator("#rows tbody tr").first).to_contain_text("slowly")
    assert 0 < page.locator(".running progress").evaluate("bar => bar.value / bar.max") < 1
    assert re.match(r"\d+% · \d.* · long\.csv", page.title())
    expect(of_list(page, "long.csv")).to_contain_text(re.compile(r"\d+% of 1,000 rows"))
    page.get_by_role("button", name="Cancel job").click()
    page.get_by_role("button", name="Keep running").press("Enter")
    page.route("**/api/jobs/long-*", lambda route: route.abort(), times=1)
    expect(page.locator("#trouble")).to_contain_text("does not respond")
    expect(page.locator("#trouble")).to_be_hidden()
    state(page, "Running")
    held: list[Route] = []
    page.route("**/cancel", lambda route: held.append(route))  # noqa: PLW0108 - no builtin can be a handler
    page.get_by_role("button", name="Cancel job").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel job").click()
    state(page, "Cancelling…")
    expect(page.get_by_role("button", name="Cancel job")).to_be_disabled()
    held[0].continue_()
    page.unroute("**/cancel")
    state(page, "Cancelled")
    expect(page.locator("#job .tiles")).to_contain_text(re.compile("Failed0Not answered[1-9].*Duration"))
    assert page.evaluate("told") == ["long.csv: Cancelled"]
    page.get_by_role("button", name="Send the remaining rows").click()
    expect(page.locator("#job .about")).to_contain_text("retry of the failed rows of")
    page.get_by_role("button", name="Cancel job").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel job").click()
    state(page, "Cancelled")


def test_a_file_that_fails_says_why_and_what_to_do(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "open quote.csv"
    file.write_text("text\nso good\n" * 20_000 + '"never closed\n')
    page.get_by_label("Drop a CSV here").set_input_files(file)
    page.get_by_role("button", name="Start").click()
    state(page, "Failed")
    expect(page.locator("#job .reason")).to_contain_text("quote")
    expect(of_list(page, "open quote.csv")).to_contain_text("Failed")


def test_a_console_that_has_ended_is_said_in_words(new_page: Open, link: str) -> None:
    page = new_page()
    enter(page, link)
    page.route("**/api/**", lambda route: route.abort())
    page.evaluate(DROP, ["a.csv", "text\nso good\n"])
    expect(page.locator("#trouble")).to_contain_text("is fanfold still running in its terminal?")


def test_all_of_it_goes_by_keyboard_and_the_focus_is_never_lost(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "keys.csv"
    file.write_text("text\n" + "so good\n" * 3)
    page.on("filechooser", lambda chooser: chooser.set_files(file))
    page.get_by_role("link", name="Fanfold").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Drop a CSV here")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator("#file-name")).to_be_focused()
    expect(page.locator("#preview .wide")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator("#preview .wide")).to_be_focused()
    while page.evaluate("document.activeElement.id") != "start":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    state(page, "Succeeded")
    expect(page.locator("#job")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Download results")).to_be_focused()
    expect(page.locator(".of-errors").first).to_be_hidden()
    page.get_by_role("tab", name="Results").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Report")).to_be_focused()
    expect(page.locator("#report")).to_be_visible()
    page.locator("#jobs a").first.focus()
    page.evaluate("list => new Promise(done => setTimeout(done, list))", 4500)  # the list is asked for again
    expect(page.locator("#jobs a").first).to_be_focused()


def test_the_list_says_that_it_loads_then_that_there_is_nothing(page: Page) -> None:
    answers: list[Route] = []
    page.route("**/api/jobs?*", lambda route: answers.append(route))  # noqa: PLW0108 - no builtin can be a handler
    page.reload()
    expect(page.get_by_text("Loading…")).to_be_visible()
    while not answers:
        page.wait_for_timeout(50)
    answers[0].fulfill(json={"jobs": [], "has_more": False})
    expect(page.get_by_text("No jobs yet")).to_be_visible()
    expect(page.get_by_text("Loading…")).to_be_hidden()


def test_the_list_is_searched_and_goes_on_beyond_its_first_jobs(page: Page) -> None:
    job = {
        "state": "SUCCEEDED", "created": "2026-11-29T00:00:00Z", "ended": "2026-11-29T00:00:11Z", "rows": 1,
        "done": 1, "failed": 0, "reason": "", "dollars": 0.0123, "submitter": "ada@example.com",
    }  # fmt: skip

    def answer(route: Route) -> None:
        asked = {name: found[0] for name, found in parse_qs(urlsplit(route.request.url).query).items()}
        names = ["found"] if asked.get("search") else [f"job {number}" for number in range(int(asked["most"]))]
        jobs = [job | {"id": name, "input": f"s3://bucket/{name}.csv"} for name in names]
        route.fulfill(json={"jobs": jobs, "has_more": not asked.get("search")})

    page.route("**/api/jobs?*", answer)
    page.reload()
    expect(page.locator("#jobs li")).to_have_count(30)
    expect(page.locator("#jobs li").first).to_contain_text("1 row · 11\u00a0s · at least $0.0123 · ada@example.com")
    page.get_by_role("button", name="Show more jobs").click()
    expect(page.locator("#jobs li")).to_have_count(60)
    expect(page.locator("#jobs a").nth(30)).to_be_focused()
    page.get_by_label("Search jobs").fill("found")
    expect(page.locator("#jobs li")).to_have_count(1)
    expect(page.get_by_role("button", name="Show more jobs")).to_be_hidden()


def test_the_list_and_the_job_say_the_same_when_it_ends(page: Page) -> None:
    page.evaluate(DROP, ["same.csv", "text\nso good\n"])
    page.get_by_role("button", name="Start").click()
    expect(of_list(page, "same.csv")).to_be_visible()
    page.route("**/api/jobs?*", lambda _route: None)  # the list itself is told nothing more
    expect(page.get_by_role("tab", name="Report")).to_be_visible()
    expect(of_list(page, "same.csv")).to_contain_text("Succeeded")


def test_a_phone_shows_the_list_or_the_job_and_both_can_be_read(new_page: Open, page: Page, link: str) -> None:
    long = f"{'customer_feedback_' * 4}2026.csv"
    start(page, long, "id,text,more\n1,so good,x\n")
    state(page, "Succeeded")
    phone = new_page(viewport={"width": 390, "height": 500})
    enter(phone, link)
    name = phone.get_by_role("link", name=long)
    for part in (name, *of_list(phone, long).locator("span, time").all()):
        box = part.bounding_box()
        assert box is None or box["x"] + box["width"] <= 390
    name.click()
    expect(phone.locator("#job")).to_be_focused()
    assert abs(phone.locator("#job").evaluate("job => job.getBoundingClientRect().top")) < 170
    expect(phone.locator("#jobs")).to_be_hidden()
    expect(phone.locator("#rows tbody tr")).to_contain_text("so good")
    phone.get_by_role("tab", name="Report").click()
    phone.frame_locator("#job iframe").get_by_text("About this job").wait_for()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    phone.set_viewport_size({"width": 1200, "height": 500})
    blank = "frame => frame.clientHeight - frame.contentDocument.documentElement.offsetHeight"
    comes_true(phone, lambda: 0 <= phone.locator("#job iframe").evaluate(blank) < 10)
    phone.set_viewport_size({"width": 390, "height": 500})
    phone.get_by_role("link", name="All jobs").click()
    expect(phone.locator("#jobs")).to_be_visible()


def test_without_the_link_a_browser_shows_a_page_in_words(new_page: Open, link: str) -> None:
    page = new_page()
    page.goto(link.partition("#")[0])
    expect(page.locator("#trouble")).to_contain_text("the full link that fanfold printed")
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
    expect(page.locator("#trouble")).to_contain_text("open the last link that fanfold printed in its terminal")
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
