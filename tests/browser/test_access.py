"""axe-core finds nothing that keeps people out of the pages, by day, by night and on a phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from tests.browser.conftest import DROP, Open, enter, start, state

SCREENS = [("light", 1280), ("dark", 390)]
# The report is checked by itself: axe-core would have to run in it, and it lets no script run.
CONTEXT = {"exclude": [["iframe"]]}


def found(page: Page) -> list[str]:
    """What axe-core finds wrong with a page as it is now."""
    violations = Axe().run(page, CONTEXT).response["violations"]
    return [f"{one['id']}: {node['html']}" for one in violations for node in one["nodes"]]


@pytest.mark.parametrize(("scheme", "width"), SCREENS)
def test_nobody_is_kept_out_of_the_console(new_page: Open, link: str, scheme: str, width: int) -> None:
    page = new_page(color_scheme=scheme, viewport={"width": width, "height": 800})
    enter(page, link)
    assert found(page) == []
    page.evaluate(DROP, ["a.csv", "id,words\n1,so good\n"])
    page.get_by_text("Advanced").click()
    expect(page.locator("#question")).to_be_visible()
    assert found(page) == []
    page.route("**/api/jobs?name=*", lambda _route: None)
    page.get_by_role("button", name="words").click()
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#sending")).to_be_visible()
    assert found(page) == []
    # While it is held: a request that is let go may end the upload, and with it the button.
    page.get_by_role("button", name="Stop").click()
    page.unroute_all()
    page.get_by_role("button", name="Choose another file").click()
    start(page, "access.csv", "id,text\n1,so good\n2,\n3,so bad\n")
    state(page, "Completed with errors")
    page.get_by_role("button", name="Row 0").click()
    page.get_by_text("All files").click()
    assert found(page) == []
    page.locator("dialog").evaluate("dialog => dialog.showModal()")
    assert found(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Report").click()
    page.frame_locator("#job iframe").get_by_role("heading", name="Samples").wait_for()
    assert found(page) == []
