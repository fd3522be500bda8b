"""The console in a browser, before an upload: what is no CSV is refused, and what a file is like can be said."""

import re
from io import BytesIO
from pathlib import Path
from random import Random

import pyarrow as pa
from playwright.sync_api import Page, Route, expect
from pyarrow.parquet import write_table
from tests.browser.conftest import DROP, start, state

from fanfold.console.app import help_of
from fanfold.console.preview import HEAD_BYTES
from fanfold_core.domain.options import OPTIONS


def test_a_file_that_is_none_is_refused_before_it_is_sent(page: Page) -> None:
    page.evaluate(DROP, ["tweets.csv", "PK\x03\x04 and so on"])
    expect(page.locator("#trouble")).to_contain_text("a zip archive: unzip it")
    expect(page.locator("#options")).to_be_hidden()
    expect(page.get_by_text("Drop a CSV here")).to_be_visible()
    page.evaluate(DROP, ["a.csv", "text\nso good\n"])
    expect(page.locator("#trouble")).to_be_hidden()


def test_two_files_at_once_are_taken_one_at_a_time_and_that_is_said(page: Page) -> None:
    page.evaluate(DROP, ["a.csv", "text\nso good\n", "b.csv", "text\nso bad\n"])
    expect(page.locator("#file-name")).to_have_text("a.csv")
    expect(page.locator("#others")).to_contain_text("the first of 2")
    page.evaluate(DROP, ["c.csv", "text\nso good\n"])
    expect(page.locator("#file-name")).to_have_text("c.csv")
    expect(page.locator("#others")).to_be_hidden()


def test_a_file_dropped_during_an_upload_is_not_taken_and_that_is_said(page: Page) -> None:
    page.route("**/api/jobs?*", lambda _route: None)  # never answered
    page.evaluate(DROP, ["a.csv", "text\nso good\n"])
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("button", name="Stop")).to_be_focused()
    expect(page.locator("#sending")).to_contain_text("Uploading a.csv")
    expect(page.locator("#sent")).to_have_text(re.compile(r"^\d+% of 1 KB$"))
    expect(page.locator("#job")).to_be_hidden()
    page.evaluate(DROP, ["b.csv", "text\nso bad\n"])
    expect(page.locator("#trouble")).to_contain_text("b.csv was ignored")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#trouble")).to_contain_text("stopped")
    expect(page.get_by_role("button", name="Start")).to_be_focused()


