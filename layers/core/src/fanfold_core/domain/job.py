"""What a job is: the facts that the ledger keeps, and the states that a job goes through.

    RUNNING ──▶ CLOSING ──▶ SUCCEEDED | COMPLETED_WITH_ERRORS | FAILED | CANCELLED

State only moves forward. Completion, failure and cancel all go through CLOSING, and all end in the assembler.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from fanfold_core.domain.order import Order
from fanfold_core.domain.spans import Span, gaps

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from fanfold_core.domain.options import Options
    from fanfold_core.input.layout import Layout
    from fanfold_core.input.records import Dialect


class State(StrEnum):
    """Where a job stands."""

    RUNNING = "RUNNING"
    CLOSING = "CLOSING"
    SUCCEEDED = "SUCCEEDED"
    COMPLETED_WITH_ERRORS = "COMPLETED_WITH_ERRORS"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_terminal(self) -> bool:
        """Whether the job's files are written and final."""
        return self not in {State.RUNNING, State.CLOSING}


@dataclass(frozen=True, slots=True)
class Source:
    """The uploaded object: one version of it, so that it can be replaced while its job runs. `size` in bytes."""

    bucket: str
    key: str
    version: str
    etag: str
    size: int

    @property
    def address(self) -> str:
        """Of the object, whichever version."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Model:
    """What makes the predictions: the endpoint, its configuration, and the model that it serves, at a revision.

    All but the endpoint are empty where unknown. Without a revision, it may be any: an instance loads the latest.
    """

    endpoint: str
    endpoint_config: str
    model: str
    revision: str = ""  # jobs of earlier versions have none

    def __str__(self) -> str:
        """As a sentence names it: "owner/model at 4b7f2c1", or the endpoint where the model is unknown."""
        name = self.model or f"whatever endpoint {self.endpoint} serves"
        return f"{name} at {self.revision}" if self.revision else name


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of whole rows: bytes `start` to `end - 1` of the file (or of the object written for it).

    `order` is the one in which its rows are sent, None until it is known; spans count places in it. `sent` places have
    been handed to the endpoint; the spans that are `predicted` or have `failed` have their final answer, `fields` are
    the names of the fields in their results; `inherited` spans were predicted by an earlier job and are not sent.
    `held` spans have an answer of the right length that is not taken yet, as `is_aligned` says. A `frozen` chunk takes
    no further answers. The chunk's part begins at chunk `part_first` and weighs `part_weight` so far. When it was last
    sent or covered (`touched`) is in seconds since 1970, 0 for never. No request of it was sent as a higher attempt
    than `attempts`; chunks that an earlier version has stored don't know.
    """

    number: int
    start: int
    end: int
    first_row: int
    rows: int
    part: int = 0
    part_first: int = 0
    part_weight: int = 0
    sent: int = 0
    order: Order | None = None
    predicted: frozenset[Span] = frozenset()
    failed: frozenset[Span] = frozenset()
    fields: frozenset[str] = frozenset()
    inherited: frozenset[Span] = frozenset()
    held: frozenset[Span] = frozenset()
    frozen: bool = False
    touched: int = 0
    attempts: int = 1

    @property
    def length(self) -> int:
        """How many places there are; as many as rows, until the order is known."""
        return self.order.length if self.order else self.rows

    @property
    def sent_as(self) -> Order:
        """The order in which its rows are sent; that of the file, until it is known."""
        return self.order or Order.of_file(self.rows)

    def rows_in(self, spans: Iterable[Span]) -> int:
        """How many rows are at places that some span reaches."""
        return self.rows - sum(map(self.sent_as.row_counter(), gaps(self.length, spans)))

    @property
    def covered(self) -> frozenset[Span]:
        """The spans whose rows have their final answer."""
        return self.predicted | self.failed

    @property
    def own_predicted(self) -> frozenset[Span]:
        """The spans that the model has predicted in this job: what was taken over says nothing of it."""
        return self.predicted - self.inherited

    @property
    def is_aligned(self) -> bool:
        """Whether the model is known to answer row by row: it gave a single row of this chunk a single result.

        A model that answers the same number of results whatever it is sent cannot do that and also answer several rows
        with as many results. So the first row of a chunk is sent alone, and answers to several rows are held till then.
        What an earlier job has predicted says nothing: the endpoint may have another model by now.
        """
        return any(span.rows == 1 for span in self.own_predicted)

    @property
    def waiting(self) -> int:
        """How many of the places that were sent have no final answer."""
        return sum(gap.rows for gap in gaps(self.sent, self.covered))

    @property
    def is_done(self) -> bool:
        """Whether every row has its final answer."""
        return not any(gaps(self.length, self.covered))


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong with a job last: in which `words`, when, and `since` when with such words. Seconds since 1970."""

    words: str = ""
    at: int = 0
    since: int = 0


@dataclass(frozen=True, slots=True)
class Spent:
    """What a job has taken up to `at` (seconds since 1970): for its first `chunks`, which are done, and instances."""

    at: int
    chunks: int = 0
    rows: int = 0
    requests: int = 0
    instances: int = 0  # that its endpoint has then
    instance_seconds: int = 0  # of all that it had until then

    def seen(self, instances: int, now: int) -> Spent:
        """With the time until now: there were as many instances as at its beginning or end, whichever is more."""
        seconds = self.instance_seconds + (now - self.at) * max(self.instances, instances)
        return replace(self, at=now, instances=instances, instance_seconds=seconds)


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One version of one uploaded CSV on its way, as the ledger has it.

    `stored` chunks are known, `released` of them are handed to the dispatcher, all below `low` and those in `covered`
    are done; `total` is known when the file has been read to its end. `parent` is the job whose failed rows this one
    tries again. `touched` and `answered` are seconds since 1970: the last progress of splitter or assembler, and the
    last chunk that was done. Only the job's own requests know its `nonce`. `mismatches` are the wrong lengths that
    answers had, spelt `rows:results`. Jobs that an earlier version began are sent `as_in_file`, for it may still be at
    work. The file was `submitted_by` this principal, if S3 named it; in all rounds. Its table has the files `tables`.
    A part of its results is uploaded in at most so many `pieces`.
    """

    id: str
    source: Source
    options: Options
    model: Model
    created: datetime
    expires: int
    part_bytes: int
    state: State = State.RUNNING
    outcome: State | None = None
    reason: str = ""
    layout: Layout | None = None
    stored: int = 0
    released: int = 0
    total: int | None = None
    rows: int | None = None
    low: int = 0
    covered: frozenset[int] = frozenset()
    fields: frozenset[str] = frozenset()
    upload_id: str | None = None
    parts: frozenset[int] = frozenset()
    ended: datetime | None = None
    parent: str | None = None
    touched: int = 0
    answered: int = 0
    nonce: str = ""
    mismatches: frozenset[str] = frozenset()
    trouble: Trouble = Trouble()
    as_in_file: bool = False
    submitted_by: str | None = None
    tables: frozenset[int] = frozenset()
    pieces: int = 1

    @property
    def rows_per_request(self) -> int:
        """How many rows go into a request: one, once the model has shown that it doesn't answer row by row."""
        return 1 if self.mismatches else self.options.rows_per_request

    @property
    def takes_over(self) -> bool:
        """Whether it may have rows, and with them fields, that an earlier job has predicted."""
        return bool(self.parent or self.options.since)

    def doubts_answers_to(self, chunk: Chunk) -> bool:
        """Whether requests of several rows are sent, and it isn't known yet that the model answers row by row.

        Jobs of earlier versions, which have no nonce, take it for granted.
        """
        return bool(self.nonce) and self.rows_per_request > 1 and not chunk.is_aligned

    @property
    def last_error(self) -> str:
        """What went wrong last, in brackets behind a reason; empty if nothing did."""
        return f" (last error: {self.trouble.words})" if self.trouble.words else ""

    @property
    def retry_advice(self) -> str:
        """What to do once a function could not process the job, behind a reason."""
        return f": fix the cause, then `fanfold retry {self.id}`"

    @property
    def deadline(self) -> datetime:
        """When the job ends, whatever has become of it."""
        return self.created + timedelta(hours=self.options.deadline_hours)

    @property
    def dialect(self) -> Dialect:
        """How the file's records are written, as its options say and its own first line."""
        return self.layout.dialect_of(self.options.dialect) if self.layout else self.options.dialect

    @property
    def results_file(self) -> str:
        """The name of the file that has its results."""
        return "results.jsonl" if self.options.has_table else f"results.{self.options.results_format}"

    @property
    def known_layout(self) -> Layout:
        """How the file is laid out; known as soon as the job has a chunk."""
        if self.layout is None:
            raise ValueError(f"job {self.id} has no layout yet")
        return self.layout

    @property
    def done(self) -> int:
        """How many chunks are covered."""
        return self.low + sum(number >= self.low for number in self.covered)

    @property
    def all_done(self) -> bool:
        """Whether every row of the file has its final answer."""
        return self.total is not None and self.done >= self.total
