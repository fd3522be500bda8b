"""The ledger in memory: domain values by their keys, and of each write the condition under which it takes effect."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from tests.fakes.stored import as_stored, check_size, is_open, is_running, job_as_stored, predicted

from fanfold_core.domain.counting import kind_of
from fanfold_core.domain.errors import UnknownChunkError, UnknownJobError
from fanfold_core.domain.job import Chunk, JobRecord, Model, Spent, State, Trouble
from fanfold_core.domain.options import Options
from fanfold_core.domain.order import Order
from fanfold_core.domain.outcomes import Failure, Health, Mark, Pause, Prediction
from fanfold_core.domain.parts import Built, Part, Piece
from fanfold_core.domain.results import SpanOutcome
from fanfold_core.domain.spans import Span
from fanfold_core.domain.window import Progress
from fanfold_core.input.errors import shortened
from fanfold_core.input.layout import Layout

# Characters of a reason that a job keeps.
_MOST_TROUBLE = 500

ChunkKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is kept of a span beside its failure: its results, if it has any, of which attempt, and its mark."""

    outcome: SpanOutcome
    mark: Mark = field(default_factory=Mark)
    attempt: int = 0


class MemoryLedger:
    """`app.ports.Ledger` without a service.

    >>> ledger = MemoryLedger(now)
    >>> ledger.create(job) == ledger.job(job.id)
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._jobs: dict[str, JobRecord] = {}
        self._chunks: dict[ChunkKey, Chunk] = {}
        self._kept: defaultdict[ChunkKey, dict[Span, _Kept]] = defaultdict(dict)
        self._failures: defaultdict[ChunkKey, dict[Span, SpanOutcome]] = defaultdict(dict)
        self._parts: defaultdict[str, dict[int, Part]] = defaultdict(dict)
        self._built: defaultdict[str, dict[Piece, Built]] = defaultdict(dict)
        self._spent: dict[str, Spent] = {}
        self._health: defaultdict[str, Health] = defaultdict(Health)
        self._progress: defaultdict[str, dict[str, Progress]] = defaultdict(dict)

    def create(self, job: JobRecord) -> JobRecord:
        if job.id in self._jobs:
            return self._jobs[job.id]
        self._put_job(job_as_stored(job))
        return job

    def job(self, job_id: str) -> JobRecord:
        if job_id not in self._jobs:
            raise UnknownJobError(job_id)
        return self._jobs[job_id]

    def set_layout(self, job_id: str, layout: Layout) -> JobRecord:
        return self._put_job(replace(self.job(job_id), layout=layout))

    def set_model(self, job_id: str, model: Model) -> JobRecord:
        return job if (job := self.job(job_id)).stored else self._put_job(replace(job, model=model))

    def set_options(self, job_id: str, options: Options) -> JobRecord:
        return job if (job := self.job(job_id)).layout else self._put_job(replace(job, options=options))

    def store(self, job: JobRecord, chunk: Chunk, part: Part | None) -> JobRecord:
        if part is not None:
            self._parts[job.id].setdefault(part.number, part)
        if (job.id, chunk.number) not in self._chunks:
            self._put_chunk(job.id, as_stored(chunk))
        known, stored = self.job(job.id), chunk.number + 1
        if is_running(known) and known.stored < stored:
            return self._put_job(replace(known, stored=stored, touched=self._seconds()))
        return known

    def set_total(self, job_id: str, total: int, rows: int) -> JobRecord:
        job = self.job(job_id)
        return self._put_job(replace(job, total=total, rows=rows)) if is_running(job) else job

    def raise_released(self, job_id: str, released: int) -> None:
        job = self.job(job_id)
        self._put_job(replace(job, released=max(job.released, released)))

    def compact(self, job_id: str, low: int, below: Iterable[int]) -> None:
        job = self.job(job_id)
        if job.low < low:
            self._put_job(replace(job, low=low, covered=job.covered - set(below)))

    def close(self, job_id: str, outcome: State, reason: str) -> JobRecord:
        job = self.job(job_id)
        if not is_running(job):
            return job
        closing = replace(job, state=State.CLOSING, outcome=outcome, reason=reason, touched=self._seconds())
        return self._put_job(closing)

    def chunk(self, job_id: str, number: int) -> Chunk:
        if (job_id, number) not in self._chunks:
            raise UnknownChunkError(job_id, number)
        return self._chunks[job_id, number]

    def chunks(self, job_id: str, numbers: Iterable[int]) -> Iterator[Chunk]:
        return (self._chunks[job_id, number] for number in numbers if (job_id, number) in self._chunks)

    def touch(self, job_id: str, chunk: int) -> None:
        if known := self._chunks.get((job_id, chunk)):
            self._put_chunk(job_id, replace(known, touched=self._seconds()))

    def raise_attempts(self, job_id: str, chunk: int, attempts: int) -> None:
        known = self._chunks.get((job_id, chunk))
        if known and known.attempts < attempts:
            self._put_chunk(job_id, replace(known, attempts=attempts))

    def set_trouble(self, job: JobRecord, words: str) -> None:
        words, now = shortened(words, _MOST_TROUBLE), self._seconds()
        since = job.trouble.since if kind_of(words) == kind_of(job.trouble.words) else now
        if job.id in self._jobs:
            self._put_job(replace(self._jobs[job.id], trouble=Trouble(words, now, since)))

    def add_mismatches(self, job_id: str, mismatches: Iterable[str]) -> JobRecord:
        job = self.job(job_id)
        return self._put_job(replace(job, mismatches=job.mismatches | frozenset(mismatches)))

    def open_jobs(self) -> Iterator[str]:
        found = sorted((job for job in self._jobs.values() if not job.state.is_terminal), key=lambda job: job.created)
        return iter([job.id for job in found])

    def health(self, endpoint: str) -> Health:
        return self._health[endpoint]

    def set_health(self, endpoint: str, *, answered: bool, broken: bool) -> None:
        known, now = self._health[endpoint], self._seconds()
        answered_at, broken_at = now if answered else known.answered, now if broken else known.broken
        self._health[endpoint] = replace(known, answered=answered_at, broken=broken_at)

    def set_pause(self, endpoint: str, pause: Pause) -> None:
        self._health[endpoint] = replace(self._health[endpoint], pause=pause)

    def progress(self, endpoint: str) -> Mapping[str, Progress]:
        return dict(self._progress[endpoint])

    def set_progress(self, job: JobRecord, progress: Progress) -> None:
        self._progress[job.model.endpoint][job.id] = progress

    def set_order(self, job_id: str, chunk: int, order: Order) -> Chunk:
        known = self.chunk(job_id, chunk)
        return known if known.order else self._put_chunk(job_id, replace(known, order=order))

    def advance_sent(self, job_id: str, chunk: int, before: int, after: int) -> bool:
        known = self._chunks.get((job_id, chunk))
        if known is None or known.sent != before:
            return False
        self._put_chunk(job_id, replace(known, sent=after, touched=self._seconds()))
        return True

    def put_predictions(self, job: JobRecord, chunk: int, predictions: Sequence[Prediction]) -> None:
        del chunk  # each request names its own
        for prediction in predictions:
            check_size([prediction.location or prediction.predictions.results])
            request = prediction.id
            spans = self._kept[job.id, request.chunk]
            known = spans.get(request.span)
            if known is None or not known.outcome.is_prediction or request.attempt <= known.attempt:
                spans[request.span] = _Kept(predicted(prediction), attempt=request.attempt)

    def put_failures(self, job: JobRecord, chunk: int, failures: Sequence[Failure]) -> None:
        for failure in failures:
            refusal = failure.reason if failure.requests else None
            check_size([failure.reason, refusal])
            outcome = SpanOutcome(
                failure.span, None, failure.reason, failure.requests, refusal=refusal, mismatch=failure.mismatch
            )
            self._failures[job.id, chunk].setdefault(failure.span, outcome)

    def cover(  # noqa: PLR0913, PLR0917 - what there is to add
        self,
        job_id: str,
        chunk: int,
        predicted: Iterable[Span],
        failed: Iterable[Span],
        fields: Iterable[str],
        held: Iterable[Span] = (),
        inherited: Iterable[Span] = (),
    ) -> Chunk:
        known = self.chunk(job_id, chunk)
        if not is_open(known):
            return known
        covered = replace(
            known,
            predicted=known.predicted | frozenset(predicted),
            failed=known.failed | frozenset(failed),
            held=known.held | frozenset(held),
            inherited=known.inherited | frozenset(inherited),
            fields=known.fields | frozenset(fields),
            touched=self._seconds(),
        )
        return self._put_chunk(job_id, covered)

    def freeze(self, job_id: str, chunk: int) -> Chunk:
        return self._put_chunk(job_id, replace(self.chunk(job_id, chunk), frozen=True))

    def cover_chunk(self, job_id: str, chunk: int, fields: Iterable[str]) -> JobRecord:
        job, found = self.job(job_id), frozenset(fields)
        answered = self._seconds() if found else job.answered
        return self._put_job(replace(job, covered=job.covered | {chunk}, fields=job.fields | found, answered=answered))

    def mark(self, job_id: str, chunk: int, span: Span) -> Mark:
        kept = self._kept[job_id, chunk].get(span)
        return kept.mark if kept else Mark()

    def set_mark(  # noqa: PLR0913 - what is known of a failed attempt
        self, job: JobRecord, chunk: int, span: Span, mark: Mark, refusal: str | None = None, *, mismatch: bool = False
    ) -> None:
        spans = self._kept[job.id, chunk]
        kept = spans.get(span) or _Kept(SpanOutcome(span, None, None, 0))
        if kept.mark.attempt < mark.attempt:
            check_size([refusal])
            known = kept.outcome
            known = replace(known, refusal=refusal or known.refusal, mismatch=mismatch or known.mismatch)
            higher = replace(mark, breaks=mark.breaks or kept.mark.breaks, at=self._seconds())
            spans[span] = replace(kept, outcome=known, mark=higher)

    def outcomes(self, job_id: str, chunk: int) -> Iterator[SpanOutcome]:
        kept, failures = self._kept[job_id, chunk], self._failures[job_id, chunk]
        for span in sorted({*kept, *failures}):
            if span in kept:
                outcome, mark = kept[span].outcome, kept[span].mark
                yield replace(outcome, requests=max(outcome.requests, mark.attempt))
            if span in failures:
                yield failures[span]

    def parts(self, job_id: str) -> Iterator[Part]:
        return iter([part for _, part in sorted(self._parts[job_id].items())])

    def set_upload(self, job_id: str, upload_id: str, pieces: int, fields: Iterable[str]) -> JobRecord:
        job = self.job(job_id)
        if job.state is not State.CLOSING or job.upload_id is not None:
            return job
        return self._put_job(replace(job, upload_id=upload_id, pieces=pieces, fields=job.fields | frozenset(fields)))

    def fail_closing(self, job_id: str, reason: str) -> None:
        job = self.job(job_id)
        if job.state is State.CLOSING and job.outcome is not State.FAILED:
            self._put_job(replace(job, outcome=State.FAILED, reason=reason))

    def add_built(self, job: JobRecord, built: Built) -> Built:
        check_size([built.totals.statistics.to_json()])
        if not built.is_whole:
            self._put_job(replace(self.job(job.id), touched=self._seconds()))
        return self._built[job.id].setdefault(built.piece, built)

    def add_part(self, job_id: str, part: int) -> JobRecord:
        job = self.job(job_id)
        return self._put_job(replace(job, parts=job.parts | {part}, touched=self._seconds()))

    def add_table(self, job_id: str, number: int) -> JobRecord:
        job = self.job(job_id)
        return self._put_job(replace(job, tables=job.tables | {number}, touched=self._seconds()))

    def built(self, job_id: str) -> Iterator[Built]:
        return iter([built for _, built in sorted(self._built[job_id].items(), key=lambda item: item[0])])

    def spent(self, job_id: str) -> Spent | None:
        return self._spent.get(job_id)

    def set_spent(self, job: JobRecord, spent: Spent) -> None:
        self._spent[job.id] = spent

    def set_ended(self, job_id: str, ended: datetime) -> JobRecord:
        job = self.job(job_id)
        return self._put_job(replace(job, ended=ended)) if job.ended is None else job

    def finish(self, job_id: str, state: State, reason: str) -> JobRecord:
        job = self.job(job_id)
        return self._put_job(replace(job, state=state, reason=reason)) if job.state is State.CLOSING else job

    def _seconds(self) -> int:
        return int(self._now().timestamp())

    def _put_job(self, job: JobRecord) -> JobRecord:
        texts = [job.source.key, *job.options.stored().values(), job.reason, job.trouble.words]
        texts += job.layout.columns if job.layout else ()
        check_size(texts, job.covered, job.parts, job.tables, job.fields, job.mismatches)
        self._jobs[job.id] = job
        return job

    def _put_chunk(self, job_id: str, chunk: Chunk) -> Chunk:
        check_size(chunk.predicted, chunk.failed, chunk.inherited, chunk.held, chunk.fields)
        self._chunks[job_id, chunk.number] = chunk
        return chunk
