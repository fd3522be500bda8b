"""The final answers of a chunk's rows, with those of the rounds before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fanfold_core.domain.answers import read_answer
from fanfold_core.domain.errors import MalformedAnswerError, ObjectGoneError
from fanfold_core.domain.job import State
from fanfold_core.domain.results import Answers, SpanOutcome, answers, overlay, settled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fanfold_core.app.ports import Ledger, Store
    from fanfold_core.domain.job import Chunk, Job


def final_answers(ledger: Ledger, store: Store, job: Job, chunk: Chunk, outcomes: Iterable[SpanOutcome]) -> Answers:
    """The answer of each row; a row that nothing came back for has the job's end as its error."""
    final = _of_round(store, job, chunk, outcomes)
    for parent in _rounds_before(ledger, job):
        if chunk.number < parent.stored:
            before = ledger.chunk(parent.id, chunk.number)
            final = overlay(_of_round(store, parent, before, ledger.outcomes(parent.id, chunk.number)), final)
    return final


def _of_round(store: Store, job: Job, chunk: Chunk, outcomes: Iterable[SpanOutcome]) -> Answers:
    final = [_with_results(store, job, outcome) for outcome in settled(outcomes, chunk)]
    return answers(chunk.rows, final, _uncovered(job))


def _rounds_before(ledger: Ledger, job: Job) -> Iterator[Job]:
    """The jobs whose failed rows this one has tried again, the latest first."""
    while job.parent:
        job = ledger.job(job.parent)
        yield job


def _with_results(store: Store, job: Job, outcome: SpanOutcome) -> SpanOutcome:
    if outcome.location is None:
        return outcome
    try:
        read = read_answer(store.read_at(outcome.location), outcome.span.rows, job.options.result)
    except (MalformedAnswerError, ObjectGoneError) as error:
        return replace(outcome, reason=str(error))
    return replace(outcome, results=read.results)


def _uncovered(job: Job) -> str:
    """The reason that stands at rows which nothing came back for before the job was closed."""
    return "cancelled" if job.outcome is State.CANCELLED else f"job failed: {job.reason}"
