"""A results.csv in several parts, each built from a message of its own."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.functions.conftest import NOTHING_FAILED, System, body, event

from fanfold_core.domain.job import Chunk, JobRecord, Model, Source, State
from fanfold_core.domain.keys import result_key
from fanfold_core.domain.options import Options
from fanfold_core.domain.parts import Part
from fanfold_core.input.layout import Layout

# A part of an upload, unless it is the last, has 5 MiB at least.
TEXTS = ["x" * 2 * 1024 * 1024] * 3 + ["short"]


def closing_job(system: System) -> JobRecord:
    """A job of two parts that has failed before anything was predicted."""
    system.forget()
    bucket, content = system.cloud.outputs["InputBucket"], "\n".join(["text", *TEXTS, ""]).encode()
    put = system.s3.put_object(Bucket=bucket, Key="parts.csv", Body=content)
    system.messages("Uploads", expected=1)
    made = system.ledger.create(
        JobRecord(
            id=body("assembly")["job"],
            source=Source(bucket, "parts.csv", put["VersionId"], put["ETag"], len(content)),
            options=Options(),
            model=Model("fanfold", "", ""),
            created=datetime.now(UTC),
            expires=int((datetime.now(UTC) + timedelta(days=1)).timestamp()),
            part_bytes=5 * 1024 * 1024,
        )
    )
    layout = Layout(("text",), has_header=True, input_index=0, first_byte=5, blank_is_row=True)
    made = system.ledger.set_layout(made.id, layout)
    cut = len(content) - len(b"short\n")
    system.ledger.store(made, Chunk(0, 5, cut, 0, 3), None)
    system.ledger.store(made, Chunk(1, cut, len(content), 3, 1, part=1, part_first=1), Part(0, 0, 1))
    system.ledger.set_total(made.id, 2, 4)
    return system.ledger.close(made.id, State.FAILED, "the reason")


def build(system: System, message: dict[str, Any]) -> object:
    found = event("assembly")
    found["Records"][0]["body"] = json.dumps(message)
    return system.cloud.invoke("AssemblerFunction", found)


def test_parts_are_built_in_any_order_and_twice_and_make_one_file(system: System) -> None:
    job = closing_job(system)
    assert system.invoke("Assembler", "assembly") == NOTHING_FAILED
    first, second = system.messages("Assembly", expected=2)

    for message in (second, second, first, first):
        assert build(system, message) == NOTHING_FAILED

    header, *lines = system.read(result_key(job.id, "results.csv")).splitlines()
    assert header == "text,error"
    assert lines == [f"{text},job failed: the reason" for text in TEXTS]
    assert system.ledger.job(job.id).state is State.FAILED
