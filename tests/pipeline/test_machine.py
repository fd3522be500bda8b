"""Whatever is in a file, in its options or in a model's answers: its job ends, and every row is accounted for."""

import csv
import io
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, example, given, settings
from tests.pipeline.handlers import Handlers
from tests.pipeline.hostile import HARMLESS, HEADER, MoodyModel, Upload, moody_models, options, uploads
from tests.pipeline.models import label
from tests.pipeline.pipeline import Ended, Pipeline

from fanfold_core.domain.job import State

GOOD = MoodyModel(("good",), 0)
ONE = Upload(b"id,text,label\r\n0,so good,own\r\n", (("0", "so good", "own"),))


# What a job costs depends on what it meets, and cells are as long as they may be.
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much])
@given(upload=uploads(), metadata=options(), model=moody_models())
@example(upload=ONE, metadata={"parameters": '{"a":1e400}'}, model=GOOD)
def test_a_job_ends_and_every_row_is_accounted_for(
    handlers: Handlers, upload: Upload, metadata: dict[str, str], model: MoodyModel
) -> None:
    ended = Pipeline(handlers, model()).run(upload.content, metadata)
    check_files(ended)
    is_known = upload.rows is not None and metadata.keys() <= {"deadline-hours", *HARMLESS}
    if is_known and ended.job.layout and upload.rows is not None:
        check_rows(ended, upload.rows, metadata)


def check_files(ended: Ended) -> None:
    """The files agree with one another, and a failure has its words."""
    header, *lines = ended.lines
    assert all(len(line) == len(header) for line in lines)
    assert len(set(header[len(ended.job.layout.columns) if ended.job.layout else 0 :])) == len(header) - (
        len(ended.job.layout.columns) if ended.job.layout else 0
    )
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
    told = list(csv.reader(io.StringIO(ended.errors.decode("utf-8-sig"), newline="")))[1:]
    assert len(told) == len(failed)


def check_rows(ended: Ended, rows: tuple[tuple[str, ...], ...], metadata: dict[str, str]) -> None:
    """Every row stands in its place, and no answer beside another row than its own."""
    _, *lines = ended.lines
    if ended.state is not State.FAILED:
        assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=False):
        assert tuple(line[: len(HEADER)]) == (*row, "")[: len(HEADER)]
        if not any(unquote(text) for name, text in metadata.items() if name.endswith("-expression")):
            labels = [cell for cell in line[len(HEADER) :] if cell.startswith("of ")]
            assert labels in ([], [label(row[1])])
