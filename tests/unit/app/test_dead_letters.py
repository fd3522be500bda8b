"""Dead letters: a message that no function can process ends its job, which keeps what is predicted."""

import json

import pytest
from tests.fakes.values import make_job
from tests.unit.app.conftest import System, in_time

from fanfold_core.app.rounds import start_retry
from fanfold_core.aws.messages import Assemble, Dispatch, Resume, Sweep, unsent_contents
from fanfold_core.domain.errors import AnnouncementError, NewerVersionError
from fanfold_core.domain.job import JobRecord, State
from fanfold_core.domain.keys import result_key
from fanfold_core.domain.requests import Unsendable
from fanfold_core.domain.spans import Span

QUIET = 301
# The spans of a chunk: a row alone, and then two in a request.
ALL = (Span(0, 1), Span(1, 2), Span(3, 1))


def sweep(system: System) -> list[JobRecord | None]:
    """Look through all dead letters."""
    return [system.sweeper.end_job_of(letter) for letter in system.dead_letters.read()]


def lines(system: System, job: JobRecord) -> list[str]:
    return system.store.read(result_key(job.id, "results.csv")).decode().splitlines()


@pytest.mark.parametrize("function", ["splitter", "dispatcher", "collector", "sweeper"])
def test_a_message_that_no_function_can_process_ends_its_job_with_the_rows_that_are_done(
    system: System, function: str
) -> None:
    job = system.split()
    system.answer(job, 0, *ALL)
    system.messages()
    system.ledger.set_trouble(job, f"{function}: KeyError: 'label'")
    content = {
        "splitter": Resume(job.id).content(),
        "dispatcher": Dispatch(job.id, 1).content(),
        "collector": next(unsent_contents(job.id, 1, [Unsendable(Span(0, 1), "input is empty")])),
        "sweeper": Sweep(job.id).content(),
    }[function]
    system.dead_letters.put(function, json.dumps(content))
    sweep(system)
    assert system.messages() == [Assemble(job.id)]
    ended = system.finish(job)
    assert ended.state is State.FAILED
    assert ended.reason == (
        f"the {function} cannot process a message of this job (last error: {function}: KeyError: 'label'): fix the "
        f"cause, then `fanfold retry {job.id}`"
    )
    assert lines(system, job)[4] == "3,text 3,GOOD,"
    assert lines(system, job)[5].startswith("4,text 4,,")


def test_a_letter_stays_until_its_job_has_ended(system: System) -> None:
    job = system.split()
    system.dead_letters.put("dispatcher", json.dumps(Dispatch(job.id, 0).content()))
    for _ in range(2):
        sweep(system)
        assert len(system.dead_letters.bodies) == 1
    assert system.messages()[-1:] == [Assemble(job.id)]
    system.finish(job)
    sweep(system)
    assert system.dead_letters.bodies == {}


@pytest.mark.parametrize("body", ["no JSON", "{}", '{"job": "nobody-0123456789abcdef", "chunk": 0}', '{"v": 2}'])
def test_a_letter_of_no_known_job_stays_for_somebody_to_look_at(system: System, body: str) -> None:
    system.dead_letters.put("dispatcher", body)
    assert [job for job in sweep(system) if job] == []
    assert len(system.dead_letters.bodies) == 1


def test_a_letter_of_a_job_that_a_newer_version_made_stays_for_that_version(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> JobRecord:
        raise NewerVersionError("job", 2, 1)

    system.dead_letters.put("dispatcher", json.dumps(Dispatch(make_job().id, 0).content()))
    monkeypatch.setattr(system.ledger, "job", refuse)
    assert sweep(system) == [None]
    assert len(system.dead_letters.bodies) == 1


def closing(system: System) -> JobRecord:
    """A cancelled job, of which a message of the assembly queue has died."""
    job = system.split()
    system.answer(job, 0, *ALL)
    system.follow_up.close(job.id, State.CANCELLED, "cancelled")
    system.messages()
    system.ledger.set_trouble(job, "assembler: ClientError: AccessDenied")
    system.dead_letters.put("assembler", json.dumps(Assemble(job.id).content()))
    return job


def test_a_cancelled_job_whose_files_cannot_be_written_ends_and_says_so(system: System) -> None:
    job = closing(system)
    system.clock.pass_by(QUIET)
    sweep(system)
    assert system.messages() == [Assemble(job.id, is_abandoned=True)]
    ended = system.assembler.abandon(job.id)
    assert (ended.state, ended.ended) == (State.FAILED, system.clock())
    assert ended.reason == (
        "cancelled; its results cannot be written (last error: assembler: ClientError: AccessDenied): fix the cause, "
        f"then `fanfold retry {job.id}`"
    )
    summary = json.loads(system.store.read(result_key(job.id, "summary.json")))
    assert (summary["state"], summary["reason"]) == ("FAILED", ended.reason)
    (announced,) = system.announcements.made
    assert {**announced, "details": "", "labels": {}, "evaluation": None} == summary
    assert system.assembler.abandon(job.id) == ended
    assert len(system.announcements.made) == 1


def test_a_job_that_is_being_assembled_is_not_given_up(system: System) -> None:
    job = closing(system)
    sweep(system)
    assert system.messages() == []
    assert system.finish(job).state is State.CANCELLED


def test_a_retry_writes_what_an_abandoned_job_had_predicted(system: System) -> None:
    job = closing(system)
    system.assembler.abandon(job.id)
    following = start_retry(job.id, system.ledger, system.queues, system.clock())
    system.splitter.resume(following.id, in_time)
    system.dispatcher.dispatch(following.id, 0, in_time)
    system.answer(following, 1, *ALL)
    system.answer(following, 2, Span(0, 1), Span(1, 1))
    assert system.finish(following).state is State.SUCCEEDED
    assert lines(system, following)[1:] == [f"{row},text {row},GOOD," for row in range(10)]


@pytest.mark.parametrize("broken", ["store.write", "announcements.job_ended", "ledger.built"])
def test_an_abandoned_job_ends_whatever_fails_of_it(
    system: System, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fail(*_: object) -> None:
        raise AnnouncementError("tweets-1f", "no")

    job = closing(system)
    port, _, method = broken.partition(".")
    monkeypatch.setattr(getattr(system, port), method, fail)
    with pytest.raises(AnnouncementError):
        system.assembler.abandon(job.id)
    assert system.ledger.job(job.id).state is State.FAILED
    assert len(system.announcements.made) == (broken == "store.write")


def test_an_outcome_of_a_chunk_that_never_was_is_somebody_elses(system: System) -> None:
    job = system.split()
    outcomes = [system.answered(job, 99, Span(0, 1))]
    assert system.collector.collect(job.id, 99, outcomes).foreign == 1
