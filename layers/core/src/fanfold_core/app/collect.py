"""Collector: writes what came back for a chunk to the ledger, and decides what follows.

Results first, then coverage, then what follows from it: dying in between leaves nothing that the same message,
delivered again, would not do again. Coverage is what counts: a result that no covered span names stands in no file.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fanfold_core.app.failures import Failures, Judged, has_answered, seconds_after
from fanfold_core.app.ports import MOST_RESULTS
from fanfold_core.domain.answers import bounded, read_answer, sift
from fanfold_core.domain.errors import MalformedAnswerError, MisalignedAnswerError, ObjectGoneError, UnknownChunkError
from fanfold_core.domain.job import Chunk, JobRecord, State
from fanfold_core.domain.keys import RequestId, answer_key, output_folder
from fanfold_core.domain.outcomes import Answered, Broken, Cause, Failure, Mark, Outcome, Prediction, Refused, Unsent
from fanfold_core.domain.spans import Span, gaps
from fanfold_core.input.errors import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fanfold_core.app.follow_up import FollowUp
    from fanfold_core.app.ports import Ledger, Queues, Store
    from fanfold_core.domain.answers import Predictions

# When the model has refused so many single rows of a chunk and predicted none of the job, it will not predict others.
_HOPELESS_ROWS = 100
# Of more different wrong lengths nothing new is learnt.
_MOST_MISMATCHES = 16


@dataclass(slots=True)
class Collected:
    """What a batch of outcomes of one chunk comes to.

    `held` answers have the right length, but it isn't known yet whether the model answers row by row; `misaligned` ones
    have the wrong length. `foreign` counts outcomes that are not of the job's own requests. So many rows have been
    predicted, or have failed.
    """

    predictions: list[Prediction] = field(default_factory=list)
    held: list[Prediction] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    again: list[Refused | Broken] = field(default_factory=list)
    misaligned: dict[RequestId, int] = field(default_factory=dict)
    foreign: int = 0
    rows_predicted: int = 0
    rows_failed: int = 0

    @property
    def misaligned_rows(self) -> set[Span]:
        """The spans whose answers have a wrong length."""
        return {request.span for request in self.misaligned}

    @property
    def broken(self) -> list[Broken]:
        """The requests that failed and may pass as they are."""
        return [failed for failed in self.again if isinstance(failed, Broken)]

    @property
    def is_refused(self) -> bool:
        """Whether the model would not take a request."""
        return any(isinstance(failed, Refused) for failed in self.again)

    @property
    def fields(self) -> frozenset[str]:
        """The names of the fields in the new results."""
        return frozenset[str]().union(*(found.predictions.fields for found in (*self.predictions, *self.held)))


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
        try:
            chunk = self.ledger.chunk(job_id, number)
        except UnknownChunkError:
            # What was sent is of a chunk that was stored: somebody else's, or made up. It must not end the job.
            return Collected(foreign=len(outcomes))
        collected = self._classify(job, chunk, outcomes)
        final, judged = self._failures.judge(job, chunk, collected.again)
        collected.failures += [replace(one, mismatch=one.span in collected.misaligned_rows) for one in final]
        self.ledger.put_predictions(job, number, [*collected.predictions, *collected.held])
        self.ledger.put_failures(job, number, collected.failures)
        if collected.predictions or collected.held or collected.failures:
            job, chunk = self._cover(job, chunk, collected)
        if collected.misaligned:
            job = self._note_mismatches(job, chunk, collected)
        self._note_health(job, collected)
        if job.state is State.RUNNING:
            misaligned = self._failures.unmarked(job, chunk, _misaligned(job, chunk, collected))
            self._failures.send_again(job, chunk, [*judged, *misaligned])
            self._probe(job, chunk, final, collected.broken)
        if (collected.failures or collected.is_refused) and not _is_capable(job, chunk):
            self._give_up_if_hopeless(job, chunk)
        return collected

    @property
    def _failures(self) -> Failures:
        return Failures(self.ledger, self.queues)

    def _note_health(self, job: JobRecord, collected: Collected) -> None:
        broken = collected.broken
        if broken:
            self.ledger.set_trouble(job, broken[-1].reason)
        is_answered = collected.is_refused or bool(collected.predictions or collected.held or collected.misaligned)
        self.ledger.set_health(job.model.endpoint, answered=is_answered, broken=bool(broken))

    def _probe(self, job: JobRecord, chunk: Chunk, final: Sequence[Failure], broken: Sequence[Broken]) -> None:
        """Where the row that was to show that the model answers row by row may be a bad one, let the next one show it.

        Of a row that broke nobody knows whether it is bad, so the next one waits, twice as long for each row further
        that is sent.
        """
        if not job.doubts_answers_to(chunk):
            return
        later = {failure.span.end: 0 for failure in final}
        if not has_answered(job, chunk):
            suspects = (failed.id for failed in broken if failed.cause is not Cause.PLATFORM)
            alone = [one.span.end for one in suspects if one.attempt == 1 and one.span.rows == 1]
            later |= {end: seconds_after(sum(gap.rows for gap in gaps(end, chunk.inherited))) for end in alone}
        for row, delay in later.items():
            if row < chunk.length:
                self.queues.probe(job.id, chunk.number, row, delay)

    def _classify(self, job: JobRecord, chunk: Chunk, outcomes: Sequence[Outcome]) -> Collected:
        collected = Collected()
        for outcome in outcomes:
            if not _is_own(job, chunk, outcome):
                collected.foreign += 1
                continue
            match outcome:
                case Unsent(runs=runs):
                    collected.failures += [Failure(run.span, run.reason, requests=0) for run in runs]
                case Answered() as answered:
                    self._read(job, chunk, answered, collected)
                case Refused() | Broken() as failed:
                    collected.again.append(failed)
        return collected

    def _read(self, job: JobRecord, chunk: Chunk, answered: Answered, collected: Collected) -> None:
        span = answered.id.span
        try:
            content = answered.content if answered.content is not None else self.store.read_at(answered.location)
            predictions = read_answer(content, span.rows, job.options.result)
            runs = self._matching(job, answered.id, predictions, collected)
        except ObjectGoneError:
            collected.again.append(Broken(answered.id, f"the model's answer no longer exists at {answered.location}"))
        except MisalignedAnswerError as error:
            collected.misaligned[answered.id] = error.results
            if span.rows == 1:
                collected.again.append(Refused(answered.id, str(error)))
        except MalformedAnswerError as error:
            collected.again.append(Refused(answered.id, str(error), words=error.in_full))
        else:
            is_certain = span.rows == 1 or (chunk.is_aligned and not job.mismatches) or not job.nonce
            taken = collected.predictions if is_certain else collected.held
            for run, found in runs.items():
                request = answered.id._replace(span=run)
                taken.append(Prediction(request, found, self._keep(request, content, found), answered.timing))

    @staticmethod
    def _matching(
        job: JobRecord, request: RequestId, predictions: Predictions, collected: Collected
    ) -> Mapping[Span, Predictions]:
        """The results that match the job's schema, by the runs of rows that they are of.

        Rows whose results don't match are refused: each is sent again alone, since a model may answer in other words
        the next time, and its neighbours aren't. Halving, as is due after a `MalformedAnswerError`, would ask for these
        again, too.
        """
        schema, span = job.options.result_schema, request.span
        if schema is None:
            return {span: predictions}
        runs, wrong = sift(predictions, schema)
        if wrong:
            error = next(iter(wrong.values()))
            # Of results that are too large for the ledger the whole answer is kept, so there are no runs of them.
            if span.rows == 1 or len(predictions.results.encode()) > MOST_RESULTS:
                raise error
            rows = tuple(Span(span.start + row, 1) for row in wrong)
            collected.again.append(Refused(request, str(error), words=error.in_full, rows=rows))
        return {Span(span.start + run.start, run.rows): found for run, found in runs.items()}

    def _keep(self, request: RequestId, content: bytes, predictions: Predictions) -> str | None:
        """Keep an answer that is too large for the ledger; the place where it is.

        Not SageMaker's own object: if a crash had the request sent twice, the second answer replaces that.
        """
        if len(predictions.results.encode()) <= MOST_RESULTS:
            return None
        key = answer_key(request)
        self.store.write(key, content, "application/json")
        return self.store.location(key)

    def _cover(self, job: JobRecord, chunk: Chunk, collected: Collected) -> tuple[JobRecord, Chunk]:
        """Cover what has its final answer, and what was held for want of what is known by now."""
        chunk = self.ledger.cover(
            job.id,
            chunk.number,
            predicted=[found.id.span for found in collected.predictions],
            failed=[failure.span for failure in collected.failures],
            held=[found.id.span for found in collected.held],
            fields=bounded(chunk.fields, collected.fields),
        )
        predicted = {found.id.span for found in collected.predictions}
        waiting = chunk.held - chunk.predicted
        if waiting and chunk.is_aligned and not job.mismatches:
            chunk = self.ledger.cover(job.id, chunk.number, waiting, (), ())
            predicted |= waiting
        collected.rows_predicted = chunk.rows_in(predicted)
        collected.rows_failed = chunk.rows_in(failure.span for failure in collected.failures)
        if chunk.is_done:
            job = self.follow_up(self.follow_up.cover(job, chunk))
        return job, chunk

    def _note_mismatches(self, job: JobRecord, chunk: Chunk, collected: Collected) -> JobRecord:
        """From now on the job sends single rows. It ends if the model answers the same whatever it is sent."""
        found = {f"{request.span.rows}:{results}" for request, results in collected.misaligned.items()}
        if not found <= job.mismatches and len(job.mismatches) < _MOST_MISMATCHES:
            job = self.ledger.add_mismatches(job.id, found)
        if _is_capable(job, chunk):
            return job
        # A model of one result may answer each row alone; and where there is none, it may be the row's fault.
        for results in sorted(set(collected.misaligned.values()) - {0, 1}):
            sizes = _sizes(job.mismatches | found, results)
            if not job.options.result_schema:  # with one, a span that is held need not have been a request
                sizes |= {span.rows for span in chunk.held if span.rows == results}
            if len(sizes) > 1:
                rows = " and ".join(map(str, sorted(sizes)))
                reason = (
                    f"the model answers {results} results whatever it is sent: requests of {rows} rows got as many. It "
                    "must answer one result for each input, in their order"
                )
                return self.follow_up.close(job.id, State.FAILED, reason)
        return job

    def _give_up_if_hopeless(self, job: JobRecord, chunk: Chunk) -> None:
        """End a job whose every row so far the model has refused, instead of trying all others, too."""
        known = self.ledger.outcomes(job.id, chunk.number)
        refused = {outcome.span for outcome in known if outcome.span.rows == 1 and outcome.refusal}
        if len(refused) >= _HOPELESS_ROWS:
            rows = counted(len(refused), "row")
            reason = f"the model has rejected {rows} and predicted none: `fanfold errors {job.id}` shows why"
            self.follow_up.close(job.id, State.FAILED, reason)


def _is_capable(job: JobRecord, chunk: Chunk) -> bool:
    """Whether the model has predicted a row of the file, in an earlier job or in this one.

    If rows were taken over, those that are left may well be the ones that it rejects. So these are no reason to end the
    job, and no row of them is tried for ever.
    """
    return bool(chunk.predicted or job.fields)


def _misaligned(job: JobRecord, chunk: Chunk, collected: Collected) -> Iterator[Judged]:
    """What is to be sent again row by row: answers of a wrong length, and those that were held until one came."""
    for request, results in collected.misaligned.items():
        if request.span.rows > 1:
            reason = str(MisalignedAnswerError(results, request.span.rows))
            yield Judged(Refused(request, reason), Mark(request.attempt), mismatch=True)
    if job.mismatches:
        for span in chunk.held - chunk.predicted:
            request = RequestId(job.id, chunk.number, span, 1)
            yield Judged(Refused(request, "the model does not answer row by row"), Mark(1))


def _sizes(mismatches: Iterable[str], results: int) -> set[int]:
    """The numbers of rows that have been answered with so many results."""
    spelt = (mismatch.partition(":") for mismatch in mismatches)
    return {int(rows) for rows, _, found in spelt if found == str(results)}


def _is_own(job: JobRecord, chunk: Chunk, outcome: Outcome) -> bool:
    """Whether this is about a request of the job: others on the endpoint may call theirs alike, or pretend to be it."""
    if isinstance(outcome, Unsent):
        return all(run.span.end <= chunk.length for run in outcome.runs)
    span, attempt = outcome.id.span, outcome.id.attempt
    was_sent = 1 <= span.rows <= job.options.rows_per_request and 1 <= attempt <= chunk.attempts
    if span.end > chunk.length or not was_sent:
        return False
    if isinstance(outcome, Answered):
        place = f"/{output_folder(job.id, job.nonce, chunk.number)}/{outcome.id.filename}"
        return outcome.location.endswith(place)
    # That a failure repeats the request's attributes is not documented; one that has others is not ours.
    return outcome.attributes is None or outcome.attributes == job.nonce
