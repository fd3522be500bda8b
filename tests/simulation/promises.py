"""What is promised of every run, whatever happened in it."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping

import pyarrow.parquet as pq
from tests.simulation.cloud import Cloud
from tests.simulation.scenario import HEADER, REASONS, Scenario, predict
from tests.simulation.schedule import Faults

from fanfold_core.domain.job import State
from fanfold_core.domain.keys import result_key, table_key
from fanfold_core.domain.spans import places_in
from fanfold_core.input.json.text import cell_of

_ORDER = [State.RUNNING, State.CLOSING]
_FILES = ("results.csv", "errors.csv", "summary.json", "report.html")
_TOLD = re.compile(r"<dt>(Rows|Predicted|Failed|Not answered)</dt><dd[^>]*>([\d,]+)")


class BrokenPromiseError(Exception):
    """A promise is broken: the words say which."""


def promise(kept: object, words: str) -> None:
    """`BrokenPromiseError` unless it is kept."""
    if not kept:
        raise BrokenPromiseError(words)


class Watch:
    """Looks at a job from outside, after every step of a run and at its end."""

    def __init__(self, cloud: Cloud, scenario: Scenario, job: str) -> None:
        self.job = job
        self.state: State | None = None
        self.files: dict[str, bytes | None] = {}
        self._cloud = cloud
        self.scenario = scenario
        self._predicted: set[int] = set()

    @property
    def has_ended(self) -> bool:
        """Whether the job's files are final."""
        return self.state is not None and self.state.is_terminal

    def look(self) -> None:
        """See whether the job has moved on."""
        job = self._cloud.job(self.job)
        state = job.state if job else None
        if state is self.state:
            return
        promise(_stage(state) > _stage(self.state), f"state went from {self.state} to {state}")
        if _stage(self.state) <= _stage(State.RUNNING):
            self._predicted = set(self._rows_with_predictions())
        self.state = state
        if self.has_ended:
            self.files = self._read()

    def check(self, faults: Faults) -> None:
        """Check all that is promised of a job that has ended."""
        promise(self.has_ended, f"the job never ends: {self.state}")
        promise(self.files == self._read(), "a file changed after the job had ended")
        summary = json.loads(self.files["summary.json"] or b"{}")
        header, *lines = _records(self.files["results.csv"])
        expected = self.scenario.rows
        is_complete = self.state in {State.SUCCEEDED, State.COMPLETED_WITH_ERRORS}
        fits = len(lines) == len(expected) if is_complete else len(lines) <= len(expected)
        promise(fits, f"results.csv has {len(lines)} rows of {len(expected)}")
        errors = {}
        for row, line in enumerate(lines):
            promise(len(line) == len(header), f"row {row} has {len(line)} cells under {len(header)}: {line}")
            own = [*expected[row], ""][: len(HEADER)]
            promise(line[: len(HEADER)] == own, f"row {row} is not in its place: {line}")
            if line[-1]:
                errors[row] = line[-1]
            else:
                self._check_prediction(row, dict(zip(header[len(HEADER) : -1], line[len(HEADER) : -1], strict=True)))
        self._check_reasons(errors, faults)
        self._check_errors(errors)
        promise(self._may_end(self.state, len(errors), faults), f"the job ended as {self.state}: {summary['reason']}")
        promise(summary["state"] == self.state, f"summary.json says {summary['state']}, the ledger {self.state}")
        counts = (summary["rows"], summary["predicted"], summary["failed"])
        promise(counts == (len(lines), len(lines) - len(errors), len(errors)), f"summary.json counts {counts}")
        report = _TOLD.findall((self.files["report.html"] or b"").decode())
        figures = {name: int(number.replace(",", "")) for name, number in report}
        told = (figures["Rows"], figures["Predicted"], figures["Failed"] + figures.get("Not answered", 0))
        promise(told == counts, f"report.html counts {told}")

    def _may_end(self, state: State | None, errors: int, faults: Faults) -> bool:
        if state is State.CANCELLED:
            return faults.cancel_at is not None
        if state is State.FAILED:
            scenario = self.scenario
            is_late = (faults.may_sweep or scenario.may_be_given_up) and scenario.deadline_hours == 1
            # Without byte ranges, going on needs more time the further it is.
            is_slow = faults.out_of_time > 0 and scenario.is_compressed
            is_hopeless = scenario.may_be_given_up and not scenario.may_predict(self._released())
            return not scenario.rows or faults.gone_at is not None or is_late or is_slow or is_hopeless
        return bool(errors) is (state is State.COMPLETED_WITH_ERRORS)

    def _released(self) -> Iterator[int]:
        """The rows that may have been sent for an answer; those that were taken over are sent as witnesses only."""
        job = self._cloud.job(self.job)
        for number in range(job.released if job else 0):
            chunk = self._cloud.chunk(self.job, number)
            known = places_in(chunk.inherited)
            yield from (chunk.first_row + row for row, place in enumerate(chunk.sent_as.places) if place not in known)

    def _check_prediction(self, row: int, cells: Mapping[str, str]) -> None:
        said = {
            ("fanfold_label" if name == "label" else name): value for name, value in predict(self._text(row)).items()
        }
        shown = {name: value if isinstance(value, str) else json.dumps(value) for name, value in said.items()}
        promise({name: cell for name, cell in cells.items() if cell} == shown, f"row {row} has {cells}, not {shown}")
        promise(self.scenario.obstacle(row) is None, f"row {row} cannot have a prediction")

    def _check_reasons(self, errors: Mapping[int, str], faults: Faults) -> None:
        for row, reason in errors.items():
            promise(row not in self._predicted, f"row {row} had a prediction and ended as {reason!r}")
            if self.state in {State.SUCCEEDED, State.COMPLETED_WITH_ERRORS}:
                expected = self.scenario.obstacle(row)
                is_strange = faults.moody or self.scenario.constant is not None
                is_unusable = is_strange and reason.startswith("the model's answer")
                # Of the failures of a row that makes the model fail, the last one may be the endpoint's.
                is_broken = bool(faults.flaky) and expected in REASONS.values() and reason in REASONS.values()
                promise(
                    reason == expected or is_unusable or is_broken, f"row {row} ended as {reason!r}, not {expected!r}"
                )

    def _check_errors(self, errors: Mapping[int, str]) -> None:
        _, *lines = _records(self.files["errors.csv"])
        told = {int(line[0]): line[1] for line in lines}
        promise(len(told) == len(lines) and list(told) == sorted(told), "errors.csv has a row twice or out of order")
        promise(told == errors, f"errors.csv has {told}, results.csv {errors}")

    def _rows_with_predictions(self) -> Iterator[int]:
        job = self._cloud.job(self.job)
        for number in range(job.stored if job else 0):
            chunk = self._cloud.chunk(self.job, number)
            predicted = places_in(chunk.predicted)
            yield from (chunk.first_row + row for row, place in enumerate(chunk.sent_as.places) if place in predicted)

    def _text(self, row: int) -> str:
        return self.scenario.rows[row][1]

    def _read(self) -> dict[str, bytes | None]:
        files = {name: self._cloud.read(result_key(self.job, name)) for name in _FILES}
        return {**files, "results.csv": self._table()} if self.scenario.results_format == "parquet" else files

    def _table(self) -> bytes:
        """What stands in the files of results.parquet, which is what stands in results.jsonl, as a CSV."""
        job = self._cloud.job(self.job)
        numbers = range(len(job.tables) if job else 0)
        found = [self._cloud.read(table_key(self.job, number)) for number in numbers]
        promise(found and all(found), f"of results.parquet, files are missing: {found.count(None)} of {len(found)}")
        tables = [pq.read_table(io.BytesIO(content or b"")) for content in found]
        promise(len({str(table.schema) for table in tables}) == 1, "the files of results.parquet have several schemas")
        rows = [row for table in tables for row in table.to_pylist()]
        lines = (self._cloud.read(result_key(self.job, "results.jsonl")) or b"").decode().splitlines()
        objects = [dict.fromkeys(tables[0].schema.names) | json.loads(line) for line in lines]
        promise(rows == objects, f"results.parquet has {rows}, results.jsonl {objects}")
        text = io.StringIO(newline="")
        csv.writer(text).writerows(
            [tables[0].schema.names, *([cell_of(cell) for cell in row.values()] for row in rows)]
        )
        return text.getvalue().encode()


def _stage(state: State | None) -> int:
    return -1 if state is None else _ORDER.index(state) if state in _ORDER else len(_ORDER)


def _records(content: bytes | None) -> list[list[str]]:
    promise(content is not None, "a file is missing")
    return list(csv.reader(io.StringIO((content or b"").decode(), newline="")))
