"""Whole jobs on other people's services: what goes in is compared with what comes out, row by row."""

import csv
import gzip
import io
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.witness.endpoint import POISON, label
from tests.witness.services import dynalite, version
from tests.witness.stack import Deployed, deployed
from tests.witness.witness import DisagreementError, agree

from fanfold import Fanfold, Job
from fanfold.status import JobState, JobStatus

MANY, SOME, FEW = 60_000, 6_000, 900
_PATIENCE_SECONDS = 600
Row = list[str]


def on_ministack() -> str:
    """Real layers and event sources on ministack alone."""
    with deployed() as system:
        told = Jobs(system).told(MANY)
    return f"ministack {version('ministack')}: {told}"


def on_dynalite() -> str:
    """The same with dynalite as the ledger, which validates each request as DynamoDB does."""
    with dynalite() as url, deployed(url) as system:
        told = Jobs(system).told(SOME)
    return f"dynalite {version('dynalite')} as the ledger: {told}; no request was refused as invalid"


class Jobs:
    """The jobs that a stack is given."""

    def __init__(self, system: Deployed) -> None:
        self._system = system
        self._client = Fanfold(stack=system.outputs["EndpointName"], session=system.session)
        self._seen: list[Job] = []

    def told(self, rows: int) -> str:
        """Run them all; what agreed."""
        with TemporaryDirectory() as folder:
            self._folder = Path(folder)
            seconds = self._large(rows)
            self._compressed()
            self._halved_and_retried()
            self._cancelled()
        self._swept()
        self._listed()
        self._untroubled()
        return (
            f"a file of {rows:,} rows with quoted line breaks ({seconds:.0f} s), .gz, halving and retry of poisoned "
            "rows, a cancel in mid-run with partial results, a sweep, all jobs listed, no dead letter"
        )

    def _large(self, count: int) -> float:
        rows, began = [[str(n), f'line one of {n}\nand "two", quoted\r\n'] for n in range(count)], time.monotonic()
        job = self._run("large.csv", rows, rows_per_request=320)
        self._ends(job, JobState.SUCCEEDED, rows, [predicted(row) for row in rows])
        return time.monotonic() - began

    def _compressed(self) -> None:
        rows = [[str(n), f"ça va, no. {n} 👍"] for n in range(FEW)]
        job = self._run("small.csv.gz", rows, rows_per_request=100)
        self._ends(job, JobState.SUCCEEDED, rows, [predicted(row) for row in rows])

    def _halved_and_retried(self) -> None:
        rows = [[str(n), f"{POISON} {n}" if n in {17, 333} else f"text {n}"] for n in range(FEW)]
        job = self._run("poisoned.csv", rows, rows_per_request=64)
        self._ends(job, JobState.COMPLETED_WITH_ERRORS, rows, [predicted(row) for row in rows])
        failed = {error.row: error.cells["text"] for error in job.errors()}
        agree("the failed rows", failed, {n: f"{POISON} {n}" for n in (17, 333)})
        self._system.endpoint.poison = "\0"
        again = job.retry()
        self._seen.append(again)
        self._ends(again, JobState.SUCCEEDED, rows, [predicted(row, poison="\0") for row in rows])
        self._system.endpoint.poison = POISON

    def _cancelled(self) -> None:
        rows = [[str(n), f"text {n}"] for n in range(SOME)]
        job = self._run("cancelled.csv", rows, rows_per_request=32)
        _wait("some rows are done", lambda: job.status().done > 0)
        self._system.endpoint.hold.clear()
        partial = [list(row.values()) for row in job.results(partial=True)]
        expected = {row[0]: predicted(row) for row in rows}
        if not partial:
            raise DisagreementError("no partial results of a job with rows that are done")
        agree("partial results", partial, [expected[row[0]] for row in partial])
        job.cancel()
        self._system.endpoint.hold.set()
        agree("the state of a cancelled job", _ended(job).state, JobState.CANCELLED)
        found = [list(row.values()) for row in job.results()]
        agree("rows of a cancelled job", [row[:2] for row in found], rows)
        kept = [row for row in found if not row[-1]]
        agree("what it had predicted", kept, [expected[row[0]] for row in kept])
        agree("rows without a prediction say why", {row[-1] for row in found if row[-1]}, {"cancelled"})
        if len(kept) < len(partial):
            raise DisagreementError(f"{len(partial)} rows were there before a cancel, and {len(kept)} after it")

    def _swept(self) -> None:
        function = next(name for name in self._functions() if "Sweeper" in name)
        event = json.loads((Path(__file__).parents[2] / "events" / "schedule.json").read_text(encoding="utf-8"))
        answer = self._system.session.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        agree("the sweeper", json.load(answer["Payload"]), {"batchItemFailures": []})

    def _listed(self) -> None:
        listed = {job.id for job in self._client.jobs()}
        agree("the jobs that are listed", listed, {job.id for job in self._seen})

    def _untroubled(self) -> None:
        for job in self._seen:
            agree("trouble", self._client.stack.ledger.job(job.id).trouble.words, "")
        sqs = self._system.session.client("sqs")
        dead = [url for url in sqs.list_queues()["QueueUrls"] if "DeadLetters" in url]
        waiting = {
            url: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"][
                "ApproximateNumberOfMessages"
            ]
            for url in dead
        }
        agree("dead letters", waiting, dict.fromkeys(dead, "0"))

    def _functions(self) -> list[str]:
        pages = self._system.session.client("lambda").get_paginator("list_functions").paginate()
        return [found["FunctionName"] for page in pages for found in page["Functions"]]

    def _run(self, name: str, rows: Sequence[Row], **options: Any) -> Job:
        text = io.StringIO(newline="")
        csv.writer(text).writerows([["id", "text"], *rows])
        content = text.getvalue().encode()
        file = self._folder / name
        file.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        job = self._client.submit(file, **options)
        self._seen.append(job)
        return job

    def _ends(self, job: Job, state: JobState, rows: Sequence[Row], expected: Sequence[Row]) -> None:
        status = _ended(job)
        agree(f"{job.id} ({status.reason})", status.state, state)
        content = b"".join(job.results().blocks()).decode()
        header, *found = csv.reader(io.StringIO(content, newline=""))
        agree("the header", header, ["id", "text", "label", "score", "error"])
        agree("the rows", len(found), len(rows))
        for number, (row, wanted) in enumerate(zip(found, expected, strict=True)):
            agree(f"row {number}", row[:4], wanted[:4])
            agree(f"whether row {number} has an error", bool(row[4]), bool(wanted[4]))


def predicted(row: Row, poison: str = POISON) -> Row:
    """A row as results.csv must have it, by another way than the product's."""
    if poison in row[1]:
        return [*row, "", "", "an error"]
    says = label(row[1])
    return [*row, says["label"], str(says["score"]), ""]


def _ended(job: Job) -> JobStatus:
    """A job's status at its end; `Job.wait` would tell of its progress among the lines of witnesses."""
    _wait(f"{job.id} has ended", lambda: job.status().has_ended)
    return job.status()


def _wait(what: str, happens: Callable[[], bool]) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while not happens():
        if time.monotonic() > until:
            raise DisagreementError(f"not after {_PATIENCE_SECONDS} s: {what}")
        time.sleep(0.2)
