"""report.html in a browser: whatever the cells say, on any screen, on paper, without a network."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page
from tests.browser.conftest import Open
from tests.browser.test_access import SCREENS, found
from tests.fakes.values import make_chunk

from fanfold_core.app.report import render_report
from fanfold_core.domain.counting import of_requests, of_rows, of_true_labels
from fanfold_core.domain.outcomes import Timing
from fanfold_core.domain.parts import Totals
from fanfold_core.domain.results import RowAnswer, RowAnswers, SpanOutcome
from fanfold_core.domain.spans import Span

BEGAN = datetime(2026, 11, 23, 8, tzinfo=UTC)
HOSTILE = [
    "<script>document.title = 'hacked'</script>",
    "<img src=x onerror=\"document.title = 'hacked'\">",
    "</title></style></table><h1>Hello</h1>",
    "\"><svg/onload=document.title='hacked'>",
    "{{ 7 * 7 }}{% raw %}",
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The report of a job in which everything that is anybody's text is hostile."""
    final = [
        *(RowAnswer({"label": text, "score": 0.3 * row}, "") for row, text in enumerate(HOSTILE)),
        *(RowAnswer(None, f"the model said: {text}") for text in HOSTILE),
    ]
    known = [SpanOutcome(Span(0, 5), "[]", None, 2, timing=Timing(int(BEGAN.timestamp()) + 9, 1500))]
    statistics = of_rows(0, [[text] for text in HOSTILE * 2], 0, RowAnswers.of(final))
    statistics += of_requests(BEGAN, make_chunk(), known, known)
    cells = [[text, HOSTILE[row % 2]] for row, text in enumerate(HOSTILE * 2)]
    statistics += of_true_labels(0, cells, 0, 1, RowAnswers.of(final))
    summary = {
        "job": "tweets-6a5ef09ece7577f1",
        "state": "COMPLETED_WITH_ERRORS",
        "reason": HOSTILE[0],
        "details": HOSTILE[1],
        "assumed": [HOSTILE[2]],
        "warnings": [HOSTILE[3]],
        "seconds": 12.5,
        "created": BEGAN.isoformat(),
        "ended": (BEGAN + timedelta(seconds=12.5)).isoformat(),
        "endpoint_seconds": 4,
        "dollars": {"S3": 0.0001, "Lambda": 1234.5},
        "prices": "us-east-1, 2026-11-23",
        "retry_of": None,
        "submitted_by": f"AWS:AROAEXAMPLE:{HOSTILE[0]}",
        "input": f"s3://bucket/{HOSTILE[0]}.csv",
        "input_version": HOSTILE[1],
        "model": HOSTILE[2],
        "revision": HOSTILE[3],
        "endpoint": HOSTILE[3],
        "endpoint_config": "",
        "fanfold": "1.0",
        "results": "s3://output/results.csv",
        "evaluation": statistics.agreement.as_summary(HOSTILE[0]),
    }
    path = tmp_path / "report.html"
    path.write_text(render_report(summary, Totals(10, 5, 5, 2, statistics)), encoding="utf-8")
    return path


def opened(page: Page, file: Path) -> list[str]:
    """Open the page; answers with all that it asks for and complains of."""
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    page.on("console", lambda message: seen.append(message.text))
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.goto(file.as_uri())
    return seen


def test_whatever_cells_and_labels_say_is_shown_as_text(new_page: Open, file: Path) -> None:
    page = new_page()
    assert opened(page, file) == [file.as_uri()]
    shown = page.inner_text("body")
    assert all(text in shown for text in HOSTILE)
    assert "hacked" not in page.title().removeprefix(f"{HOSTILE[0].rpartition('/')[2]}.csv")
    assert page.locator("script, img, iframe, link").count() == 0
    assert page.locator("h1").count() == 1


@pytest.mark.parametrize(("scheme", "width"), SCREENS)
def test_nobody_is_kept_out_of_the_report(new_page: Open, file: Path, scheme: str, width: int) -> None:
    page = new_page(color_scheme=scheme, viewport={"width": width, "height": 800})
    opened(page, file)
    for more in page.locator("summary").all():
        more.click()
    assert found(page) == []


def test_every_chart_is_a_table_or_has_one_and_a_name(new_page: Open, file: Path) -> None:
    page = new_page()
    opened(page, file)
    assert page.get_by_role("img").count() == 2
    assert page.get_by_role("table", name="Rows by predicted label").get_by_role("row").count() == 1 + 5
    for section in page.locator("figure").all():
        assert not section.locator("table").is_visible()
        section.get_by_text("As a table").click()
        assert section.get_by_role("table").is_visible()
        assert section.get_by_role("row").count() >= 2


@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_sticks_out_of_any_screen(new_page: Open, file: Path, width: int) -> None:
    page = new_page(viewport={"width": width, "height": 700})
    opened(page, file)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


# Contrast of two colours, as WCAG 2 has it.
CONTRAST = """selector => {
  const rgb = colour => colour.match(/[\\d.]+/g).slice(0, 3).map(Number)
  const light = colour => rgb(colour).map(c => (c /= 255) <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0)
  return [...document.querySelectorAll(selector)].filter(e => e.textContent.trim()).map(element => {
    let behind = element
    while (behind.parentElement && getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)")
      behind = behind.parentElement
    const [a, b] = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor].map(light)
    return (Math.max(a, b) + .05) / (Math.min(a, b) + .05)
  })
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_by_day_and_by_night(new_page: Open, file: Path, scheme: str) -> None:
    page = new_page(color_scheme=scheme)
    opened(page, file)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") is (scheme == "light")
    contrasts = page.evaluate(CONTRAST, "body *")
    assert len(contrasts) > 50
    assert min(contrasts) >= 4.5  # WCAG's level AA


def test_paper_is_white_also_by_night(new_page: Open, file: Path) -> None:
    page = new_page(color_scheme="dark")
    opened(page, file)
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.get_by_text("As a table").first.is_visible()