def test_text_in_another_encoding_cannot_start_before_its_encoding_is_chosen(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "latin.csv"
    file.write_text("id,text\n1,café\n", encoding="latin-1")
    page.get_by_label("Drop a CSV here").set_input_files(file)
    expect(page.locator("#trouble")).to_contain_text("Try the encoding cp1252")
    expect(page.locator("#start")).to_be_disabled()
    page.get_by_label("Encoding", exact=True).fill("cp1252")
    page.get_by_label("Encoding", exact=True).blur()
    expect(page.locator("#preview .input").nth(1)).to_have_text("café")
    expect(page.locator("#trouble")).to_be_hidden()
    expect(page.locator("#start")).to_be_enabled()


def test_a_line_with_other_delimiters_gets_a_hint_until_they_are_chosen(page: Page) -> None:
    page.evaluate(DROP, ["a.csv", "id;words\n1;so good\n"])
    expect(page.locator("#hint")).to_contain_text("if cells end there, set the option delimiter to ;")
    page.get_by_label("Delimiter").fill(";")
    page.get_by_label("Delimiter").blur()
    expect(page.locator("#preview thead")).to_have_text("idwords")
    expect(page.locator("#hint")).to_be_hidden()


def test_a_job_cannot_start_before_the_column_of_the_texts_is_chosen(page: Page) -> None:
    page.evaluate(DROP, ["a.csv", "id,words\n1,so good\n"])
    expect(page.locator("#question")).to_contain_text("Which column holds the texts?")
    expect(page.locator("#start")).to_be_disabled()
    offered = page.locator("#known-label-column option")
    assert offered.evaluate_all("options => options.map(option => option.value)") == ["id", "words"]
    page.get_by_label("Input column").select_option("words")
    expect(page.locator("#preview .input").nth(1)).to_have_text("so good")
    expect(page.locator("#assumed")).to_contain_text("stands above numbers")
    expect(page.locator("#question")).to_be_hidden()
    page.get_by_role("button", name="Start").click()
    state(page, "Succeeded")


def test_another_file_than_a_csv_is_refused_by_its_name_as_it_is_spelt(page: Page) -> None:
    page.evaluate(DROP, ["Real.xlsx", "text\nso good\n"])
    expect(page.locator("#trouble")).to_have_text(re.compile(r"^The file's name must end in \.csv.*as CSV"))
    expect(page.locator("#options")).to_be_hidden()
    page.evaluate(DROP, ["Real.parquet", "text\nso good\n"])
    expect(page.locator("#trouble")).to_have_text(
        re.compile(r"^Its name ends in \.parquet, but it is not a Parquet file")
    )
    expect(page.locator("#options")).to_be_hidden()


def test_a_parquet_file_is_looked_at_as_a_whole_and_runs(page: Page) -> None:
    texts = [f"so good {Random(row).randbytes(10_000).hex()}" for row in range(200)]
    write_table(pa.table({"id": range(200), "text": texts}), content := BytesIO())
    assert len(content.getvalue()) > HEAD_BYTES
    file = {"name": "reviews.parquet", "mimeType": "", "buffer": content.getvalue()}
    page.locator("#file").set_input_files(file)  # type: ignore[arg-type]
    expect(page.locator("#preview thead")).to_have_text("idtext")
    expect(page.locator("#preview .input").nth(1)).to_contain_text("so good")
    page.locator("#results-format").select_option("parquet", force=True)
    page.get_by_role("button", name="Start").click()
    state(page, "Succeeded")
    expect(page.locator("#job .of-table")).to_contain_text("Parquet files: part-00000.parquet (")


def test_advanced_options_are_checked_before_the_upload_and_reach_the_job(page: Page) -> None:
    page.evaluate(DROP, ["moods.csv", "title,body\nso,good\n=so,bad\n"])
    page.get_by_text("Advanced").click()
    page.get_by_label("Model parameters").fill("[1]")
    page.get_by_label("Input expression").fill("join(' ', [title, body])")
    expect(page.locator("#trouble")).to_contain_text("a JSON object")
    expect(page.locator("#start")).to_be_disabled()
    page.get_by_label("Model parameters").fill('{"truncation": true}')
    page.get_by_label("Result expression").fill("[].{mood: label}")
    page.get_by_label("Guard formulas").select_option("yes")
    expect(page.get_by_label("Input column")).to_be_hidden()
    page.get_by_role("button", name="Start").click()
    state(page, "Succeeded")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download results").click()
    lines = saved.value.path().read_text(encoding="utf-8").splitlines()
    assert lines[0] == '"title","body","mood","error"'
    assert lines[2].startswith('"\'=so","bad",')


def test_the_form_has_every_option_with_its_label_its_help_and_the_stacks_value(page: Page) -> None:
    page.evaluate(DROP, ["a.csv", "text\nso good\n"])
    page.get_by_text("Advanced").click()
    fields = page.locator("#options").locator("input, select")
    assert fields.evaluate_all("fields => fields.map(field => field.name)") == [row.name for row in OPTIONS.values()]
    for row in OPTIONS.values():
        field = page.get_by_label(row.label, exact=True)
        expect(field).to_have_attribute("name", row.name)
        expect(field).to_have_accessible_description(help_of(row))
    expect(page.get_by_label("Header", exact=True)).to_contain_text("Default: Auto-detect")
    expect(page.get_by_label("Encoding", exact=True)).to_have_attribute("placeholder", "utf-8")
    attempts = page.get_by_label("Attempts", exact=True)
    assert [attempts.get_attribute(name) for name in ("type", "min", "max")] == ["number", "1", "20"]


def test_an_answer_that_comes_late_does_not_undo_what_the_form_says_by_then(page: Page) -> None:
    late: list[Route] = []
    page.route("**/api/preview?*", lambda route: route.continue_() if late else late.append(route))
    page.evaluate(DROP, ["a.csv", "id;text\n1;so good\n"])
    while not late:
        page.wait_for_timeout(20)
    page.get_by_label("Delimiter").fill(";")
    page.get_by_label("Delimiter").blur()
    expect(page.locator("#preview thead")).to_have_text("idtext")
    late[0].continue_()
    page.wait_for_timeout(300)
    expect(page.locator("#preview thead")).to_have_text("idtext")


def test_an_answer_about_a_job_that_was_left_meanwhile_is_not_shown(page: Page) -> None:
    held: list[Route] = []
    page.route("**/api/jobs/no-such-job", lambda route: held.append(route))  # noqa: PLW0108 - no builtin can be a handler
    page.evaluate("location.hash = 'no-such-job'")
    expect(page.get_by_text("Opening the job…")).to_be_visible()
    page.get_by_role("link", name="Upload CSV").click()
    expect(page.get_by_text("Opening the job…")).to_be_hidden()
    with page.expect_response("**/api/jobs/no-such-job"):
        held[0].continue_()
    page.wait_for_timeout(100)
    expect(page.locator("#trouble")).to_be_hidden()


def test_a_change_of_labels_is_said_with_the_job_that_had_others(page: Page) -> None:
    for text in ("so good", "so bad"):
        start(page, "spread.csv", "text\n" + f"{text}\n" * 60)
        state(page, "Succeeded")
    expect(page.locator("#job .warnings")).to_contain_text(
        re.compile(r"The labels are distributed differently than in spread-\w+, the last job of a file of this name")
    )
    expect(page.locator("#job .warnings")).to_contain_text("LABEL_0: 0% → 100%")
    page.locator("#job .warnings a").click()
    expect(page.locator("#rows tbody tr").first).to_contain_text("so good")
    expect(page.locator("#job .warnings")).to_be_hidden()


def test_on_aws_a_file_has_a_price_and_its_job_somebody_who_submitted_it(page: Page) -> None:
    priced = {"cost": "at least $0.2500 for services", "basis": "An hour of an ml.g4dn.xlarge is $0.7360."}

    def preview(route: Route) -> None:
        found = route.fetch().json()
        route.fulfill(json=found | {"outlook": found["outlook"] | priced})

    def status(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"submitter": "ada@example.com"})

    page.route("**/api/preview?*", preview)
    page.route("**/api/jobs/priced-*", status)
    page.evaluate(DROP, ["priced.csv", "text\nso good\n"])
    expect(page.locator("#outlook .price")).to_have_text("At least $0.2500 for services")
    expect(page.locator("#outlook .basis")).to_have_text("An hour of an ml.g4dn.xlarge is $0.7360.")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#job .about")).to_contain_text(" · file submitted by ada@example.com")
    state(page, "Succeeded")
