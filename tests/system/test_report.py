"""report.html says what the other files say."""

import re
from collections import Counter
from html.parser import HTMLParser

from tests.system.conftest import Finished, Pipeline


class Tables(HTMLParser):
    """The cells of all tables, row by row, and the figures of the tiles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tiles: dict[str, str] = {}
        self._texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the parser's
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th", "dt", "dd"}:
            self._texts = []

    def handle_data(self, data: str) -> None:
        self._texts.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self.rows[-1].append("".join(self._texts))
        if tag == "dt":
            self.tiles[self._texts[0]] = ""
        if tag == "dd":
            self.tiles[list(self.tiles)[-1]] = self._texts[0]


def report(pipeline: Pipeline, finished: Finished) -> Tables:
    return Tables((pipeline.folder / finished.summary["job"] / "report.html").read_text(encoding="utf-8"))


def labels(found: Tables) -> dict[str, int]:
    return {row[0]: int(row[2].split()[0].replace(",", "")) for row in found.rows if row[0].startswith("LABEL_")}


def test_a_reports_figures_are_those_of_its_files(pipeline: Pipeline) -> None:
    texts = ["so good", "so bad", "a table", "", "<script>alert(1)</script> is great", "&amp;"] * 40
    content = "\n".join(["id,text", *(f"{row},{text}" for row, text in enumerate(texts))])
    finished = pipeline.run("figures.csv", content.encode(), rows_per_request=7)
    found = report(pipeline, finished)

    summary = finished.summary
    expected = {"Rows": 240, "Predicted": 200, "Failed": 40, "Requests": summary["requests"]}
    assert {name: found.tiles[name] for name in expected} == {name: str(n) for name, n in expected.items()}
    assert labels(found) == Counter(row[2] for row in finished.results if row[2])
    assert ["total without the endpoint", f"${sum(summary['dollars'].values()):.4f}"] in found.rows
    scores = sum(int(row[1].split()[0]) for row in found.rows if re.fullmatch(r"[\d.]+ to [\d.]+", row[0]))
    answered = sum(int(row[1].split()[0]) for row in found.rows if row[0].startswith("after "))
    assert scores == 200
    assert answered in {0, 200}, "0 if they were answered so soon that there is no timeline"
    assert ["row 3", "(empty)"] in found.rows
    within = [row[0] for row in found.rows if "within" in row[0]]
    assert within in (["50% within", "90% within", "95% within", "99% within"], []), "none if all took as long"


def test_a_report_of_several_parts_is_about_all_of_them(pipeline: Pipeline) -> None:
    rows = "".join(f"{row},row {row} is good and l{'o' * 900}ng\n" for row in range(20_000))
    finished = pipeline.run("parts.csv", b"id,text\n" + rows.encode(), rows_per_request=1000)
    found = report(pipeline, finished)
    assert len(rows) > 16 * 1024 * 1024  # one part holds no more
    assert found.tiles["Rows"] == "20,000"
    assert labels(found) == Counter(row[2] for row in finished.results)


def test_a_job_that_never_began_has_a_report_too(pipeline: Pipeline) -> None:
    finished = pipeline.drop("nothing.csv", b"id,text\n", input_column="missing")
    found = report(pipeline, finished)
    assert finished.summary["state"] == "FAILED"
    assert (found.tiles["Rows"], found.tiles["Predicted"]) == ("0", "0")
