"""Rounds: the failed rows of an ended job tried again, and the final answers over all rounds.

A new round is a job of its own with the chunks of the earlier one, in which all that was predicted is covered from the
start. A finished round is never touched again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fanfold_core.app.spill import Spill, runs_of
from fanfold_core.domain.answers import read_results
from fanfold_core.domain.errors import MalformedAnswerError, NotEndedError, ObjectGoneError
from fanfold_core.domain.job import JobRecord, State
from fanfold_core.domain.keys import next_round
from fanfold_core.domain.results import RowAnswers, SpanAnswer, SpanOutcome, answers, effective, overlay
from fanfold_core.input.errors import counted
from fanfold_core.input.formats import FileName

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from fanfold_core.app.ports import Ledger, Queues, Store
    from fanfold_core.domain.job import Chunk

# How the errors of rows begin that nothing came back for before their job failed.
NOT_ANSWERED = "job failed: "
PAST_DEADLINE = "the job did not end within its deadline"
# Of a span; a chunk may have a thousand.
_IN_MEMORY = 64 * 1024


def start_retry(job_id: str, ledger: Ledger, queues: Queues, now: datetime) -> JobRecord:
    """Begin the next round of a job; the same one, if it has begun already.

    `UnknownJobError` if there is no such job, `NotEndedError` if it is still at work.
    """
    job = ledger.job(job_id)
    if not job.state.is_terminal:
        raise NotEndedError(job_id)
    kept = job.expires - int(job.created.timestamp())
    following = JobRecord(
        id=next_round(job.id),
        source=job.source,
        options=job.options,
        model=job.model,
        created=now,
        expires=int(now.timestamp()) + kept,
        part_bytes=job.part_bytes,
        layout=job.layout,
        fields=job.fields,
        nonce=job.nonce,
        mismatches=job.mismatches,
        parent=job.id,
        submitted_by=job.submitted_by,
    )
    following = ledger.create(following)
    queues.split(following.id)
    return following


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job has ended, the name or key of its file, and its rows without a prediction.

    Of the failed rows, so many are invalid, and so many had no answer when the job ended.
    """

    state: str
    file: str
    failed: int
    invalid: int
    unanswered: int

    @property
    def is_retryable(self) -> bool:
        """Whether another round may come to something else.

        A job that was cancelled, or failed, may not have read its file to the end, or not have written its results.
        """
        if self.state in {State.CANCELLED, State.FAILED}:
            return FileName.parse(self.file).is_table
        return self.failed > self.invalid

    @property
    def advice(self) -> str:
        """What helps, in sentences; empty if nothing needs help, or the job's reason says it."""
        if self.failed or not self.is_retryable:
            return advice_on(self.failed, self.invalid, self.unanswered)
        if self.state == State.CANCELLED:
            return "A retry goes on with the file."
        return "If the file is at fault, correct it and upload it again; otherwise mend the cause, and a retry goes on."


def advice_on(failed: int, invalid: int, unanswered: int) -> str:
    """What helps the rows of an ended job that have no prediction, in sentences; empty if all have one.

    >>> advice_on(failed=3, invalid=0, unanswered=3)
    '3 rows had no answer when the job ended: a retry sends them.'
    """
    words = []
    if unanswered:
        words.append(
            f"{counted(unanswered, 'row')} had no answer when the job ended: a retry sends {_them(unanswered)}."
        )
    if (others := failed - invalid - unanswered) > 0:
        words.append(f"{counted(others, 'row')} failed at the endpoint: a retry sends {_them(others)} again.")
    if invalid:
        they_stand = "it stands" if invalid == 1 else "they stand"
        words.append(
            f"{counted(invalid, 'row')} cannot be sent as {they_stand} in the file, so a retry does not help: correct "
            "the file and upload it again."
        )
    return " ".join(words)


def _them(rows: int) -> str:
    return "it" if rows == 1 else "them"


def final_answers(
    ledger: Ledger, store: Store, job: JobRecord, chunk: Chunk, outcomes: Iterable[SpanOutcome]
) -> RowAnswers:
    """The answer of each row, by the outcomes that count; a row without any has the job's end as its error.

    They are in the file's order. Large results are `Spilled`, and labels are the model's own: `final_runs` has both as
    they are written.
    """
    spill = Spill()
    final = _of_round(store, job, chunk, outcomes, spill)
    for parent in _rounds_before(ledger, job):
        if chunk.number < parent.stored:
            before = ledger.chunk(parent.id, chunk.number)
            earlier = effective(ledger.outcomes(parent.id, chunk.number), before)
            final = overlay(_of_round(store, parent, before, earlier, spill), final)
    return final


def final_runs(job: JobRecord, final: RowAnswers) -> Iterator[tuple[slice, RowAnswers]]:
    """Final answers with the results themselves, in runs of rows that memory can hold.

    Labels have the names that the job's options give them.
    """
    for first, run in runs_of(final):
        yield slice(first, first + len(run.errors)), run.relabelled(job.options.label_names)


def changes_of_model(ledger: Ledger, job: JobRecord) -> list[str]:
    """A sentence for each earlier round whose predictions another model made, or another revision."""
    return [
        f"Rows that {parent.id} predicted were predicted by {parent.model}, the others by {job.model}."
        for parent in _rounds_before(ledger, job)
        if str(parent.model) != str(job.model)
    ]


def _of_round(store: Store, job: JobRecord, chunk: Chunk, outcomes: Iterable[SpanOutcome], spill: Spill) -> RowAnswers:
    found = (_answer(store, job, outcome, spill) for outcome in outcomes)
    return answers(chunk.length, found, _uncovered(job)).at(chunk.sent_as.places)


def _rounds_before(ledger: Ledger, job: JobRecord) -> Iterator[JobRecord]:
    """The jobs whose failed rows this one has tried again, the latest first."""
    while job.parent:
        job = ledger.job(job.parent)
        yield job


def _answer(store: Store, job: JobRecord, outcome: SpanOutcome, spill: Spill) -> SpanAnswer:
    span, text = outcome.span, outcome.results
    if outcome.location is not None:
        try:
            results = read_results(store.read_at(outcome.location), span.rows, job.options.result)
        except (MalformedAnswerError, ObjectGoneError) as error:
            return SpanAnswer(span, None, error.in_full)
        return SpanAnswer(span, spill.keep(results), None)
    if text is None:
        return SpanAnswer(span, None, outcome.reason)
    results = json.loads(text)
    return SpanAnswer(span, results if len(text) <= _IN_MEMORY else spill.keep(results), None)


def _uncovered(job: JobRecord) -> str:
    """The reason that stands at rows which nothing came back for before the job was closed."""
    return "cancelled" if job.outcome is State.CANCELLED else f"{NOT_ANSWERED}{job.reason}"
