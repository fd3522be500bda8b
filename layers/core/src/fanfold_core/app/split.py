"""Splitter: reads an uploaded CSV once and stores its chunks.

Where chunks end depends on the file's bytes and the job's pinned options alone, so the last stored chunk is the place
to go on from, whoever stored it, and two splitters at once store the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fanfold_core.app.rows import input_file, results_writer
from fanfold_core.app.since import check_since
from fanfold_core.domain.errors import ObjectGoneError
from fanfold_core.domain.job import Chunk, JobRecord, Model, Source, State
from fanfold_core.domain.keys import chunk_key, first_round, job_id
from fanfold_core.domain.options import Options
from fanfold_core.domain.order import Order
from fanfold_core.domain.parts import Part
from fanfold_core.domain.requests import chunk_limits
from fanfold_core.input.errors import InputError, JobDefaultsError, NoRowsError
from fanfold_core.input.formats import FileName

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime, timedelta

    from fanfold_core.app.follow_up import FollowUp
    from fanfold_core.app.ports import Ledger, Queues, Store
    from fanfold_core.input.cutting import Budget, Cut, Limits
    from fanfold_core.input.source import InputFile

# S3 takes parts of 5 MiB or more, and 10,000 of them.
_LEAST_PART = 5 * 1024 * 1024
_MOST_PARTS = 9_000


@dataclass(frozen=True, slots=True)
class Splitter:
    """Cuts files into chunks of at most `limits`; the stack's `job_defaults` say what metadata doesn't.

    `allows_costlier`: metadata may say what costs more than these. `parameters` are the model's default ones, empty
    for those of every model. A file that holds more than `budget` ends its job as soon as that is known; what was cut
    before stays.
    """

    ledger: Ledger
    store: Store
    queues: Queues
    follow_up: FollowUp
    job_defaults: str
    model: Model
    retention: timedelta
    now: Callable[[], datetime]
    new_nonce: Callable[[], str]
    limits: Limits
    budget: Budget
    allows_costlier: bool
    parameters: str

    def begin(
        self,
        bucket: str,
        key: str,
        version: str | None,
        out_of_time: Callable[[], bool],
        submitted_by: str | None = None,
    ) -> JobRecord:
        """Create the job of an uploaded object, unless it exists, and split it; `ObjectGoneError` if it is gone."""
        source, metadata = self.store.head(bucket, key, version)
        try:
            options = self._options(source, metadata)
        except InputError as error:
            # A retry asks for its options again; a job that has begun already keeps those that it began with.
            job = self.ledger.create(self._job(source, Options(), submitted_by))
            if job.layout is None:
                return self.follow_up.close(job.id, State.FAILED, str(error))
        else:
            job = self.ledger.create(self._job(source, options, submitted_by))
        return self.split(job, out_of_time)

    def resume(self, job_id: str, out_of_time: Callable[[], bool]) -> JobRecord:
        """Split on from the last stored chunk."""
        return self.split(self.ledger.job(job_id), out_of_time)

    def split(self, job: JobRecord, out_of_time: Callable[[], bool]) -> JobRecord:
        """Store chunks until the file ends or time runs out, in which case the next message goes on."""
        if job.state is not State.RUNNING or job.total is not None:
            return self.follow_up(job)
        try:
            parent = self.ledger.job(job.parent) if job.parent else None
            if parent and not job.stored:
                # The endpoint may serve another model by now than when the earlier round began.
                job = self.ledger.set_model(job.id, self.model)
                if job.layout is None:
                    # The file was not read, and what kept it from that may have been mended.
                    head = self.store.head(job.source.bucket, job.source.key, job.source.version)
                    job = self.ledger.set_options(job.id, self._options(*head))
            if job.layout is None:
                FileName.parse(job.source.key).check()
                check_since(self.ledger, job.options)
                job = self.ledger.set_layout(job.id, self._file(job).layout(out_of_time))
            if parent and job.stored < parent.stored:
                return self._copy_chunks(job, parent, out_of_time)
            return self._store_chunks(job, out_of_time)
        except (InputError, ObjectGoneError) as error:
            return self.follow_up.close(job.id, State.FAILED, f"{self._blame(job, str(error))}{error}")

    def _blame(self, job: JobRecord, words: str) -> str:
        """What a reason begins with if the stack has set the options that it names."""
        try:
            return job.options.set_by(self._defaults(), words)
        except JobDefaultsError:
            return ""  # they are others since the job began

    def _options(self, source: Source, metadata: Mapping[str, str]) -> Options:
        given = {**FileName.parse(source.key).options, **metadata}
        return self._defaults().overridden(given, allows_costlier=self.allows_costlier)

    def _defaults(self) -> Options:
        return Options.defaults(self.job_defaults, self.parameters)

    def _job(self, source: Source, options: Options, submitted_by: str | None) -> JobRecord:
        created = self.now()
        inflation = FileName.parse(source.key).inflation
        return JobRecord(
            id=job_id(source.bucket, source.key, source.version),
            source=source,
            options=options,
            model=self.model,
            created=created,
            expires=int((created + self.retention).timestamp()),
            part_bytes=max(_LEAST_PART, source.size * inflation // _MOST_PARTS),
            nonce=self.new_nonce(),
            submitted_by=submitted_by,
        )

    def _file(self, job: JobRecord) -> InputFile:
        return replace(input_file(self.store, job), budget=self.budget)

    def _store_chunks(self, job: JobRecord, out_of_time: Callable[[], bool]) -> JobRecord:
        last = self.ledger.chunk(job.id, job.stored - 1) if job.stored else None
        file, limits = self._file(job), chunk_limits(self.limits, job.options.rows_per_request)
        start, row = (last.end, last.first_row + last.rows) if last else (job.known_layout.first_byte, 0)
        for piece in file.pieces(job.known_layout, limits, start=start, first_row=row, out_of_time=out_of_time):
            last = next_chunk(last, piece, weight(piece, file, job), job.part_bytes)
            if job.as_in_file:
                last = replace(last, order=Order.of_file(last.rows))
            if file.is_copied:
                self.store.write(chunk_key(first_round(job.id), last.number), piece.data, "text/csv")
            job = self.follow_up(self.ledger.store(job, last, _ended_part(job, last)))
            if job.state is not State.RUNNING or self._goes_on_later(job, out_of_time):
                return job
        if last is None:
            raise NoRowsError
        return self.follow_up(self.ledger.set_total(job.id, last.number + 1, last.first_row + last.rows))

    def _copy_chunks(self, job: JobRecord, parent: JobRecord, out_of_time: Callable[[], bool]) -> JobRecord:
        """Store the chunks of an earlier round; what it has predicted is covered from the start."""
        for number in range(job.stored, parent.stored):
            chunk = self.ledger.chunk(parent.id, number)
            copy = replace(chunk, sent=0, inherited=chunk.predicted, failed=frozenset(), held=frozenset())
            job = self.ledger.store(job, copy, _ended_part(job, copy))
            job = self.follow_up(job)
            if job.state is not State.RUNNING or self._goes_on_later(job, out_of_time):
                return job
        return self._store_chunks(job, out_of_time)

    def _goes_on_later(self, job: JobRecord, out_of_time: Callable[[], bool]) -> bool:
        if not out_of_time():
            return False
        self.queues.split(job.id)
        return True


def _ended_part(job: JobRecord, chunk: Chunk) -> Part | None:
    """The part that ends with this chunk, if one does."""
    if chunk.part_weight < job.part_bytes:
        return None
    return Part(chunk.part, chunk.part_first, chunk.number + 1)


def next_chunk(last: Chunk | None, piece: Cut, weight: int, part_bytes: int) -> Chunk:
    """The chunk that comes after `last`, in its part, or in the next one if that has so many bytes."""
    number = last.number + 1 if last else 0
    chunk = Chunk(number, piece.start, piece.end, piece.first_row, piece.rows, part_weight=weight)
    if last is None:
        return chunk
    if last.part_weight >= part_bytes:
        return replace(chunk, part=last.part + 1, part_first=number)
    return replace(chunk, part=last.part, part_first=last.part_first, part_weight=last.part_weight + chunk.part_weight)


def weight(piece: Cut, file: InputFile, job: JobRecord) -> int:
    """Bytes that these rows will surely take in the results, whatever their results are.

    What is in cells comes back, but for quotes and escapes, and each row has a line end at least. A part that weighs
    S3's least part size can be uploaded as one, however late it becomes known what stands in it.
    """
    return file.cell_bytes(piece.data, job.known_layout) + results_writer(job).row_bytes * piece.rows
