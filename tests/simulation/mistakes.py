"""Mistakes to plant: each is one small change to the real steps or to the ledger, for as long as it is entered."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch
from weakref import WeakKeyDictionary

from tests.fakes.ledger import MemoryLedger
from tests.simulation.soak import run

from fanfold_core.app.assemble import Assembler
from fanfold_core.app.failures import Failures
from fanfold_core.app.follow_up import FollowUp
from fanfold_core.app.ports import Ledger, Queues
from fanfold_core.app.sweep import Sweeper
from fanfold_core.domain import results
from fanfold_core.domain.answers import Predictions, read_answer
from fanfold_core.domain.errors import MalformedAnswerError
from fanfold_core.domain.job import Chunk, JobRecord
from fanfold_core.domain.keys import MOST_ATTEMPTS
from fanfold_core.domain.outcomes import Cause, Mark, Refused, cause_of
from fanfold_core.domain.parts import Part
from fanfold_core.domain.results import SpanOutcome
from fanfold_core.domain.spans import Span

# What `Ledger.cover` takes after job and chunk, in this order.
_COVERED = ("predicted", "failed", "fields", "held")


def _replaced(owner: type, name: str, make: Callable[[Any], Any]) -> AbstractContextManager[Any]:
    return patch.object(owner, name, make(getattr(owner, name)))


def look_before_writing() -> AbstractContextManager[Any]:
    """The splitter and the collector decide from the job as it was before they wrote."""

    def make(cover_chunk: Callable[..., JobRecord]) -> Callable[..., JobRecord]:
        def before(self: MemoryLedger, job_id: str, *args: Any) -> JobRecord:
            job = self.job(job_id)
            cover_chunk(self, job_id, *args)
            return job

        return before

    return _replaced(MemoryLedger, "cover_chunk", make)


def count() -> AbstractContextManager[Any]:
    """A chunk is done when as many rows have been covered as it has."""

    def make(cover: Callable[..., Chunk]) -> Callable[..., Chunk]:
        ledgers: WeakKeyDictionary[MemoryLedger, Counter[tuple[str, int]]] = WeakKeyDictionary()

        def counting(self: MemoryLedger, job_id: str, number: int, *answered: Any, **more: Any) -> Chunk:
            chunk, counted = cover(self, job_id, number, *answered, **more), ledgers.setdefault(self, Counter())
            given = dict(zip(_COVERED, answered, strict=False)) | more
            counted[job_id, number] += sum(span.rows for span in [*given["predicted"], *given["failed"]])
            return replace(chunk, predicted=frozenset({Span(0, counted[job_id, number])}))

        return counting

    return _replaced(MemoryLedger, "cover", make)


def prefer_failures() -> AbstractContextManager[Any]:
    """A row that has both a failure and a prediction ends in errors.csv."""

    def effective(outcomes: Iterable[SpanOutcome], chunk: Chunk) -> Iterator[SpanOutcome]:
        for outcome in results.effective(outcomes, chunk):
            if not outcome.is_prediction or outcome.span not in chunk.failed:
                yield outcome

    return patch("fanfold_core.app.assemble.pieces.effective", effective)


def thaw() -> AbstractContextManager[Any]:
    """A chunk takes answers whenever they come."""
    return patch("tests.fakes.ledger.is_open", lambda _: True)


class _Later:
    """Queues whose messages are sent when somebody says so."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues
        self._waiting: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args: self._waiting.append((name, args))

    def send(self) -> None:
        for name, args in self._waiting:
            getattr(self._queues, name)(*args)


def mark_first() -> AbstractContextManager[Any]:
    """A failed attempt is marked before it is acted upon."""

    def make(send_again: Callable[..., None]) -> Callable[..., None]:
        def marking_first(self: Failures, *args: Any) -> None:
            later = _Later(self.queues)
            send_again(replace(self, queues=later), *args)
            later.send()

        return marking_first

    return _replaced(Failures, "send_again", make)


