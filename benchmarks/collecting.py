"""Collecting: processor time per row next to one `put_item` per row, and calls to AWS of the whole pipeline."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from measure import PYTHON, Figure, child, interleaved, show

from fanfold.project import find_root
from fanfold_core.aws.ledger import DynamoLedger
from fanfold_core.domain.job import Chunk, JobRecord, Model, Source
from fanfold_core.domain.options import Options
from fanfold_core.input.layout import Layout
from localaws.cloud import LocalCloud

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 9_600


def figures() -> Iterator[Figure]:
    """Measure for about three minutes."""
    with LocalCloud(find_root(), run_functions=False) as cloud:
        environ = {**cloud.environment, **cloud.function_environments()["CollectorFunction"]}
        table = cloud.session().resource("dynamodb").Table(cloud.outputs["LedgerTable"])
        ledger = DynamoLedger(table, lambda: datetime.now(UTC))
        cpu = interleaved(
            {
                "collect": lambda: float(
                    child(PYTHON, "sides/collect.py", "collect", make_job(ledger), ROWS, **environ)["cpu_us"]
                ),
                "put": lambda: float(child(PYTHON, "sides/collect.py", "put", "-", 300, **environ)["cpu_us"]),
            }
        )
    against = "one `put_item` per row with boto3"
    yield Figure("Collecting, CPU per row, 32 rows per request: times less", against, cpu["put"] / cpu["collect"], 50)
    few, many = (1000 * child(PYTHON, "sides/pipeline.py", rows)["calls"] / rows for rows in (10_000, 1_000_000))
    yield Figure(
        "AWS API calls per 1,000 rows, 32 rows per request", "SageMaker SDK loop: 3,000", few, 60, is_limit=True
    )
    yield Figure("The same at 1 million rows: times", "at 10 thousand rows", many / few, 1.02, is_limit=True)


def make_job(ledger: DynamoLedger) -> str:
    """A running job of one chunk, all of it sent."""
    layout = Layout(("id", "text"), has_header=True, input_index=1, first_byte=9, blank_is_row=False)
    now = datetime.now(UTC)
    job = JobRecord(
        id=f"bench-{uuid4().hex[:16]}",
        source=Source("input", "tweets.csv", "v1", "etag", 1_000_000),
        options=Options(rows_per_request=32),
        model=Model("fanfold", "", ""),
        created=now,
        expires=int(now.timestamp()) + 86_400,
        part_bytes=5 * 1024 * 1024,
    )
    ledger.create(job)
    ledger.store(ledger.set_layout(job.id, layout), Chunk(0, 9, 1_000_000, 0, ROWS, part_weight=1_000_000), None)
    return job.id


if __name__ == "__main__":
    show(figures())
