"""The splitter: chunks depend on the file alone, and whoever goes on stores the same."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.values import INPUT, KEY
from tests.unit.app.conftest import CONTENT, System, in_time, out_of_time

from fanfold_core.app.rounds import start_retry
from fanfold_core.aws.messages import Assemble, Dispatch, Resume
from fanfold_core.domain.errors import ObjectGoneError
from fanfold_core.domain.job import State
from fanfold_core.domain.order import Order


def test_a_file_becomes_chunks_whose_bytes_and_rows_follow_one_another(system: System) -> None:
    job = system.split()
    chunks = system.chunks(job)
    assert [(chunk.first_row, chunk.rows) for chunk in chunks] == [(0, 4), (4, 4), (8, 2)]
    assert [chunk.start for chunk in chunks[1:]] == [chunk.end for chunk in chunks[:-1]]
    assert (job.total, job.rows, job.state) == (3, 10, State.RUNNING)


def test_the_first_chunks_are_released_as_the_window_takes_them(system: System) -> None:
    job = system.split()
    assert system.messages() == [Dispatch(job.id, 0), Dispatch(job.id, 1)]
    assert system.ledger.job(job.id).released == 2


def test_the_same_upload_twice_is_one_job(system: System) -> None:
    job = system.split()
    system.messages()
    assert system.splitter.begin(INPUT, KEY, job.source.version, in_time) == system.ledger.job(job.id)
    assert system.messages() == []


def test_chunks_of_a_job_that_an_earlier_version_began_are_sent_as_they_stand_in_the_file(system: System) -> None:
    """Its dispatcher may still be at work, and leaves no word of the order in which it sends."""
    job = system.splitter.begin(INPUT, KEY, system.store.upload(INPUT, KEY, CONTENT[:-20], {}), out_of_time)
    system.splitter.split(replace(job, as_in_file=True), in_time)
    assert [chunk.order for chunk in system.chunks(job)] == [None, Order.of_file(4)]


def test_an_object_that_is_gone_makes_no_job(system: System) -> None:
    with pytest.raises(ObjectGoneError):
        system.splitter.begin(INPUT, KEY, "version-1", in_time)
    assert list(system.ledger.open_jobs()) == []


def test_who_has_no_time_goes_on_in_the_next_message(system: System) -> None:
    whole = System()
    expected = whole.chunks(whole.split())
    job = system.splitter.begin(INPUT, KEY, system.store.upload(INPUT, KEY, CONTENT, {}), out_of_time)
    for _ in range(3):
        assert Resume(job.id) in system.messages()
        job = system.splitter.resume(job.id, out_of_time)
    assert [(chunk.start, chunk.end) for chunk in system.chunks(job)] == [
        (chunk.start, chunk.end) for chunk in expected
    ]
    assert system.splitter.resume(job.id, in_time).total == 3


@pytest.mark.parametrize(
    ("content", "metadata", "reason"),
    [
        (b"", {}, "the file is empty"),
        (b"id,text\r\n", {}, "no rows"),
        (b'id,text\r\n1,"open\r\n', {}, "quote"),
        (b"id,text\r\n1,a\r\n", {"rows_per_request": "many"}, "rows-per-request"),
        (b"id,text\r\n1,a\r\n", {"input_column": "tweet"}, "tweet"),
    ],
)
def test_a_file_that_cannot_be_read_fails_with_the_reason_and_is_assembled(
    system: System, content: bytes, metadata: dict[str, str], reason: str
) -> None:
    job = system.split(content, **metadata)
    assert (job.state, job.outcome) == (State.CLOSING, State.FAILED)
    assert reason in job.reason
    assert system.messages()[-1] == Assemble(job.id)


@pytest.mark.parametrize("name", ["book.xlsx", "reviews.parquet.gz"])
def test_an_object_that_is_no_text_with_rows_by_its_name_is_a_job_that_says_so(system: System, name: str) -> None:
    version = system.store.upload(INPUT, name, CONTENT, {})
    job = system.splitter.begin(INPUT, name, version, in_time)
    assert (job.state, job.outcome) == (State.CLOSING, State.FAILED)
    assert "name must end in .csv, .tsv, .txt, .jsonl, .ndjson or .parquet; all but the last may be" in job.reason
    assert system.messages() == [Assemble(job.id)]


def test_cells_end_at_tabs_by_the_name_of_a_file_unless_its_options_say_otherwise(system: System) -> None:
    content, one = b"id\ttext\n1\tso good\n", {"header": "absent"}
    jobs = [
        system.splitter.begin(INPUT, name, system.store.upload(INPUT, name, content, given), in_time)
        for name, given in [("a.tsv", {}), ("a.txt", {}), ("b.tsv", {"delimiter": ",", **one}), ("c.csv", one)]
    ]
    assert [job.known_layout.columns for job in jobs] == [("id", "text")] * 2 + [("column_1",)] * 2
    assert ["Cells end at tabs, by the name of the file." in job.known_layout.assumed for job in jobs] == [
        *[True] * 2,
        *[False] * 2,
    ]


@given(rows=st.integers(1, 40), part_bytes=st.integers(1, 200))
def test_parts_cover_all_chunks_without_a_gap(rows: int, part_bytes: int) -> None:
    system = System()
    content = b"text\r\n" + b"x\r\n" * rows
    version = system.store.upload(INPUT, KEY, content, {})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("fanfold_core.app.split._LEAST_PART", part_bytes)
        job = system.splitter.begin(INPUT, KEY, version, in_time)
    parts = system.assembler.parts(job)
    assert [part.number for part in parts] == list(range(len(parts)))
    covered = [number for part in parts for number in range(part.first, part.end)]
    assert covered == list(range(job.stored))


BAD = '{"rows-per-request": "many"}'


def test_bad_defaults_of_the_stack_end_a_job_with_words_and_its_retry_has_those_that_are_mended(system: System) -> None:
    mended, system.splitter = system.splitter, replace(system.splitter, job_defaults=BAD)
    job = system.split(max_attempts="5")
    words = "the stack's parameter JobDefaults: option rows-per-request is 'many'; it must be a number from 1 to 1000"
    assert (job.outcome, job.reason) == (State.FAILED, words)
    system.assembler.assemble(job.id)
    following = start_retry(job.id, system.ledger, system.queues, system.clock())
    assert system.splitter.resume(following.id, in_time).reason == words
    system.assembler.assemble(following.id)
    following = start_retry(following.id, system.ledger, system.queues, system.clock())
    job = mended.resume(following.id, in_time)
    assert (job.options.rows_per_request, job.options.max_attempts, job.total) == (2, 5, 3)


def test_a_retry_of_a_file_whose_name_is_wrong_ends_with_the_same_words(system: System) -> None:
    version = system.store.upload(INPUT, "noext", b"text\nso good\n", {})
    job = system.splitter.begin(INPUT, "noext", version, in_time)
    assert (job.outcome, job.reason[:38]) == (State.FAILED, "the file's name must end in .csv, .tsv")
    system.assembler.assemble(job.id)
    following = start_retry(job.id, system.ledger, system.queues, system.clock())
    again = system.splitter.resume(following.id, in_time)
    assert (again.outcome, again.reason, again.stored) == (State.FAILED, job.reason, 0)


def test_a_job_that_has_begun_is_not_ended_by_bad_defaults_that_come_later(system: System) -> None:
    job = system.split()
    later = replace(system.splitter, job_defaults=BAD)
    assert later.begin(INPUT, KEY, job.source.version, in_time) == system.ledger.job(job.id)
    assert system.ledger.job(job.id).state is State.RUNNING


COLUMN_OF_STACK = '{"input-column": "txt"}'


@pytest.mark.parametrize(
    ("job_defaults", "metadata", "reason"),
    [
        (COLUMN_OF_STACK, {}, "by input-column in the stack's parameter JobDefaults: no column is named 'txt': give"),
        (COLUMN_OF_STACK, {"input-column": "txet"}, "no column is named 'txet': give"),
        ("{}", {"input-column": "txt"}, "no column is named 'txt': give"),
    ],
)
def test_what_the_stack_says_of_all_files_is_not_blamed_on_one(
    system: System, job_defaults: str, metadata: dict[str, str], reason: str
) -> None:
    system.splitter = replace(system.splitter, job_defaults=job_defaults)
    version = system.store.upload(INPUT, KEY, CONTENT, metadata)
    assert system.splitter.begin(INPUT, KEY, version, in_time).reason.startswith(reason)


def test_a_reason_stands_whatever_the_stacks_defaults_are_by_then(system: System) -> None:
    version = system.store.upload(INPUT, KEY, CONTENT + b'11,"so good\n', {})
    job = system.splitter.begin(INPUT, KEY, version, out_of_time)
    system.splitter = replace(system.splitter, job_defaults="no JSON")
    assert system.splitter.resume(job.id, in_time).reason.startswith("row 10: a quote opens")
