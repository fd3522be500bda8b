"""The collector: every row gets its final answer, in whatever order and however often outcomes come."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.values import OUTPUT, predictions
from tests.unit.app.conftest import System, in_time, sent

from fanfold_core.app.rounds import final_answers
from fanfold_core.aws.messages import Assemble, Dispatch
from fanfold_core.domain.job import JobRecord, State
from fanfold_core.domain.keys import RequestId, answer_key
from fanfold_core.domain.outcomes import Answered, Broken, Mark, Outcome, Refused, Unsent
from fanfold_core.domain.requests import Unsendable
from fanfold_core.domain.results import effective, requests
from fanfold_core.domain.spans import Span

ALL = sent(4)


def request(job: JobRecord, span: Span, attempt: int = 1) -> RequestId:
    return RequestId(job.id, 0, span, attempt)


def collect(system: System, job: JobRecord, *outcomes: Outcome) -> None:
    """Collect outcomes of requests that have been sent."""
    for outcome in outcomes:
        if not isinstance(outcome, Unsent):
            system.ledger.raise_attempts(job.id, 0, outcome.id.attempt)
    system.collector.collect(job.id, 0, outcomes)


def test_answers_cover_their_rows_and_a_done_chunk_its_job(system: System) -> None:
    job = system.split()
    system.answer(job, 0, *ALL[:-1])
    assert not system.ledger.chunk(job.id, 0).is_done
    system.answer(job, 0, ALL[-1])
    chunk, known = system.ledger.chunk(job.id, 0), system.ledger.job(job.id)
    assert chunk.is_done
    assert chunk.frozen
    assert (set(known.covered), set(known.fields)) == ({0}, {"label"})


def test_a_done_chunk_makes_room_for_the_next(system: System) -> None:
    job = system.split()
    system.messages()
    system.answer(job, 0, *ALL)
    assert system.messages() == [Dispatch(job.id, 2)]


def test_the_last_answer_closes_the_job(system: System) -> None:
    job = system.split(b"text\r\none\r\n")
    system.messages()
    system.answer(job, 0, Span(0, 1))
    assert system.messages() == [Assemble(job.id)]
    assert system.ledger.job(job.id).outcome is State.SUCCEEDED


def test_an_answer_that_was_not_included_is_read_where_it_lies(system: System) -> None:
    job = system.split()
    place = system.place(request(job, Span(0, 1)))
    system.store.upload(OUTPUT, place.partition(OUTPUT)[2][1:], predictions(1).results.encode(), {})
    collect(system, job, Answered(request(job, Span(0, 1)), None, place))
    assert system.ledger.chunk(job.id, 0).predicted == {Span(0, 1)}


def test_answers_to_several_rows_are_held_until_a_row_alone_was_predicted(system: System) -> None:
    job = system.split()
    system.answer(job, 0, Span(1, 2))
    held = system.ledger.chunk(job.id, 0)
    assert [held.held, held.covered] == [{Span(1, 2)}, set()]
    system.answer(job, 0, Span(0, 1))
    assert system.ledger.chunk(job.id, 0).predicted == {Span(0, 1), Span(1, 2)}


def test_rows_are_counted_when_they_are_covered_and_all_that_share_an_answer(system: System) -> None:
    job = system.split(b"id,text\r\n1,one\r\n2,two\r\n3,three\r\n4,two\r\n")
    system.dispatcher.dispatch(job.id, 0, in_time)
    answers = [system.answered(job, 0, span) for span in (Span(1, 2), Span(0, 1))]
    found = [system.collector.collect(job.id, 0, [answer]).rows_predicted for answer in answers]
    assert found == [0, 4]
    job = system.split(b"id,text\r\n1,\r\n2,two\r\n3,\r\n")
    unsent = Unsent(job.id, 0, (Unsendable(Span(0, 1), "input is empty"),))
    system.dispatcher.dispatch(job.id, 0, in_time)
    assert system.collector.collect(job.id, 0, [unsent]).rows_failed == 2


def test_held_answers_of_a_model_that_does_not_answer_row_by_row_are_asked_for_again(system: System) -> None:
    job = system.split()
    system.messages()
    system.answer(job, 0, Span(1, 2))
    short = request(job, Span(2, 2))
    collect(system, job, Answered(short, predictions(1).results.encode(), system.place(short)))
    assert system.messages() == [Dispatch(job.id, 0, {Span(1, 2): 2, Span(2, 2): 2})]
    assert system.ledger.job(job.id).rows_per_request == 1
    assert not system.ledger.chunk(job.id, 0).covered


def test_an_answer_that_is_held_is_witness_that_the_endpoint_works(system: System) -> None:
    job = system.split()
    system.answer(job, 0, Span(1, 2))
    system.messages()
    system.clock.pass_by(60)
    reason = "Received server error (500) from model"
    collect(system, job, Broken(request(job, Span(0, 1)), reason))
    assert [message for message in system.messages() if message.witness] == [], "others are under way"
    system.clock.pass_by(60)
    collect(system, job, Broken(request(job, Span(0, 1), 2), reason))
    assert Dispatch(job.id, 0, witness=Span(1, 2)) in system.messages(), "none was answered meanwhile"


def test_where_the_first_row_is_an_error_the_next_one_is_sent_alone(system: System) -> None:
    job = system.split()
    system.messages()
    collect(system, job, Refused(request(job, Span(0, 1), 3), "no"))
    assert system.messages() == [Dispatch(job.id, 0, probe=1)]


@pytest.mark.parametrize(("label", "fits"), [("x" * 299_986, True), ("x" * 299_987, False), ("é" * 150_000, False)])
def test_an_answer_too_large_for_the_ledger_is_kept_beside_it(system: System, label: str, *, fits: bool) -> None:
    job = system.split()
    one = request(job, Span(0, 1))
    answer = predictions(1, label).results.encode()
    collect(system, job, Answered(one, answer, system.place(one)))
    (outcome,) = system.ledger.outcomes(job.id, 0)
    key = answer_key(one)
    if fits:
        assert (outcome.results, outcome.location) == (answer.decode(), None)
        assert list(system.store.keys("answers/")) == []
    else:
        assert (outcome.results, outcome.location) == (None, system.store.location(key))
        assert system.store.read(key) == answer


def test_an_answer_that_is_gone_is_asked_for_again(system: System) -> None:
    job = system.split()
    system.messages()
    collect(system, job, Answered(request(job, Span(0, 2)), None, system.place(request(job, Span(0, 2)))))
    assert system.messages() == [Dispatch(job.id, 0, {Span(0, 2): 2})]


def test_a_broken_request_is_sent_again_whole_and_each_time_later(system: System) -> None:
    job = system.split()
    system.messages()
    delays = []
    for attempt in range(1, 10):
        collect(system, job, Broken(request(job, Span(0, 2), attempt), "status 500"))
        delays += system.delays()
        assert system.messages() == [Dispatch(job.id, 0, {Span(0, 2): attempt + 1})]
    assert delays == sorted(delays)
    assert delays[0] < delays[-1] == 900
    assert system.ledger.job(job.id).trouble.words == "status 500"


@pytest.mark.parametrize("failed", [Broken, Refused])
def test_a_mark_is_read_once_for_each_failure(
    system: System, monkeypatch: pytest.MonkeyPatch, failed: type[Broken | Refused]
) -> None:
    job = system.split()
    reads: list[Span] = []
    mark = system.ledger.mark

    def reading(job_id: str, chunk: int, span: Span) -> Mark:
        reads.append(span)
        return mark(job_id, chunk, span)

    monkeypatch.setattr(system.ledger, "mark", reading)
    collect(system, job, *(failed(request(job, Span(row, 1)), "status 500") for row in range(4)))
    assert reads == [Span(row, 1) for row in range(4)]


def test_a_refused_request_is_halved(system: System) -> None:
    job = system.split()
    system.messages()
    collect(system, job, Refused(request(job, Span(0, 2)), "no"))
    assert system.messages() == [Dispatch(job.id, 0, {Span(0, 1): 1, Span(1, 1): 1})]


def test_a_refused_row_is_tried_three_times_and_is_then_an_error(system: System) -> None:
    job = system.split()
    system.answer(job, 0, Span(0, 1))
    system.messages()
    for attempt in (1, 2):
        collect(system, job, Refused(request(job, Span(1, 1), attempt), "no"))
        assert system.messages() == [Dispatch(job.id, 0, {Span(1, 1): attempt + 1})]
    collect(system, job, Refused(request(job, Span(1, 1), 3), "no"))
    assert system.messages() == []
    assert system.ledger.chunk(job.id, 0).failed == {Span(1, 1)}


def test_a_failed_attempt_is_acted_upon_once(system: System) -> None:
    job = system.split()
    system.messages()
    for _ in range(2):
        collect(system, job, Refused(request(job, Span(0, 2)), "no"))
    assert len(system.messages()) == 1


def test_a_covered_span_is_not_tried_again(system: System) -> None:
    job = system.split()
    system.messages()
    system.answer(job, 0, *ALL)
    system.messages()
    collect(system, job, Broken(request(job, Span(1, 2), 2), "status 500"))
    assert system.messages() == []


def test_rows_that_could_not_be_sent_are_errors_at_once(system: System) -> None:
    job = system.split()
    collect(system, job, Unsent(job.id, 0, (Unsendable(Span(0, 2), "input is empty"),)))
    assert system.ledger.chunk(job.id, 0).failed == {Span(0, 2)}
    assert [outcome.reason for outcome in system.ledger.outcomes(job.id, 0)] == ["input is empty"]


def test_nothing_is_tried_again_for_a_job_that_closes_but_answers_are_kept(system: System) -> None:
    job = system.split()
    system.follow_up.close(job.id, State.CANCELLED, "cancelled")
    system.messages()
    collect(system, job, Broken(request(job, Span(0, 2)), "status 500"))
    system.answer(job, 0, Span(3, 1))
    assert system.messages() == []
    assert system.ledger.chunk(job.id, 0).predicted == {Span(3, 1)}


ANSWERED = [Span(0, 4), Span(0, 2), Span(2, 2), Span(0, 1), Span(1, 1)]


@settings(max_examples=40)
@given(st.permutations(ANSWERED * 2))
def test_the_order_and_number_of_answers_change_nothing(order: list[Span]) -> None:
    system = System()
    job = system.split()
    for span in order:
        system.answer(job, 0, span)
    assert system.ledger.chunk(job.id, 0).is_done
    assert system.ledger.job(job.id).done == 1
    assert [message for message in system.messages() if message == Dispatch(job.id, 2)] == [Dispatch(job.id, 2)]


SCORES = '{"properties": {"score": {"maximum": 1}}}'


def scored(system: System, request: RequestId, *scores: int) -> Answered:
    results = json.dumps([{"label": f"label {number}", "score": score} for number, score in enumerate(scores)])
    return Answered(request, results.encode(), system.place(request))


def test_rows_whose_results_do_not_match_are_sent_again_alone_and_their_neighbours_are_not(system: System) -> None:
    job = system.split(response_schema=SCORES, rows_per_request="4")
    one, several = request(job, Span(0, 1)), request(job, Span(1, 3))
    collect(system, job, scored(system, one, 0))
    system.messages()
    for _ in range(2):
        collect(system, job, scored(system, several, 1, 7, 1))
    assert system.ledger.chunk(job.id, 0).predicted == {Span(0, 1), Span(1, 1), Span(3, 1)}
    assert system.messages() == [Dispatch(job.id, 0, {Span(2, 1): 1})]
    assert requests(system.ledger.outcomes(job.id, 0)) == {Span(0, 1): 1, Span(1, 3): 1, Span(1, 1): 0, Span(3, 1): 0}
    for attempt in (1, 2, 3):
        collect(system, job, scored(system, request(job, Span(2, 1), attempt), 9))
    chunk = system.ledger.chunk(job.id, 0)
    assert chunk.is_done
    assert chunk.failed == {Span(2, 1)}
    assert sum(requests(system.ledger.outcomes(job.id, 0)).values()) == 5


def test_a_request_that_was_answered_twice_in_other_words_has_a_result_for_each_row(system: System) -> None:
    job = system.split(response_schema=SCORES, rows_per_request="4")
    collect(system, job, scored(system, request(job, Span(0, 1)), 0))
    for scores in ((1, 7, 0), (7, 1, 1)):
        collect(system, job, scored(system, request(job, Span(1, 3)), *scores))
    chunk = system.ledger.chunk(job.id, 0)
    assert chunk.is_done
    final = final_answers(system.ledger, system.store, job, chunk, effective(system.ledger.outcomes(job.id, 0), chunk))
    assert [result["label"] for result in final.results] == ["label 0", "label 0", "label 1", "label 2"]
    assert not final.failed


def test_results_that_match_are_held_until_a_row_alone_was_predicted(system: System) -> None:
    job = system.split(response_schema=SCORES, rows_per_request="4")
    collect(system, job, scored(system, request(job, Span(1, 3)), 1, 7, 1))
    held = system.ledger.chunk(job.id, 0)
    assert [held.held, held.covered] == [{Span(1, 1), Span(3, 1)}, set()]
    assert not held.is_aligned
    short = request(job, Span(1, 3), 2)
    collect(system, job, scored(system, short, 1))
    assert system.ledger.job(job.id).state is State.RUNNING, "one result for three rows, not whatever it is sent"
