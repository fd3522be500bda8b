"""What the ledger promises of jobs and endpoints, each write delivered twice."""

from dataclasses import replace

from tests.contracts.conftest import JOB, each_raises, twice
from tests.fakes.values import LAYOUT, Clock, make_chunk, make_job

from fanfold_core.app.ports import Ledger
from fanfold_core.aws import items
from fanfold_core.domain.errors import UnknownJobError
from fanfold_core.domain.job import JobRecord, Model, Spent, State, Trouble
from fanfold_core.domain.outcomes import Health, Pause
from fanfold_core.domain.parts import Built, Part, Piece, Totals
from fanfold_core.domain.window import Progress

# Jobs


def test_a_job_is_created_once_and_the_first_one_stays(ledger: Ledger) -> None:
    ledger.create(JOB)
    first = ledger.job(JOB.id)
    assert ledger.create(make_job(part_bytes=7)) == first
    assert ledger.job(JOB.id) == first
    assert first.touched == int(JOB.created.timestamp())
    assert (first.source, first.options, first.model, first.state) == (
        JOB.source,
        JOB.options,
        JOB.model,
        State.RUNNING,
    )


def test_who_submitted_a_job_is_remembered_where_it_is_known(ledger: Ledger) -> None:
    assert ledger.create(JOB).submitted_by is None
    known = make_job("version-2", submitted_by="AWS:AIDAEXAMPLE")
    ledger.create(known)
    assert ledger.create(make_job("version-2", submitted_by=None)).submitted_by == "AWS:AIDAEXAMPLE"
    assert ledger.close(known.id, State.FAILED, "why").submitted_by == "AWS:AIDAEXAMPLE"


def test_an_unknown_job_is_an_error_and_no_write_makes_one(ledger: Ledger) -> None:
    each_raises(
        UnknownJobError,
        lambda: ledger.set_layout(JOB.id, LAYOUT),
        lambda: ledger.set_model(JOB.id, JOB.model),
        lambda: ledger.set_options(JOB.id, JOB.options),
        lambda: ledger.set_total(JOB.id, 1, 2),
        lambda: ledger.raise_released(JOB.id, 1),
        lambda: ledger.compact(JOB.id, 1, [0]),
        lambda: ledger.close(JOB.id, State.FAILED, "why"),
        lambda: ledger.cover_chunk(JOB.id, 0, ["label"]),
        lambda: ledger.set_upload(JOB.id, "upload", 1, []),
        lambda: ledger.fail_closing(JOB.id, "why"),
        lambda: ledger.set_ended(JOB.id, JOB.created),
        lambda: ledger.finish(JOB.id, State.FAILED, "why"),
        lambda: ledger.job(JOB.id),
    )


def test_a_layout_is_remembered(ledger: Ledger, job: JobRecord) -> None:
    assert twice(ledger.set_layout, job.id, LAYOUT).layout == LAYOUT
    assert ledger.job(job.id).layout == LAYOUT


def test_a_model_is_remembered_until_there_are_chunks(ledger: Ledger) -> None:
    pinned = Model("endpoint", "configuration", "owner/model", "4b7f2c1")
    job = ledger.create(JOB)
    assert twice(ledger.set_model, job.id, pinned).model == pinned
    ledger.store(job, make_chunk(0), None)
    assert twice(ledger.set_model, job.id, JOB.model).model == pinned
    assert ledger.job(job.id).model == pinned


def test_options_may_change_until_the_layout_is_known(ledger: Ledger) -> None:
    job, chosen = ledger.create(JOB), replace(JOB.options, rows_per_request=7)
    assert twice(ledger.set_options, job.id, chosen).options == chosen
    ledger.set_layout(job.id, LAYOUT)
    assert twice(ledger.set_options, job.id, JOB.options).options == chosen
    assert ledger.job(job.id).options == chosen


def test_a_job_that_an_earlier_version_began_is_sent_as_it_stands_in_its_file() -> None:
    item = items.job_item(JOB)
    earlier = {name: value for name, value in item["options"].items() if name != "duplicates"}
    assert [items.read_job({**item, "options": known}).as_in_file for known in (item["options"], earlier)] == [
        False,
        True,
    ]


def test_what_is_stored_only_rises(ledger: Ledger, job: JobRecord) -> None:
    for number in (2, 1):
        twice(ledger.store, job, make_chunk(number), None)
    assert ledger.job(job.id).stored == 3


def test_a_job_that_closes_takes_no_chunk_and_no_total(ledger: Ledger, job: JobRecord) -> None:
    ledger.close(job.id, State.CANCELLED, "cancelled")
    assert twice(ledger.store, job, make_chunk(1), None).stored == 1
    assert twice(ledger.set_total, job.id, 2, 20).total is None


