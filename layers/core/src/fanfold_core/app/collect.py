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
from fanfold_core.domain.job import Chunk, JobRecord, State
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
class Collected:
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
    """Collects outcomes, chunk by chunk."""

    ledger: Ledger
    store: Store
    queues: Queues
    follow_up: FollowUp

    def collect(self, job_id: str, number: int, outcomes: Sequence[Outcome]) -> Collected:
        """Record outcomes of one chunk and do what follows; `UnknownJobError` if the ledger has no such job."""
        job = self.ledger.job(job_id)
        collected = self._classify(outcomes, job.options)
        self.ledger.put_predictions(job, number, collected.predictions)
        self.ledger.put_failures(job, number, collected.failures)
        if collected.predictions or collected.failures:
            chunk = self.ledger.cover(job_id, number, collected.predicted, collected.failed, collected.fields)
            if chunk.is_done:
                job = self.follow_up(self.follow_up.cover(job_id, chunk))
        else:
            chunk = self.ledger.chunk(job_id, number)
        if collected.again and job.state is State.RUNNING:
            self._try_again(job, chunk, collected)
        if collected.has_refusals and not chunk.fields | job.fields:
            self._give_up_if_hopeless(job, chunk)
        return collected

    def _give_up_if_hopeless(self, job: JobRecord, chunk: Chunk) -> None:
        """End a job whose every row so far the model has refused, instead of trying all others, too."""
        known = self.ledger.outcomes(job.id, chunk.number)
        refusals = {outcome.span: outcome.refusal for outcome in known if outcome.span.rows == 1 and outcome.refusal}
        if len(refusals) >= _HOPELESS_ROWS:
            first = next(iter(refusals.values()))
            reason = f"the model has rejected {len(refusals)} rows and predicted none; first error: {first}"
            self.follow_up.close(job.id, State.FAILED, reason)

    def _classify(self, outcomes: Sequence[Outcome], options: Options) -> Collected:
        collected = Collected()
        for outcome in outcomes:
            match outcome:
                case Unsent(runs=runs):
                    collected.failures += [Failure(run.span, run.reason, requests=0) for run in runs]
                case Answered() as answered:
                    self._read(answered, collected, options)
                case Refused() as refused:
                    _classify_refused(refused, collected, options)
                case Broken() as broken:
                    collected.again.append(broken)
        return collected

    def _read(self, answered: Answered, collected: Collected, options: Options) -> None:
        try:
            content = answered.content if answered.content is not None else self.store.read_at(answered.location)
            predictions = read_answer(content, answered.id.span.rows, options.result)
        except ObjectGoneError:
            collected.again.append(Broken(answered.id, f"the model's answer no longer exists at {answered.location}"))
        except MalformedAnswerError as error:
            _classify_refused(Refused(answered.id, str(error)), collected, options)
        else:
            collected.predictions.append(Prediction(answered.id, predictions, answered.location, answered.timing))

    def _try_again(self, job: JobRecord, chunk: Chunk, collected: Collected) -> None:
        """Each failed attempt is acted upon once: its span is marked *after* the sends, so none is ever lost."""
        if collected.broken:
            self.ledger.set_broken(job.id, chunk.number, collected.broken[-1].reason)
        covered = chunk.covered
        due = [
            failed
            for failed in collected.again
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


def _classify_refused(refused: Refused, collected: Collected, options: Options) -> None:
    request = refused.id
    if request.span.rows == 1 and request.attempt >= options.max_attempts:
        collected.failures.append(Failure(request.span, refused.reason, requests=request.attempt))
    else:
        collected.again.append(refused)


def _delay(attempt: int) -> int:
    return min(_FIRST_DELAY_SECONDS << (attempt - 1), LONGEST_DELAY_SECONDS)
