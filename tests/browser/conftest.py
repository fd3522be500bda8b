"""Chromium, as the machine has it."""

import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from tests.system.conftest import Slowly

from fanfold import Fanfold
from fanfold.client import LOCAL_PARAMETERS
from fanfold.console.server import listening, serving
from fanfold.project import find_root
from localaws.cloud import LocalCloud

Open = Callable[..., Page]
# An upload, a job and its files, on a machine that does other things too.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)
DROP = """files => {
  const data = new DataTransfer()
  for (let at = 0; at < files.length; at += 2)
    data.items.add(new File([files[at + 1]], files[at], {type: "text/csv"}))
  for (const kind of ["dragenter", "dragover", "drop"])
    document.querySelector("#drop").dispatchEvent(
      new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}))
}"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium")
    assert path, "these tests need Chromium, e.g. apt-get install chromium"
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=path, args=options)
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium: Browser) -> Iterator[Open]:
    """Opens windows, each a user's own; `options` are Playwright's, like `color_scheme`."""
    contexts = []

    def new(**options: Any) -> Page:
        contexts.append(chromium.new_context(**options))
        return contexts[-1].new_page()

    yield new
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def link(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with (
        LocalCloud(
            find_root(), parameters=LOCAL_PARAMETERS, log_dir=tmp_path_factory.mktemp("logs"), conditions=Slowly()
        ) as cloud,
        listening(0) as at,
        serving(Fanfold(cloud.stack_name, session=cloud.session()), at) as link,
    ):
        yield link


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def page(new_page: Open, link: str, complaints: list[str]) -> Page:
    page = new_page()
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    page.on(
        "request", lambda request: complaints.append(request.url) if not request.url.startswith(link[:17]) else None
    )
    enter(page, link)
    return page


def enter(page: Page, link: str) -> None:
    """Open the console by its link, and wait for it."""
    page.goto(link)
    expect(page.locator("main")).to_be_visible()


def state(page: Page, words: str) -> None:
    expect(page.locator("#job .state")).to_have_text(words)


def start(page: Page, name: str, content: str) -> None:
    """Drop a file and have its job begin."""
    page.evaluate(DROP, [name, content])
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#job-title")).to_have_text(name)


def comes_true(page: Page, claim: Callable[[], bool]) -> None:
    """Wait until something holds of the page that no `expect` can say."""
    until = time.monotonic() + PATIENCE / 1000
    while not claim():
        assert time.monotonic() < until
        page.wait_for_timeout(50)


def of_list(page: Page, name: str) -> Locator:
    """The latest job of this name in the list."""
    return page.locator("#jobs li", has_text=name).first
