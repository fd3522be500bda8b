"""Whatever is in a file, in its options or in a model's answers: its job ends, and every row is accounted for."""

from urllib.parse import quote, unquote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.pipeline import models
from tests.pipeline.handlers import Handlers
from tests.pipeline.hostile import HARMLESS, HEADER, LARGE, MoodyModel, Upload, moody_models, options, uploads
from tests.pipeline.models import CANARY, label
from tests.pipeline.pipeline import Ended, Pipeline

from fanfold_core.domain.job import State
from fanfold_core.input.json.text import MOST_LEVELS

BLOCKS, LEAST_EXAMPLES = 4, 300
GOOD = MoodyModel(("good",), 0)
ONE = Upload(b"id,text,label\r\n0,so good,own\r\n", (("0", "so good", "own"),))
LARGE_CELL = Upload(b"id,text,label\r\n0," + b"a" * LARGE + b",own\r\n", (("0", "a" * LARGE, "own"),))
EIGHT = Upload(b"text\n" + b"so good\n" * 8, None)


# In blocks, so that they run side by side.
@pytest.mark.parametrize("block", range(BLOCKS))
@settings(
    max_examples=max(LEAST_EXAMPLES, settings().max_examples) // BLOCKS,
    # What a job costs depends on what it meets.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
@given(upload=uploads(), metadata=options(), model=moody_models())
@example(upload=ONE, metadata={"input-expression": quote(f"{'(' * 900}text{')' * 900}")}, model=GOOD)
@example(upload=ONE, metadata={"input-expression": quote("text" + "|[@,@]" * 20)}, model=GOOD)
@example(upload=ONE, metadata={"input-expression": quote("[text, label][0:1]")}, model=GOOD)
@example(upload=ONE, metadata={"input-expression": quote("&text")}, model=GOOD)
@example(upload=LARGE_CELL, metadata={"input-expression": "abs(text)"}, model=GOOD)
@example(upload=LARGE_CELL, metadata={"prompt": quote("{text}" * 8)}, model=GOOD)
@example(upload=ONE, metadata={"prompt": quote("{text}"), "rows-per-request": "1"}, model=GOOD)
@example(upload=LARGE_CELL, metadata={"rows-per-request": "2"}, model=MoodyModel(("large error",), 0))
@example(upload=EIGHT, metadata={}, model=MoodyModel(("results:2",), 0))
def test_a_job_ends_and_every_row_is_accounted_for(
    handlers: Handlers, block: int, upload: Upload, metadata: dict[str, str], model: MoodyModel
) -> None:
    del block
    ended = Pipeline(handlers, model()).run(upload.content, metadata)
    check_files(ended)
    if metadata.get("header") != "present":
        assert CANARY not in handlers.told()
    if model.is_nobodys and "result-expression" not in metadata:
        assert not ended.summary["predicted"]
    is_known = upload.rows is not None and metadata.keys() <= {"deadline-hours", *HARMLESS}
    if is_known and ended.job.layout and upload.rows is not None:
        check_rows(ended, upload.rows, metadata)


@settings(
    max_examples=max(LEAST_EXAMPLES, settings().max_examples) // BLOCKS,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
@given(upload=uploads(), metadata=options(), served=st.tuples(moody_models(), moody_models()), cut=st.integers(0, 3))
def test_what_a_job_has_predicted_another_one_since_it_has_too(
    handlers: Handlers, upload: Upload, metadata: dict[str, str], served: tuple[MoodyModel, MoodyModel], cut: int
) -> None:
    pipeline = Pipeline(handlers, served[0]())
    before = pipeline.run(upload.content, metadata)
    pipeline.model = served[1]()
    # With other lines, of which some were there before.
    lines = upload.content.splitlines(keepends=True)
    content = b"".join(lines[: len(lines) - cut] + lines[1 : 1 + cut]) if cut else upload.content
    after = pipeline.run(content, {**metadata, "since": before.job.id})
    check_files(after)
    assert after.summary["reused"] <= after.summary["predicted"]
    is_known = upload.rows is not None and metadata.keys() <= {"deadline-hours", *HARMLESS}
    if is_known and not cut and before.job.layout and after.job.layout and upload.rows is not None:
        check_rows(after, upload.rows, metadata)
    if not cut and after.state is not State.FAILED:
        # What is too large for an item of the ledger is sent again.
        was = [not line[-1] and sum(map(len, line)) < LARGE // 4 for line in before.lines[1:]]
        assert all(not line[-1] for line, predicted in zip(after.lines[1:], was, strict=False) if predicted)
        assert after.summary["reused"] >= sum(was)


def check_files(ended: Ended) -> None:
    """The files agree with one another, and a failure has its words."""
    header, *lines = ended.lines
    assert all(len(line) == len(header) for line in lines)
    added = header[len(ended.job.layout.columns) if ended.job.layout else 0 :]
    assert len(set(added)) == len(added)
    failed = [line for line in lines if line[-1]]
    summary = ended.summary
    assert summary["state"] == ended.state
    assert (summary["rows"], summary["failed"]) == (len(lines), len(failed))
    match ended.state:
        case State.FAILED:
            assert ended.job.reason
        case State.SUCCEEDED:
            assert not failed
            assert len(lines) == ended.job.rows
        case _:
            assert (ended.state, len(lines)) == (State.COMPLETED_WITH_ERRORS, ended.job.rows)
            assert failed
    assert len(ended.failed) == len(failed)


def check_rows(ended: Ended, rows: tuple[tuple[str, ...], ...], metadata: dict[str, str]) -> None:
    """Every row stands in its place, and no answer beside another row than its own."""
    _, *lines = ended.lines
    if ended.state is not State.FAILED:
        assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=False):
        assert tuple(line[: len(HEADER)]) == (*row, "")[: len(HEADER)]
        changed = [name for name in metadata if name.endswith("-expression") or name == "prompt"]
        if all(unquote(metadata[name]) in {"", "{text}"} for name in changed):
            labels = [cell for cell in line[len(HEADER) :] if cell.startswith("of ")]
            assert labels in ([], [label(row[1])])


@pytest.mark.parametrize("number", ["1e400", "-1E+999", "NaN"])
def test_parameters_with_a_number_that_is_not_finite_end_the_job_in_words(handlers: Handlers, number: str) -> None:
    ended = Pipeline(handlers, GOOD()).run(ONE.content, {"parameters": quote(f'{{"a": {number}}}')})
    assert (ended.state, len(ended.requests)) == (State.FAILED, 0)
    assert f"({number} is no finite number)" in ended.job.reason


@pytest.mark.parametrize("number", ["nan", "inf", "1e999"])
def test_a_cell_that_an_expression_makes_no_number_of_costs_its_row_alone(handlers: Handlers, number: str) -> None:
    content = f"id,text\n0,{number}\n1,7\n".encode()
    ended = Pipeline(handlers, GOOD()).run(content, {"input-expression": "to_number(text)"})
    assert ended.state is State.COMPLETED_WITH_ERRORS
    assert [row["label"] for row in ended.rows] == ["", "of 7"]
    assert "input-expression" in ended.rows[0]["error"]


@pytest.mark.parametrize("levels", [*range(95, 106), 500, 900, 960, 990])
def test_an_answer_of_any_depth_is_read_or_refused(handlers: Handlers, levels: int) -> None:
    answer = models.response("[" * levels + "]" * levels)
    ended = Pipeline(handlers, lambda _: answer).run(b"text\nso good\n")
    is_read = levels <= MOST_LEVELS
    assert ended.state is (State.SUCCEEDED if is_read else State.COMPLETED_WITH_ERRORS)
    assert is_read or "nested too deeply" in ended.rows[0]["error"]
