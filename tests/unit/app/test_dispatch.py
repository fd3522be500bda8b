"""The dispatcher: each span is sent once, and again only when it is told to."""

import json

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.app.conftest import System, in_time, out_of_time, sent

from fanfold_core.aws.messages import Assemble, Dispatch
from fanfold_core.domain.errors import EndpointError
from fanfold_core.domain.job import State
from fanfold_core.domain.order import Order
from fanfold_core.domain.outcomes import Mark, Pause, Unsent
from fanfold_core.domain.requests import Unsendable
from fanfold_core.domain.spans import Span
from fanfold_core.domain.window import Window

FIRST, SECOND, THIRD = ALL = sent(4)


def spans(system: System) -> list[Span]:
    return [request.id.span for request in system.endpoint.taken]


def test_the_rows_of_a_chunk_are_sent_in_order_and_once(system: System) -> None:
    job = system.split()
    assert system.dispatcher.dispatch(job.id, 1, in_time).requests == 3
    assert system.dispatcher.dispatch(job.id, 1, in_time).requests == 0
    assert spans(system) == ALL
    inputs = [text for request in system.endpoint.taken for text in json.loads(request.body)["inputs"]]
    assert inputs == [f"text {row}" for row in range(4, 8)]
    assert system.ledger.chunk(job.id, 1).sent == 4


def test_rows_that_cannot_be_sent_are_reported_and_their_neighbours_sent(system: System) -> None:
    job = system.split(b"id,text\r\n1,one\r\n2,\r\n3,three\r\n")
    system.messages()
    system.dispatcher.dispatch(job.id, 0, in_time)
    assert spans(system) == [Span(0, 1), Span(2, 1)]
    assert system.messages() == [Unsent(job.id, 0, (Unsendable(Span(1, 1), "input is empty"),))]


def test_what_the_endpoint_cannot_take_comes_again_later_as_the_same_attempt(system: System) -> None:
    job = system.split()
    system.messages()
    system.endpoint.late = {SECOND}
    assert system.dispatcher.dispatch(job.id, 0, in_time).postponed == {"busy"}
    assert min(system.delays()) > 0
    assert system.messages() == [Dispatch(job.id, 0, {SECOND: 1})]


def test_an_endpoint_that_takes_nothing_ends_the_job(system: System) -> None:
    job = system.split()
    system.messages()
    system.endpoint.error = EndpointError("endpoint", "not found")
    system.dispatcher.dispatch(job.id, 0, in_time)
    known = system.ledger.job(job.id)
    assert (known.state, known.outcome) == (State.CLOSING, State.FAILED)
    assert "not found" in known.reason
    assert system.messages() == [Assemble(job.id)]


def test_nothing_is_sent_for_a_job_that_closes(system: System) -> None:
    job = system.split()
    system.follow_up.close(job.id, State.CANCELLED, "cancelled")
    system.dispatcher.dispatch(job.id, 0, in_time)
    system.dispatcher.resend(job.id, 0, {Span(0, 2): 2})
    assert system.endpoint.taken == []


def test_a_paused_endpoint_is_sent_nothing_until_the_pause_is_over(system: System) -> None:
    job = system.split()
    system.messages()
    system.clock.pass_by(1)
    system.ledger.set_pause("endpoint", Pause(int(system.clock().timestamp()) + 100, 100))
    system.dispatcher.dispatch(job.id, 0, in_time)
    system.dispatcher.resend(job.id, 1, {Span(0, 2): 2})
    assert system.delays() == [100, 100]
    assert system.messages() == [Dispatch(job.id, 0), Dispatch(job.id, 1, {Span(0, 2): 2})]
    assert system.endpoint.taken == []
    system.clock.pass_by(100)
    assert system.dispatcher.dispatch(job.id, 0, in_time).requests == 3


def test_no_more_is_sent_than_the_window_takes(system: System) -> None:
    job = system.split()
    system.messages()
    system.window = Window(chunks=2, rows=2)
    system.dispatcher.dispatch(job.id, 0, in_time)
    assert spans(system) == [FIRST, SECOND]
    assert system.messages() == [Dispatch(job.id, 0)]
    system.dispatcher.dispatch(job.id, 0, in_time)
    assert spans(system) == [FIRST, SECOND]
    system.answer(job, 0, FIRST, SECOND)
    system.dispatcher.dispatch(job.id, 0, in_time)
    assert spans(system) == ALL


