"""Collector: writes what came back for a chunk to the ledger, and decides what follows.

Results first, then coverage, then what follows from it: dying in between leaves nothing that the same message,
delivered again, would not do again. Coverage is what counts: a result that no covered span names stands in no file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fanfold_core.app.ports import LONGEST_DELAY_SECONDS, Failure, Prediction
from fanfold_core.domain.answers import read_answer
from fanfold_core.domain.errors import MalformedAnswerError, ObjectGoneError
from fanfold_core.domain.job import Chunk, Job, State
from fanfold_core.domain.outcomes import Answered, Broken, Outcome, Refused, Unsent
from fanfold_core.domain.spans import Span, is_covered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fanfold_core.app.follow_up import FollowUp
    from fanfold_core.app.ports import Ledger, Queues, Store
    from fanfold_core.domain.options import Options

# A request that the platform broke waits twice as long before each attempt, at most SQS's fifteen minutes.
_FIRST_DELAY_SECONDS = 5
# When the model has refused so many single rows of a chunk and predicted none of the job, it will not predict others.
_HOPELESS_ROWS = 100


@dataclass(slots=True)
class Settlement:
    """What a batch of outcomes of one chunk comes to."""

    predictions: list[Prediction] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    again: list[Refused | Broken] = field(default_factory=list)

    @property
    def predicted(self) -> list[Span]:
        """The spans that have results now."""
        return [prediction.id.span for prediction in self.predictions]

    @property
    def failed(self) -> list[Span]:
        """The spans that have ended in an error now."""
        return [failure.span for failure in self.failures]

    @property
    def broken(self) -> list[Broken]:
        """What the platform has failed."""
        return [failed for failed in self.again if isinstance(failed, Broken)]

    @property
    def has_refusals(self) -> bool:
        """Whether the model would not take something."""
        return bool(self.failures) or any(isinstance(failed, Refused) for failed in self.again)

    @property
    def fields(self) -> frozenset[str]:
        """The names of the fields in the new results."""
        return frozenset[str]().union(*(prediction.predictions.fields for prediction in self.predictions))


@dataclass(frozen=True, slots=True)
class Collector:
    """Settles outcomes, chunk by chunk."""

    ledger: Ledger
    store: Store
    queues: Queues
    follow_up: FollowUp

    def settle(self, job_id: str, number: int, outcomes: Sequence[Outcome]) -> Settlement:
        """Record outcomes of one chunk and do what follows; `UnknownJobError` if the ledger has no such job."""
        job = self.ledger.job(job_id)
        settlement = self._sort(outcomes, job.options)
        self.ledger.put_predictions(job, number, settlement.predictions)
        self.ledger.put_failures(job, number, settlement.failures)
        if settlement.predictions or settlement.failures:
            chunk = self.ledger.cover(job_id, number, settlement.predicted, settlement.failed, settlement.fields)
            if chunk.is_done:
                job = self.follow_up(self.follow_up.cover(job_id, chunk))
        else:
            chunk = self.ledger.chunk(job_id, number)
        if settlement.again and job.state is State.RUNNING:
            self._try_again(job, chunk, settlement)
        if settlement.has_refusals and not chunk.fields | job.fields:
            self._give_up_if_hopeless(job, chunk)
        return settlement

    def _give_up_if_hopeless(self, job: Job, chunk: Chunk) -> None:
        """End a job whose every row so far the model has refused, instead of trying all others, too."""
        known = self.ledger.outcomes(job.id, chunk.number)
        refusals = {outcome.span: outcome.refusal for outcome in known if outcome.span.rows == 1 and outcome.refusal}
        if len(refusals) >= _HOPELESS_ROWS:
            first = next(iter(refusals.values()))
            reason = f"the model has refused {len(refusals)} rows and predicted none; the first with: {first}"
            self.follow_up.close(job.id, State.FAILED, reason)

    def _sort(self, outcomes: Sequence[Outcome], options: Options) -> Settlement:
        settlement = Settlement()
        for outcome in outcomes:
            match outcome:
                case Unsent(runs=runs):
                    settlement.failures += [Failure(run.span, run.reason, requests=0) for run in runs]
                case Answered() as answered:
                    self._read(answered, settlement, options)
                case Refused() as refused:
                    _sort_refused(refused, settlement, options)
                case Broken() as broken:
                    settlement.again.append(broken)
        return settlement

    def _read(self, answered: Answered, settlement: Settlement, options: Options) -> None:
        try:
            content = answered.content if answered.content is not None else self.store.read_at(answered.location)
            predictions = read_answer(content, answered.id.span.rows, options.result)
        except ObjectGoneError:
            settlement.again.append(Broken(answered.id, f"the model's answer is gone from {answered.location}"))
        except MalformedAnswerError as error:
            _sort_refused(Refused(answered.id, str(error)), settlement, options)
        else:
            settlement.predictions.append(Prediction(answered.id, predictions, answered.location, answered.timing))

    def _try_again(self, job: Job, chunk: Chunk, settlement: Settlement) -> None:
        """Each failed attempt is acted upon once: its span is marked *after* the sends, so none is ever lost."""
        if settlement.broken:
            self.ledger.set_broken(job.id, chunk.number, settlement.broken[-1].reason)
        covered = chunk.covered
        due = [
            failed
            for failed in settlement.again
            if failed.id.attempt > self.ledger.mark(job.id, chunk.number, failed.id.span)
            and not is_covered(failed.id.span, covered)
        ]
        if not due:
            return
        attempts: dict[Span, int] = {}
        for failed in due:
            span = failed.id.span
            if isinstance(failed, Broken) or span.rows == 1:
                attempts[span] = failed.id.attempt + 1
            else:
                attempts |= {half: self.ledger.mark(job.id, chunk.number, half) + 1 for half in span.halves()}
        delay = max((_delay(failed.id.attempt) for failed in due if isinstance(failed, Broken)), default=0)
        self.queues.resend(job.id, chunk.number, attempts, delay)
        for failed in due:
            refusal = failed.reason if isinstance(failed, Refused) else None
            self.ledger.set_mark(job, chunk.number, failed.id.span, failed.id.attempt, refusal)


def _sort_refused(refused: Refused, settlement: Settlement, options: Options) -> None:
    request = refused.id
    if request.span.rows == 1 and request.attempt >= options.max_attempts:
        settlement.failures.append(Failure(request.span, refused.reason, requests=request.attempt))
    else:
        settlement.again.append(refused)


def _delay(attempt: int) -> int:
    return min(_FIRST_DELAY_SECONDS << (attempt - 1), LONGEST_DELAY_SECONDS)