def test_a_total_is_remembered(ledger: Ledger, job: JobRecord) -> None:
    known = twice(ledger.set_total, job.id, 1, 10)
    assert (known.total, known.rows) == (1, 10)


def test_what_is_released_only_rises(ledger: Ledger, job: JobRecord) -> None:
    for released in (2, 1, 2):
        ledger.raise_released(job.id, released)
    assert ledger.job(job.id).released == 2


def test_covered_chunks_are_a_set_that_is_compacted_from_below(ledger: Ledger, job: JobRecord) -> None:
    for number in (0, 1, 3):
        twice(ledger.cover_chunk, job.id, number, ["label"])
    twice(ledger.compact, job.id, 2, [0, 1])
    ledger.compact(job.id, 1, [0])
    known = twice(ledger.cover_chunk, job.id, 0, [])
    assert (known.low, set(known.covered), known.done) == (2, {0, 3}, 3)


def test_a_covered_chunk_adds_its_fields_and_the_time_when_it_has_any(
    ledger: Ledger, job: JobRecord, clock: Clock
) -> None:
    clock.pass_by(60)
    assert twice(ledger.cover_chunk, job.id, 0, ["label"]).answered == int(clock.time.timestamp())
    clock.pass_by(60)
    known = twice(ledger.cover_chunk, job.id, 1, [])
    assert (known.answered, set(known.fields)) == (int(clock.time.timestamp()) - 60, {"label"})


def test_a_job_closes_once_for_the_first_reason(ledger: Ledger, job: JobRecord) -> None:
    twice(ledger.close, job.id, State.CANCELLED, "cancelled")
    known = ledger.close(job.id, State.FAILED, "too late")
    assert (known.state, known.outcome, known.reason) == (State.CLOSING, State.CANCELLED, "cancelled")


def test_a_job_that_closes_can_become_a_failure_whose_first_reason_stays(ledger: Ledger, job: JobRecord) -> None:
    ledger.fail_closing(job.id, "not closing")
    ledger.close(job.id, State.SUCCEEDED, "")
    ledger.fail_closing(job.id, "the file is gone")
    ledger.fail_closing(job.id, "and something else")
    known = ledger.job(job.id)
    assert (known.state, known.outcome, known.reason) == (State.CLOSING, State.FAILED, "the file is gone")


def test_only_a_job_that_closes_is_finished_and_only_once(ledger: Ledger, job: JobRecord) -> None:
    assert ledger.finish(job.id, State.FAILED, "not yet").state is State.RUNNING
    ledger.close(job.id, State.SUCCEEDED, "")
    twice(ledger.finish, job.id, State.COMPLETED_WITH_ERRORS, "some")
    known = ledger.finish(job.id, State.FAILED, "too late")
    assert (known.state, known.reason) == (State.COMPLETED_WITH_ERRORS, "some")
    assert ledger.close(job.id, State.CANCELLED, "cancelled") == known


def test_open_jobs_are_those_that_run_or_close(ledger: Ledger) -> None:
    running, closing, ended = (ledger.create(make_job(version)) for version in ("v1", "v2", "v3"))
    for job in (closing, ended):
        ledger.close(job.id, State.SUCCEEDED, "")
    ledger.finish(ended.id, State.SUCCEEDED, "")
    assert set(ledger.open_jobs()) == {running.id, closing.id}


def test_an_upload_is_fixed_once_with_its_fields_while_the_job_closes(ledger: Ledger, job: JobRecord) -> None:
    assert ledger.set_upload(job.id, "early", 1, ["label"]).upload_id is None
    ledger.close(job.id, State.SUCCEEDED, "")
    twice(ledger.set_upload, job.id, "first", 3, ["label"])
    known = ledger.set_upload(job.id, "second", 2, ["score"])
    assert (known.upload_id, known.pieces, set(known.fields)) == ("first", 3, {"label"})


def test_parts_are_in_order_and_the_first_of_a_number_stays(ledger: Ledger, job: JobRecord) -> None:
    twice(ledger.store, job, make_chunk(2), Part(1, 2, 3))
    twice(ledger.store, job, make_chunk(1), Part(0, 0, 2))
    ledger.store(job, make_chunk(1), Part(0, 0, 1))
    assert list(ledger.parts(job.id)) == [Part(0, 0, 2), Part(1, 2, 3)]


