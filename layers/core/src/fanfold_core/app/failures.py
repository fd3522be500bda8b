"""Failures: what becomes of requests that the model has refused, or that broke.

What a status means differs between containers, so evidence decides. A request that breaks again and again while the
endpoint answers others is refused by the model, whatever its status says. One that breaks while nothing is answered
says nothing about its rows, and is sent again until the job's deadline.

A refused request is halved until its row stands alone. Where its answer tells which rows are at fault, these are sent
alone at once. So one row that makes the model fail, in a request of n rows, causes at most 3·⌈log₂ n⌉ + 8 requests as
long as the endpoint answers others: three of the whole, two for each smaller size and one for the other half, seven for
the row; twice as many at most where the container says that it is busy. Where nobody else asks the endpoint anything, a
row that the model has answered before is sent once more with each: a witness.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import chain, islice
from typing import TYPE_CHECKING

from fanfold_core.app.ports import LONGEST_DELAY_SECONDS
from fanfold_core.domain.outcomes import Broken, Cause, Failure, Mark, Refused, is_refusal
from fanfold_core.domain.results import requests
from fanfold_core.domain.spans import Span, is_covered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fanfold_core.app.ports import Ledger, Queues
    from fanfold_core.domain.job import Chunk, JobRecord

# A request that broke waits twice as long before each attempt, at most SQS's fifteen minutes.
_FIRST_DELAY_SECONDS = 5
# A request that has broken so often after others were answered is refused, counted in halves. The first break is never
# such a one. Part of one that was refused takes fewer: it is only sent in smaller parts. A row alone ends in an error
# then, so it takes more: an endpoint may fail at random.
_PROOFS, _PROOFS_OF_A_PART, _PROOFS_OF_A_ROW = 4, 2, 12
# What says that nobody was free, often means that. What never reached the container says nothing.
_WEIGHT = {Cause.MODEL: 2, Cause.TIMEOUT: 2, Cause.BUSY: 1, Cause.PLATFORM: 0}
# Rows that may make the model fail are sent one after the other, so that none is blamed for its neighbour.
_SECONDS_APART = 5
# Of so many spans the attempts are read with one query instead of one by one.
_WORTH_A_QUERY = 8
# So many other chunks are asked for a row that has been predicted.
_CHUNKS_ASKED = 8


@dataclass(frozen=True, slots=True)
class Judged:
    """A failed attempt that is to be acted upon, and the mark that its span gets when it has been.

    `is_proof`: the endpoint has answered others since the attempt before.
    """

    failed: Refused | Broken
    mark: Mark
    mismatch: bool = False
    is_proof: bool = False

    @property
    def is_suspect(self) -> bool:
        """Whether its rows may be what makes the model fail."""
        return isinstance(self.failed, Broken) and self.failed.cause is not Cause.PLATFORM


@dataclass(frozen=True, slots=True)
class Failures:
    """Judges failed requests of a chunk, and sends their rows again."""

    ledger: Ledger
    queues: Queues

    def judge(
        self, job: JobRecord, chunk: Chunk, failed: Iterable[Refused | Broken]
    ) -> tuple[list[Failure], list[Judged]]:
        """The rows that have their final answer, and the attempts that others follow upon."""
        final: list[Failure] = []
        judged: list[Judged] = []
        answered = cache(lambda: self.ledger.health(job.model.endpoint).answered)
        for one in failed:
            request = one.id
            is_row = request.span.rows == 1
            if isinstance(one, Refused) and is_row and request.attempt >= job.options.max_attempts:
                final.append(Failure(request.span, one.error, requests=request.attempt))
                continue
            mark = self.ledger.mark(job.id, chunk.number, request.span)
            if request.attempt <= mark.attempt:
                continue
            if isinstance(one, Refused):
                judged.append(Judged(one, Mark(request.attempt)))
                continue
            is_proof = 0 < mark.at <= answered()
            breaks = mark.breaks + is_proof * _WEIGHT[one.cause]
            if breaks < _proofs(request.span, job.options.rows_per_request):
                judged.append(Judged(one, Mark(request.attempt, breaks), is_proof=is_proof))
            elif is_row:
                final.append(Failure(request.span, one.error, requests=request.attempt))
            else:
                judged.append(Judged(Refused(request, one.reason, words=one.words), Mark(request.attempt, breaks)))
        return final, judged

    def unmarked(self, job: JobRecord, chunk: Chunk, judged: Iterable[Judged]) -> Iterator[Judged]:
        """Those of rows without a final answer that nobody has acted upon yet."""
        for one in judged:
            span, attempt = one.failed.id.span, one.failed.id.attempt
            if not is_covered(span, chunk.covered) and attempt > self.ledger.mark(job.id, chunk.number, span).attempt:
                yield one

    def send_again(self, job: JobRecord, chunk: Chunk, judged: Sequence[Judged]) -> None:
        """Send rows again. Each attempt is acted upon once: its span is marked *after* the sends, so none is lost."""
        due = [one for one in judged if not is_covered(one.failed.id.span, chunk.covered)]
        apart = [one for one in due if one.is_suspect and one.mark.breaks]
        attempts: dict[Span, int] = {}
        for one in due:
            if one not in apart:
                attempts |= self._attempts(job, chunk, one)
        delay = max((seconds_after(one.mark.attempt) for one in due if isinstance(one.failed, Broken)), default=0)
        if attempts:
            self.queues.resend(job.id, chunk.number, attempts, delay)
        for number, one in enumerate(apart, start=1):
            later = min(seconds_after(one.mark.attempt) + number * _SECONDS_APART, LONGEST_DELAY_SECONDS)
            self.queues.resend(job.id, chunk.number, self._attempts(job, chunk, one), later)
        # As long as others are under way, these are witness enough, unless none of them has been answered meanwhile.
        alone = chunk.sent == chunk.length and chunk.waiting <= sum(one.failed.id.span.rows for one in due)
        if any(one.is_suspect and (alone or not (one.is_proof or one.mark.attempt == 1)) for one in due):
            self._send_witness(job, chunk)
        for one in due:
            refusal = one.failed.error if isinstance(one.failed, Refused) else None
            self.ledger.set_mark(job, chunk.number, one.failed.id.span, one.mark, refusal, mismatch=one.mismatch)

    def _send_witness(self, job: JobRecord, chunk: Chunk) -> None:
        """Have a row sent again that the model has answered, of this chunk or one near it.

        It is sent at once, so that its answer is there when the rows in question are sent again.
        """
        others = (number for number in (*range(chunk.number - 1, -1, -1), *range(chunk.number + 1, job.released)))
        near = (self.ledger.chunk(job.id, number) for number in islice(others, _CHUNKS_ASKED))
        for one in chain([chunk], near):
            if witness := self._witness(job, one):
                self.queues.send_witness(job.id, one.number, witness)
                return

    def _witness(self, job: JobRecord, chunk: Chunk) -> Span | None:
        # What an earlier job has predicted may be of another model.
        if answered := chunk.own_predicted or chunk.held or chunk.inherited:
            span = min(answered, key=lambda span: (span.rows, span.start))
            # And more than a request takes.
            return Span(span.start, 1) if span in chunk.inherited else span
        if not chunk.failed:
            return None
        known = self.ledger.outcomes(job.id, chunk.number)
        return next((one.span for one in known if one.requests and one.reason and is_refusal(one.reason)), None)

    def _attempts(self, job: JobRecord, chunk: Chunk, one: Judged) -> Mapping[Span, int]:
        span = one.failed.id.span
        if isinstance(one.failed, Refused) and one.failed.rows:
            return next_attempts(self.ledger, job, chunk, one.failed.rows)
        # A job that sends single rows has the dispatcher take the span apart.
        if isinstance(one.failed, Broken) or span.rows == 1 or job.mismatches:
            return {span: one.mark.attempt + 1}
        return next_attempts(self.ledger, job, chunk, span.halves())


def has_answered(job: JobRecord, chunk: Chunk) -> bool:
    """Whether it is known, of the job or this chunk, that the model has answered a row in this job.

    Rows that were taken over from an earlier job don't tell: this one's model may answer nothing by now.
    """
    return bool(chunk.own_predicted or (job.fields and not job.takes_over))


def _proofs(span: Span, rows_per_request: int) -> int:
    if span.rows == 1:
        return _PROOFS_OF_A_ROW
    return _PROOFS if span.rows == rows_per_request else _PROOFS_OF_A_PART


def next_attempts(ledger: Ledger, job: JobRecord, chunk: Chunk, spans: Sequence[Span]) -> Mapping[Span, int]:
    """The number of each span's next attempt."""
    if len(spans) < _WORTH_A_QUERY:
        return {span: ledger.mark(job.id, chunk.number, span).attempt + 1 for span in spans}
    known = requests(ledger.outcomes(job.id, chunk.number))
    return {span: known.get(span, 0) + 1 for span in spans}


def seconds_after(attempt: int) -> int:
    """How long to wait after so many attempts that broke."""
    return min(_FIRST_DELAY_SECONDS << min(attempt - 1, 10), LONGEST_DELAY_SECONDS)
