"""Whatever is written in whatever order, both ledgers give the same answers."""

from collections.abc import Callable
from functools import partial
from operator import methodcaller
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from tests.contracts.clouds import Memory, Services
from tests.fakes.values import LAYOUT, Clock, make_chunk, make_job, predictions, request

from fanfold_core.app.ports import Ledger
from fanfold_core.domain.job import State
from fanfold_core.domain.outcomes import Failure, Mark, Pause, Prediction, Timing
from fanfold_core.domain.parts import Built, Part, Piece, Totals
from fanfold_core.domain.spans import Span
from fanfold_core.domain.window import Progress
from fanfold_core.input.errors import FanfoldError

JOBS = [make_job("v1"), make_job("v2", fields=frozenset({"label"}), parent=make_job("v1").id)]
SPANS = [Span(0, 4), Span(0, 2), Span(2, 2), Span(3, 1)]
ENDS = [State.SUCCEEDED, State.FAILED, State.CANCELLED]

# Mostly the job that is there.
job = st.sampled_from([JOBS[0], JOBS[0], JOBS[0], JOBS[1]])
number = st.integers(0, 1)
span = st.sampled_from(SPANS)
spans = st.sets(span, max_size=3)
fields = st.sets(st.sampled_from(["label", "score"]))
reason = st.sampled_from(["first", "second"])
prediction = st.tuples(number, span, st.integers(1, 3), reason, st.sampled_from([None, Timing(1, 2)]))
failure = st.builds(Failure, span, reason, st.integers(0, 2))