def test_who_has_no_time_goes_on_in_the_next_message(system: System) -> None:
    job = system.split()
    system.messages()
    system.dispatcher.dispatch(job.id, 0, out_of_time)
    assert system.messages() == [Dispatch(job.id, 0)]


def test_a_covered_span_is_not_sent_again(system: System) -> None:
    job = system.split()
    system.answer(job, 0, FIRST)
    assert system.dispatcher.resend(job.id, 0, {FIRST: 2, SECOND: 2}).requests == 1
    assert [(request.id.span, request.id.attempt) for request in system.endpoint.taken] == [(SECOND, 2)]


def test_an_attempt_is_known_before_it_is_sent(system: System) -> None:
    job = system.split()
    system.endpoint.error = EndpointError("endpoint", "gone")
    system.dispatcher.resend(job.id, 0, {FIRST: 2, SECOND: 3})
    assert system.endpoint.taken == []
    assert [chunk.attempts for chunk in system.chunks(job)][:2] == [3, 1]


def test_a_row_that_shows_whether_the_model_answers_row_by_row_is_the_next_that_can_be_sent(system: System) -> None:
    job = system.split(b"id,text\r\n1,one\r\n2,\r\n3,three\r\n")
    assert system.dispatcher.probe(job.id, 0, 1).requests == 1
    assert spans(system) == [Span(2, 1)]
    assert system.dispatcher.probe(job.id, 0, 3).requests == 0


def test_a_row_that_nobody_has_tried_alone_shows_it_before_one_that_failed(system: System) -> None:
    job = system.split()
    for failed in (Span(0, 1), Span(1, 1)):
        system.ledger.set_mark(job, 0, failed, Mark(3))
    for expected in (Span(2, 1), Span(3, 1), Span(0, 1)):
        system.endpoint.taken.clear()
        system.dispatcher.probe(job.id, 0, 0)
        assert spans(system) == [expected]
        system.ledger.set_mark(job, 0, expected, Mark(3))


def test_rows_with_the_same_input_are_sent_once_and_longer_ones_last(system: System) -> None:
    long, longer = "x " * 40 + "x", "x " * 50 + "x"
    job = system.split(f"id,text\r\n1,{longer}\r\n2,one\r\n3,{long}\r\n4,one\r\n".encode())
    system.dispatcher.dispatch(job.id, 0, in_time)
    assert [json.loads(request.body)["inputs"] for request in system.endpoint.taken] == [["one"], [long, longer]]
    assert system.ledger.chunk(job.id, 0).order == Order((2, 0, 1, 0), 3)
    system.answer(job, 0, *spans(system))
    assert system.ledger.chunk(job.id, 0).is_done


def test_each_row_is_sent_where_it_is_wanted_so(system: System) -> None:
    job = system.split(b"id,text\r\n1,one\r\n2,one\r\n", duplicates="each")
    assert system.dispatcher.dispatch(job.id, 0, in_time).requests == 2


def test_the_order_that_is_fixed_stays_whoever_fixed_it(system: System) -> None:
    job = system.split(b"id,text\r\n1,one\r\n2,two\r\n3,three\r\n")
    system.ledger.set_order(job.id, 0, Order((2, 1, 0), 3))
    system.dispatcher.dispatch(job.id, 0, in_time)
    assert [json.loads(request.body)["inputs"] for request in system.endpoint.taken] == [["three"], ["two", "one"]]
    system.endpoint.taken.clear()
    system.dispatcher.resend(job.id, 0, {Span(2, 1): 2})
    assert [json.loads(request.body)["inputs"] for request in system.endpoint.taken] == [["one"]]


@given(st.lists(st.sampled_from(["a", ""]), min_size=1, max_size=4), st.integers(1, 4))
def test_every_input_is_sent_or_reported_exactly_once(texts: list[str], per_request: int) -> None:
    system = System()
    lines = "".join(f"{row},{text}\r\n" for row, text in enumerate(texts))
    job = system.split(f"id,text\r\n{lines}".encode(), rows_per_request=str(per_request))
    system.messages()
    system.dispatcher.dispatch(job.id, 0, in_time)
    reported = [run.span for outcome in system.messages() if isinstance(outcome, Unsent) for run in outcome.runs]
    rows = sorted(row for span in [*spans(system), *reported] for row in range(span.start, span.end))
    assert rows == list(range(len(set(texts))))
