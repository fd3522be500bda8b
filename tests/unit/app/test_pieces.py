"""Parts of results that are much larger than their texts are built in pieces, by whoever and however often."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.app.conftest import System, sent

from fanfold_core.aws.messages import Assemble
from fanfold_core.domain.errors import PieceChangedError
from fanfold_core.domain.job import JobRecord, State
from fanfold_core.domain.keys import result_key
from fanfold_core.domain.outcomes import Unsent
from fanfold_core.domain.parts import Part, Piece
from fanfold_core.domain.requests import Unsendable
from fanfold_core.domain.spans import Span

ROWS = 60
CONTENT = b"id,text\r\n" + b"".join(b"%d,text %d\r\n" % (row, row) for row in range(ROWS))
# So that results are much larger than their texts.
LABEL = "good" * 30
PIECES = "fanfold_core.app.assemble.pieces._PIECE_BYTES"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part has about twenty rows, and a piece has four: those of a chunk."""
    for name in ("fanfold_core.app.split._LEAST_PART", "tests.fakes.store.LEAST_PART"):
        monkeypatch.setattr(name, 200)
    monkeypatch.setattr(PIECES, 10)


def answered(content: bytes = CONTENT) -> tuple[System, JobRecord]:
    """A job of which all rows but the last of each chunk have a prediction."""
    system = System()
    job = system.split(content, labels=json.dumps({"GOOD": LABEL}))
    for chunk in system.chunks(job):
        last = chunk.rows - 1
        system.answer(job, chunk.number, *sent(last))
        unsent = Unsent(job.id, chunk.number, (Unsendable(Span(last, 1), "input is empty"),))
        system.collector.collect(job.id, chunk.number, [unsent])
    system.messages()
    return system, job


def parts(system: System) -> Iterator[Part]:
    return (message.part for message in system.messages() if isinstance(message, Assemble) and message.part)


def written(system: System, job: JobRecord) -> tuple[Any, ...]:
    """The files, of which the report and the costs know how often the rows were asked for."""
    files = [system.store.read(result_key(job.id, name)) for name in ("results.csv", "errors.csv", "summary.json")]
    summary = json.loads(files.pop())
    return *files, {name: summary[name] for name in ("state", "rows", "predicted", "failed", "invalid", "requests")}


@settings(max_examples=30)
@given(data=st.data())
def test_pieces_in_any_order_and_twice_make_the_files_that_whole_parts_make(data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as whole:
        whole.setattr(PIECES, 1_000_000)
        expected = answered()
        expected[0].finish(expected[1])
    system, job = answered()
    system.assembler.assemble(job.id)
    waiting = [*parts(system)] * 2
    while waiting:
        part = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
        system.assembler.build(job.id, part)
        waiting += parts(system)
    built = [one.piece for one in system.ledger.built(job.id)]
    assert built == [Piece(part, number) for part in range(3) for number in range(5)]
    assert system.ledger.job(job.id).state is State.COMPLETED_WITH_ERRORS
    assert written(system, job) == written(*expected)


def test_the_only_part_is_built_in_pieces_too() -> None:
    system, job = answered(CONTENT[: CONTENT.index(b"14,text")])
    assert system.finish(job).state is State.COMPLETED_WITH_ERRORS
    assert [one.piece for one in system.ledger.built(job.id)] == [Piece(0, number) for number in range(4)]
    lines = system.store.read(result_key(job.id, "results.csv")).decode().splitlines()
    assert [line.partition(",")[0] for line in lines[1:]] == [str(row) for row in range(14)]


def test_there_are_no_more_pieces_than_an_upload_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fanfold_core.app.assemble.pieces._MOST_UPLOADED", 7)
    system, job = answered()
    assert system.finish(job).state is State.COMPLETED_WITH_ERRORS
    numbers = [one.piece.upload_number(system.ledger.job(job.id).pieces) for one in system.ledger.built(job.id)]
    assert numbers == [0, 1, 2, 3, 4, 5]


def test_a_piece_that_is_not_what_it_was_is_not_uploaded() -> None:
    system, job = answered()
    system.assembler.assemble(job.id)
    first, *_ = parts(system)
    system.assembler.build(job.id, first)
    (rest,) = parts(system)
    system.store.delete(job.source.bucket, job.source.key)
    with pytest.raises(PieceChangedError, match="piece 0 of part 0 of the results is not what it was before"):
        system.assembler.build(job.id, first)
    system.assembler.build(job.id, rest)
    assert system.finish(job).state is State.FAILED
    lines = system.store.read(result_key(job.id, "results.csv")).decode().splitlines()
    assert len(lines) == 1 + ROWS
    assert [line.strip() for line in lines[1:5]] == [
        f"{row},text {row},{',input is empty' if row % 4 == 3 else LABEL + ','}" for row in range(4)
    ]
    assert sum(LABEL in line for line in lines) == ROWS * 3 / 4


def test_nobody_uploads_a_whole_part_of_which_another_has_built_a_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    system, job = answered()
    system.assembler.assemble(job.id)
    first, *_ = parts(system)
    system.assembler.build(job.id, first)
    monkeypatch.setattr(PIECES, 1_000_000)
    with pytest.raises(PieceChangedError):
        system.assembler.build(job.id, first)