class Ledgers(RuleBasedStateMachine):
    """Both ledgers, told the same."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self.clock = Clock()
        self.ledgers = [Memory().ledger(self.clock), services.ledger(self.clock)]
        self.create(JOBS[0])
        self.store(JOBS[0], 0, set(), ends_part=True)

    def same(self, ask: Callable[[Ledger], Any]) -> Any:
        """Ask both the same."""
        ours, theirs = (_answer(ask, ledger) for ledger in self.ledgers)
        assert ours == theirs
        return ours

    @rule(seconds=st.integers(1, 1_000))
    def wait(self, seconds: int) -> None:
        self.clock.pass_by(seconds)

    @rule(job=job)
    def create(self, job: Any) -> None:
        self.same(lambda ledger: ledger.create(job))

    @rule(job=job, number=number, inherited=spans, ends_part=st.booleans())
    def store(self, job: Any, number: int, inherited: set[Span], *, ends_part: bool) -> None:
        chunk = make_chunk(number, inherited=frozenset(inherited))
        part = Part(number, number, number + 1) if ends_part else None
        self.same(lambda ledger: ledger.store(job, chunk, part))

    @rule(job=job, total=number)
    def set_total(self, job: Any, total: int) -> None:
        self.same(lambda ledger: ledger.set_layout(job.id, LAYOUT))
        self.same(lambda ledger: ledger.set_total(job.id, total, total * 10))

    @rule(job=job, number=number)
    def release_and_compact(self, job: Any, number: int) -> None:
        self.same(lambda ledger: ledger.raise_released(job.id, number))
        self.same(lambda ledger: ledger.compact(job.id, number, list(range(number))))

    @rule(job=job, outcome=st.sampled_from(ENDS), reason=reason)
    def close(self, job: Any, outcome: State, reason: str) -> None:
        self.same(lambda ledger: ledger.close(job.id, outcome, reason))

    @rule(job=job, state=st.sampled_from(ENDS), reason=reason)
    def finish(self, job: Any, state: State, reason: str) -> None:
        self.same(lambda ledger: ledger.finish(job.id, state, reason))

    @rule(job=job, reason=reason, fields=fields)
    def begin_to_assemble(self, job: Any, reason: str, fields: set[str]) -> None:
        self.same(lambda ledger: ledger.set_upload(job.id, reason, len(fields), fields))
        self.same(lambda ledger: ledger.fail_closing(job.id, reason))
        self.same(lambda ledger: ledger.set_ended(job.id, self.clock()))

    @rule(job=job, part=number, rows=number)
    def add_part(self, job: Any, part: int, rows: int) -> None:
        if _knows(self.ledgers[0], job.id):
            built = Built(Piece(part, rows % 2), rows, Totals(rows=rows), str(rows))
            self.same(lambda ledger: ledger.add_built(job, built))
            self.same(lambda ledger: ledger.add_part(job.id, part))

    @rule(job=job, number=number, predicted=spans, failed=spans, held=spans, fields=fields)
    def cover(  # noqa: PLR0913, PLR0917 - what there is to add
        self, job: Any, number: int, predicted: set[Span], failed: set[Span], held: set[Span], fields: set[str]
    ) -> None:
        self.same(lambda ledger: ledger.cover(job.id, number, predicted, failed, fields, held))

    @rule(job=job, number=number, fields=fields)
    def cover_chunk(self, job: Any, number: int, fields: set[str]) -> None:
        self.same(lambda ledger: ledger.freeze(job.id, number))
        self.same(lambda ledger: ledger.cover_chunk(job.id, number, fields))

    @rule(job=job, number=number, before=number, after=number)
    def advance_sent(self, job: Any, number: int, before: int, after: int) -> None:
        self.same(lambda ledger: ledger.advance_sent(job.id, number, before, after))

    @rule(job=job, number=number, reason=reason)
    def touch(self, job: Any, number: int, reason: str) -> None:
        self.same(lambda ledger: ledger.set_trouble(job, reason))
        self.same(lambda ledger: ledger.add_mismatches(job.id, {reason}))
        self.same(lambda ledger: ledger.touch(job.id, number))
        self.same(lambda ledger: ledger.raise_attempts(job.id, number, len(reason)))

    @rule(job=job, batch=st.lists(prediction, max_size=4))
    def put_predictions(self, job: Any, batch: list[Any]) -> None:
        made = [
            Prediction(request(job, span, attempt, number), predictions(span.rows, label), "s3://there", timing)
            for number, span, attempt, label, timing in batch
        ]
        self.same(lambda ledger: ledger.put_predictions(job, 0, made))

    @rule(job=job, number=number, batch=st.lists(failure, max_size=3))
    def put_failures(self, job: Any, number: int, batch: list[Failure]) -> None:
        self.same(lambda ledger: ledger.put_failures(job, number, batch))

    @rule(job=job, number=number, span=span, attempt=st.integers(1, 3), refusal=st.none() | reason)
    def set_mark(self, job: Any, number: int, span: Span, attempt: int, refusal: str | None) -> None:
        self.same(lambda ledger: ledger.set_mark(job, number, span, Mark(attempt, attempt - 1), refusal))

    @rule(job=job, rows=number, rate=st.sampled_from([0.0, 0.1, 1 / 3, 12_345.678]))
    def measure(self, job: Any, rows: int, rate: float) -> None:
        self.same(lambda ledger: ledger.set_progress(job, Progress(rows, 1, 2, rate)))
        self.same(lambda ledger: ledger.set_pause("endpoint", Pause(rows, 1)))

    def teardown(self) -> None:
        """Everything that can be read is the same."""
        ours, theirs = map(_everything, self.ledgers)
        assert ours == theirs


def _everything(ledger: Ledger) -> list[Any]:
    asked: list[Callable[[Ledger], Any]] = [
        lambda ledger: sorted(ledger.open_jobs()),
        lambda ledger: (dict(ledger.progress("endpoint")), ledger.health("endpoint")),
    ]
    for job in JOBS:
        asked += [methodcaller("job", job.id), partial(_of_job, job.id)]
        for number in range(2):
            asked += [methodcaller("chunk", job.id, number), partial(_of_chunk, job.id, number)]
    return [_answer(ask, ledger) for ask in asked]


def _of_job(job_id: str, ledger: Ledger) -> Any:
    return list(ledger.parts(job_id)), list(ledger.built(job_id))


def _of_chunk(job_id: str, number: int, ledger: Ledger) -> Any:
    return list(ledger.outcomes(job_id, number)), [ledger.mark(job_id, number, span) for span in SPANS]


def _answer(ask: Callable[[Ledger], Any], ledger: Ledger) -> Any:
    try:
        return ask(ledger)
    except FanfoldError as error:
        return repr(error)


def _knows(ledger: Ledger, job_id: str) -> bool:
    return not isinstance(_answer(lambda asked: asked.job(job_id), ledger), str)


def test_both_ledgers_give_the_same_answers_whatever_they_are_told(services: Services) -> None:
    # Shrinking would take minutes of the services.
    some = settings(max_examples=8, stateful_step_count=40, phases=[Phase.explicit, Phase.reuse, Phase.generate])
    run_state_machine_as_test(partial(Ledgers, services), settings=some)  # type: ignore[arg-type] # makes one, too