def test_a_piece_stays_as_it_was_built_first(ledger: Ledger, job: JobRecord, clock: Clock) -> None:
    part, first = Built(Piece(1, 0), 2, Totals(rows=3, failed=1)), Built(Piece(0, 0), 0, Totals(rows=2), "4be3")
    assert twice(ledger.add_built, job, part) == part
    assert twice(ledger.add_built, job, first) == first
    clock.pass_by(60)
    assert ledger.add_built(job, Built(Piece(0, 0), 0, Totals(rows=9), "0d4a")) == first
    rest = ledger.add_built(job, Built(Piece(0, 1), 1, Totals(rows=9), "0d4a"))
    assert list(ledger.built(job.id)) == [first, rest, part]
    assert ledger.job(job.id).touched == int(clock().timestamp())


def test_parts_that_are_uploaded_are_remembered(ledger: Ledger, job: JobRecord) -> None:
    twice(ledger.add_part, job.id, 1)
    known = twice(ledger.add_part, job.id, 0)
    assert known.parts == {0, 1}
    assert ledger.job(job.id) == known


def test_files_of_a_table_that_are_written_are_remembered(ledger: Ledger, job: JobRecord, clock: Clock) -> None:
    twice(ledger.add_table, job.id, 3)
    clock.pass_by(60)
    known = twice(ledger.add_table, job.id, 0)
    assert known.tables == {0, 3}
    assert known.touched == int(clock().timestamp())
    assert ledger.job(job.id) == known


def test_what_a_job_has_spent_is_remembered_beside_what_its_parts_came_to(ledger: Ledger, job: JobRecord) -> None:
    assert ledger.spent(job.id) is None
    spent = Spent(chunks=3, rows=7, requests=9, instance_seconds=600, instances=2, at=1_790_000_000)
    twice(ledger.set_spent, job, spent)
    assert (ledger.spent(job.id), list(ledger.built(job.id))) == (spent, [])


def test_the_first_end_of_a_job_stays(ledger: Ledger, job: JobRecord, clock: Clock) -> None:
    first = clock()
    twice(ledger.set_ended, job.id, first)
    clock.pass_by(60)
    assert ledger.set_ended(job.id, clock()).ended == first


def test_a_job_remembers_its_last_trouble_and_since_when_it_is_of_that_kind(
    ledger: Ledger, job: JobRecord, clock: Clock
) -> None:
    first = int(clock.time.timestamp())
    for words in ("row 1 is too long", "row 2 is too long"):
        ledger.set_trouble(ledger.job(job.id), words)
        clock.pass_by(60)
    assert ledger.job(job.id).trouble == Trouble("row 2 is too long", first + 60, first)
    ledger.set_trouble(ledger.job(job.id), "x" * 600)
    assert ledger.job(job.id).trouble == Trouble("x" * 499 + "…", first + 120, first + 120)


def test_wrong_lengths_of_answers_are_a_set(ledger: Ledger, job: JobRecord) -> None:
    known = twice(ledger.add_mismatches, job.id, ["8:2"])
    assert known.mismatches == {"8:2"}
    assert known.rows_per_request == 1
    assert ledger.add_mismatches(job.id, ["1:2"]).mismatches == {"8:2", "1:2"}


# Endpoints


def test_an_endpoint_is_paused_until_somebody_says_otherwise(ledger: Ledger) -> None:
    assert ledger.health("endpoint") == Health()
    twice(ledger.set_pause, "endpoint", Pause(1_767_000_000, 300))
    assert ledger.health("endpoint").pause == Pause(1_767_000_000, 300)
    assert ledger.health("another") == Health()


def test_an_endpoint_is_known_by_when_it_last_answered_and_broke_a_request(ledger: Ledger, clock: Clock) -> None:
    first = int(clock.time.timestamp())
    ledger.set_pause("endpoint", Pause(7, 300))
    ledger.set_health("endpoint", answered=True, broken=False)
    clock.pass_by(60)
    ledger.set_health("endpoint", answered=False, broken=True)
    ledger.set_health("endpoint", answered=False, broken=False)
    assert ledger.health("endpoint") == Health(first, first + 60, Pause(7, 300))


def test_progress_is_kept_for_each_job_of_an_endpoint(ledger: Ledger) -> None:
    first, second = make_job("v1"), make_job("v2")
    twice(ledger.set_progress, first, Progress(1, 2, 3, 0.1))
    twice(ledger.set_progress, second, Progress(4, 5, 6, 1 / 3))
    ledger.set_progress(first, Progress(7, 8, 9, 2.5, 1 / 3))
    assert ledger.progress("endpoint") == {first.id: Progress(7, 8, 9, 2.5, 1 / 3), second.id: Progress(4, 5, 6, 1 / 3)}
    assert ledger.progress("another") == {}
