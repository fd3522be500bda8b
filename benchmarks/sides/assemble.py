"""Writes results.csv of a job of so many rows, whose ledger and store are made up. Prints processor time and memory."""

from __future__ import annotations

import json
import resource
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

from fanfold_core.app.assemble import Assembler
from fanfold_core.domain.job import Chunk, JobRecord, Model, Part, Source, State, Totals
from fanfold_core.domain.options import Options
from fanfold_core.domain.order import Order
from fanfold_core.domain.results import SpanOutcome
from fanfold_core.domain.spans import Span
from fanfold_core.input.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS_PER_REQUEST, ROWS_PER_CHUNK = 32, 10_000
LINES = "".join(f'{row},"so good, no. {row}, and then some more of it",2024-01-01\r\n' for row in range(ROWS_PER_CHUNK))
SPANS = frozenset(
    Span(start, min(ROWS_PER_REQUEST, ROWS_PER_CHUNK - start)) for start in range(0, ROWS_PER_CHUNK, ROWS_PER_REQUEST)
)
# Its longest rows are sent last, as if there were a few of each length.
ORDER = Order.of([f"{row:0>{40 + row % 7}}" for row in range(ROWS_PER_CHUNK)], by_length=True, shares=True)
RESULTS = [{"label": "LABEL_2", "score": 0.98765432 - row / 1e6} for row in range(ROWS_PER_REQUEST)]


@dataclass(slots=True)
class World:
    """A ledger and a store of one job, of which every chunk is alike; what is written is counted and forgotten."""

    rows: int
    written: int = 0
    content: bytes = LINES.encode()
    results: str = json.dumps(RESULTS, separators=(",", ":"))

    def job(self, job_id: str) -> JobRecord:
        """The job, about to be assembled."""
        return JobRecord(
            id=job_id,
            source=Source("input", "tweets.csv", "v1", "etag", 0),
            options=Options(),
            model=Model("tweets", "", ""),
            created=datetime.now(UTC),
            expires=0,
            part_bytes=0,
            state=State.CLOSING,
            outcome=State.SUCCEEDED,
            layout=Layout(("id", "text", "day"), has_header=True, input_index=1, first_byte=0, blank_is_row=False),
            stored=self.rows // ROWS_PER_CHUNK,
            fields=frozenset({"label", "score"}),
            upload_id="",
        )

    def chunk(self, _: str, number: int) -> Chunk:
        """Any chunk."""
        first_row = number * ROWS_PER_CHUNK
        return Chunk(number, 0, len(self.content), first_row, ROWS_PER_CHUNK, order=ORDER, predicted=SPANS, frozen=True)

    def chunks(self, job_id: str, numbers: Any) -> Iterator[Chunk]:
        """Several."""
        return (self.chunk(job_id, number) for number in numbers)

    def outcomes(self, _job: str, _chunk: int) -> Iterator[SpanOutcome]:
        """What came back for its rows."""
        for start in range(0, ROWS_PER_CHUNK, ROWS_PER_REQUEST):
            rows = min(ROWS_PER_REQUEST, ROWS_PER_CHUNK - start)
            results = self.results if rows == ROWS_PER_REQUEST else json.dumps(RESULTS[:rows])
            yield SpanOutcome(Span(start, rows), results, None, 1)

    @contextmanager
    def open(self, _source: Source, _start: int, _end: int | None = None) -> Iterator[IO[bytes]]:
        """A chunk's bytes."""
        yield BytesIO(self.content)

    def write(self, _key: str, content: IO[bytes], _type: str) -> None:
        """Count what would be uploaded, read as boto3 reads it."""
        for block in iter(partial(content.read, 1024 * 1024), b""):
            self.written += len(block)

    def add_part(self, job: JobRecord, _part: int, _totals: Totals) -> JobRecord:
        """Remember nothing, so that nothing follows."""
        return job

    def parts(self, _job: str) -> Iterator[Part]:
        """None has ended before the last."""
        return iter(())


def main(rows: int) -> None:
    """Build the only part of the job."""
    world: Any = World(rows)
    assembler = Assembler(world, world, world, world, "0", partial(datetime.now, UTC))
    before = time.process_time()
    assembler.build("tweets-1f", Part(0, 0, rows // ROWS_PER_CHUNK))
    seconds = time.process_time() - before
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "mib": memory, "bytes": world.written}))


main(int(sys.argv[1]))