def release_first() -> AbstractContextManager[Any]:
    """Chunks count as released before their messages are sent."""

    def make(release: Callable[..., None]) -> Callable[..., None]:
        def raising_first(self: FollowUp, *args: Any) -> None:
            later = _Later(self.queues)
            release(replace(self, queues=later), *args)
            later.send()

        return raising_first

    return _replaced(FollowUp, "_release", make)


class _Unmarked:
    """A ledger that remembers no attempt."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def mark(self, *_: object) -> Mark:
        return Mark()


def restart_attempts() -> AbstractContextManager[Any]:
    """The sweeper sends what is missing as a first attempt."""

    def make(resend: Callable[..., int]) -> Callable[..., int]:
        return lambda self, *args: resend(replace(self, ledger=_Unmarked(self.ledger)), *args)

    return _replaced(Sweeper, "_resend", make)


def sized_parts() -> AbstractContextManager[Any]:
    """Where parts end depends on the results that are there."""

    def make(parts: Callable[..., list[Part]]) -> Callable[..., list[Part]]:
        def sized(self: Assembler, job: JobRecord) -> list[Part]:
            fixed = parts(self, job)
            found = sum(len(list(self.ledger.outcomes(job.id, number))) for number in range(job.stored))
            return fixed if len(fixed) == 1 or found % 2 else [*fixed[:-2], replace(fixed[-2], end=fixed[-1].end)]

        return sized

    return _replaced(Assembler, "parts", make)


def cover_first() -> AbstractContextManager[Any]:
    """Rows are covered before their results are stored."""

    def make(put_predictions: Callable[..., None]) -> Callable[..., None]:
        def covering_first(self: MemoryLedger, job: JobRecord, chunk: int, predictions: Any) -> None:
            if predictions:
                self.cover(job.id, chunk, [one.id.span for one in predictions], (), ["label"])
            put_predictions(self, job, chunk, predictions)

        return covering_first

    return _replaced(MemoryLedger, "put_predictions", make)


def skip_add() -> AbstractContextManager[Any]:
    """Failed rows are not covered."""

    def make(cover: Callable[..., Chunk]) -> Callable[..., Chunk]:
        def skipping(self: MemoryLedger, job_id: str, number: int, *answered: Any, **more: Any) -> Chunk:
            given = dict(zip(_COVERED, answered, strict=False)) | more
            return cover(self, job_id, number, **{**given, "failed": ()})

        return skipping

    return _replaced(MemoryLedger, "cover", make)


def reopen() -> AbstractContextManager[Any]:
    """A job closes for whatever reason comes last."""
    return patch("tests.fakes.ledger.is_running", lambda _: True)


def trust_the_location() -> AbstractContextManager[Any]:
    """Whatever is called like a request of the job is taken for one."""
    return patch("fanfold_core.app.collect._is_own", lambda *_: True)


def trust_the_attempt() -> AbstractContextManager[Any]:
    """Of a chunk nobody knows as which attempts its requests were sent."""
    return _replaced(MemoryLedger, "chunk", lambda read: lambda *at: replace(read(*at), attempts=MOST_ATTEMPTS))


def forget_the_attempts() -> AbstractContextManager[Any]:
    """Requests are sent again without a word to the ledger."""
    return patch.object(MemoryLedger, "raise_attempts", lambda *_: None)


def halve_after_mismatch() -> AbstractContextManager[Any]:
    """An answer of a wrong length is one that the model refuses, whose halves may pass."""
    planted = ExitStack()
    planted.enter_context(patch("fanfold_core.app.collect.MisalignedAnswerError", _NeverError))
    planted.enter_context(take_at_once())
    return planted


class _NeverError(Exception):
    """Raised by nobody."""


def take_at_once() -> AbstractContextManager[Any]:
    """Answers to several rows are taken before a row alone has shown that the model answers row by row."""
    return patch.object(Chunk, "is_aligned", property(lambda _: True))


def forget_the_order() -> AbstractContextManager[Any]:
    """A chunk doesn't know in which order its rows were sent."""
    return patch.object(MemoryLedger, "set_order", lambda self, *chunk: replace(self.chunk(*chunk[:2]), order=chunk[2]))


def blame_the_row() -> AbstractContextManager[Any]:
    """What breaks is refused, whether the endpoint answers others or not."""
    return patch("fanfold_core.domain.outcomes.Broken", Refused)


def retry_the_row() -> AbstractContextManager[Any]:
    """What breaks is sent again, however often the endpoint answers others."""
    return patch.multiple("fanfold_core.app.failures", _PROOFS=10**9, _PROOFS_OF_A_ROW=10**9)


def wait_for_the_slow() -> AbstractContextManager[Any]:
    """That the container doesn't answer in time is never its row's fault."""
    blind = {Cause.TIMEOUT: Cause.PLATFORM}
    return patch("fanfold_core.domain.outcomes.cause_of", lambda reason: blind.get(cause_of(reason), cause_of(reason)))


def want_a_list() -> AbstractContextManager[Any]:
    """An object is no answer, not even to a single row."""

    def strict(content: bytes, rows: int, result: Any) -> Predictions:
        if content.lstrip().startswith(b"{"):
            raise MalformedAnswerError("the model's answer is no list")
        return read_answer(content, rows, result)

    return patch("fanfold_core.app.collect.read_answer", strict)


MOST_SEEDS = 200


@dataclass(frozen=True, slots=True)
class Mistake:
    """How to plant it, the faults and scenarios under which it does harm, and the seed from which on it is sought."""

    plant: Callable[[], AbstractContextManager[Any]]
    certain: Mapping[str, Any]
    first: int = 0


ALL: Mapping[str, Mistake] = {
    "look-before-writing": Mistake(look_before_writing, {}),
    "count": Mistake(count, {"twice": 0.3, "dies": 0.03}),
    "prefer-failures": Mistake(prefer_failures, {"twice": 0.3, "moody": 0.4, "answer_lost": 0.1}),
    "thaw": Mistake(thaw, {"twice": 0.3, "moody": 0.4, "dies": 0, "lost": 0, "cancel_at": 60, "gone_at": None}),
    "mark-first": Mistake(mark_first, {"dies": 0.08, "moody": 0.3, "lost": 0, "answer_lost": 0}, first=50),
    "release-first": Mistake(release_first, {"dies": 0.1, "lost": 0, "answer_lost": 0}),
    "restart-attempts": Mistake(restart_attempts, {"lost": 0.5}, first=65),
    "sized-parts": Mistake(sized_parts, {"twice": 0.3, "cancel_at": 60}, first=90),
    "cover-first": Mistake(cover_first, {"dies": 0.05}),
    "skip-add": Mistake(skip_add, {}),
    "reopen": Mistake(reopen, {"twice": 0.3}),
    "trust-the-location": Mistake(trust_the_location, {"forged": 0.5}),
    "trust-the-attempt": Mistake(trust_the_attempt, {"forged": 0.5}),
    "forget-the-attempts": Mistake(forget_the_attempts, {"lost": 0, "answer_lost": 0, "flaky": 0.3}),
    "halve-after-mismatch": Mistake(halve_after_mismatch, {"forged": 0, "constant": 2}),
    "take-at-once": Mistake(take_at_once, {"constant": 2}),
    "want-a-list": Mistake(want_a_list, {"object_for_one": True}),
    "forget-the-order": Mistake(forget_the_order, {}),
    "blame-the-row": Mistake(blame_the_row, {"flaky": 0.3}),
    "retry-the-row": Mistake(retry_the_row, {"poison_status": 500, "cancel_at": None}),
    "wait-for-the-slow": Mistake(wait_for_the_slow, {"poison_status": 0, "cancel_at": None}),
}


def hunt(name: str) -> tuple[str, int, str]:
    """Make runs with a mistake planted until one is broken: its name, how many runs it took, and what broke."""
    with ALL[name].plant():
        found = (run("memory", ALL[name].first + number, ALL[name].certain).words for number in range(MOST_SEEDS))
        return next(((name, runs, words) for runs, words in enumerate(found, 1) if words), (name, MOST_SEEDS, ""))
