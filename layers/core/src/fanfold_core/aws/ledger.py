"""The ledger on DynamoDB: `app.ports.Ledger` in one table. No counters, no transactions, no locks.

Every update names the condition under which it makes sense and answers with the item as it then is. Where the
condition fails, somebody else has done it or the job has moved on; the item is read instead, and decides.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, ConditionBase, Key

from fanfold_core.aws import item_keys, items
from fanfold_core.aws.table import ConditionalTable
from fanfold_core.domain.counting import kind_of
from fanfold_core.domain.errors import UnknownChunkError, UnknownJobError
from fanfold_core.domain.job import Chunk, JobRecord, Model, State
from fanfold_core.input.errors import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from types_boto3_dynamodb.service_resource import Table

    from fanfold_core.domain.job import Spent
    from fanfold_core.domain.options import Options
    from fanfold_core.domain.order import Order
    from fanfold_core.domain.outcomes import Failure, Health, Mark, Pause, Prediction
    from fanfold_core.domain.parts import Built, Part
    from fanfold_core.domain.results import SpanOutcome
    from fanfold_core.domain.spans import Span
    from fanfold_core.domain.window import Progress
    from fanfold_core.input.layout import Layout

# An update never creates a job or a chunk: what the ledger has forgotten stays forgotten.
_EXISTS = Attr("pk").exists()
_IS_NEW = Attr("pk").not_exists()
_HAS_NO_RESULTS = Attr("results").not_exists() & Attr("results_at").not_exists()
_IS_OPEN = _EXISTS & Attr("frozen").not_exists()
_IS_RUNNING = Attr("state").eq(State.RUNNING.value)
_IS_CLOSING = Attr("state").eq(State.CLOSING.value)
# How late the health of an endpoint may be.
_HEALTH_SECONDS = 5


class DynamoLedger:
    """Jobs, chunks and spans in one table; `items` describes what is in it."""

    def __init__(self, table: Table, now: Callable[[], datetime]) -> None:
        self._table = ConditionalTable(table)
        self._now = now
        self._health_written: dict[tuple[str, str], int] = {}

    def create(self, job: JobRecord) -> JobRecord:
        return job if self._table.put(items.job_item(job), _IS_NEW) else self.job(job.id)

    def job(self, job_id: str) -> JobRecord:
        item = self._table.get(item_keys.job_key(job_id))
        if item is None:
            raise UnknownJobError(job_id)
        return items.read_job(item)

    def submitters(self, job_ids: Sequence[str]) -> dict[str, str | None]:
        """Who has submitted the files of jobs, of those that there are."""
        found = self._table.batch([item_keys.job_key(job_id) for job_id in job_ids])
        return {item["pk"].removeprefix("JOB#"): item.get("submitted_by") for item in found}

    def set_layout(self, job_id: str, layout: Layout) -> JobRecord:
        return self._update_job(job_id, _EXISTS, put={"layout": items.layout_value(layout)})

    def set_model(self, job_id: str, model: Model) -> JobRecord:
        return self._update_job(job_id, Attr("stored").eq(0), put={"model": asdict(model)})

    def set_options(self, job_id: str, options: Options) -> JobRecord:
        return self._update_job(job_id, Attr("layout").not_exists(), put={"options": options.stored()})

    def store(self, job: JobRecord, chunk: Chunk, part: Part | None) -> JobRecord:
        if part is not None:
            self._table.put(items.part_item(job, part), _IS_NEW)
        self._table.put(items.chunk_item(job, chunk), _IS_NEW)
        stored = chunk.number + 1
        put = {"stored": stored, "touched": self._seconds()}
        return self._update_job(job.id, _IS_RUNNING & Attr("stored").lt(stored), put=put)

    def set_total(self, job_id: str, total: int, rows: int) -> JobRecord:
        return self._update_job(job_id, _IS_RUNNING, put={"total": total, "rows": rows})

    def raise_released(self, job_id: str, released: int) -> None:
        self._update_job(job_id, Attr("released").lt(released), put={"released": released})

    def compact(self, job_id: str, low: int, below: Iterable[int]) -> None:
        self._update_job(job_id, Attr("low").lt(low), put={"low": low}, delete={"covered": set(below)})

    def close(self, job_id: str, outcome: State, reason: str) -> JobRecord:
        put = {
            "state": State.CLOSING.value,
            "outcome": outcome.value,
            "reason": reason,
            "touched": self._seconds(),
        }
        return self._update_job(job_id, _IS_RUNNING, put=put)

    def chunk(self, job_id: str, number: int) -> Chunk:
        item = self._table.get(item_keys.chunk_key(job_id, number))
        if item is None:
            raise UnknownChunkError(job_id, number)
        return items.read_chunk(item)

    def chunks(self, job_id: str, numbers: Iterable[int]) -> Iterator[Chunk]:
        return map(items.read_chunk, self._table.batch([item_keys.chunk_key(job_id, number) for number in numbers]))

    def set_order(self, job_id: str, chunk: int, order: Order) -> Chunk:
        return self._update_chunk(job_id, chunk, Attr("places").eq(0), put=items.order_values(order))

    def advance_sent(self, job_id: str, chunk: int, before: int, after: int) -> bool:
        put = {"sent": after, "touched": self._seconds()}
        return self._table.update(item_keys.chunk_key(job_id, chunk), Attr("sent").eq(before), put=put) is not None

    def touch(self, job_id: str, chunk: int) -> None:
        self._table.update(item_keys.chunk_key(job_id, chunk), _EXISTS, put={"touched": self._seconds()})

    def raise_attempts(self, job_id: str, chunk: int, attempts: int) -> None:
        self._table.update(
            item_keys.chunk_key(job_id, chunk), Attr("attempts").lt(attempts), put={"attempts": attempts}
        )

    def set_trouble(self, job: JobRecord, words: str) -> None:
        words, now = shortened(words, items.MOST_TROUBLE), self._seconds()
        since = job.trouble.since if kind_of(words) == kind_of(job.trouble.words) else now
        put = {"trouble": words, "trouble_at": now, "trouble_since": since}
        self._table.update(item_keys.job_key(job.id), _EXISTS, put=put)

    def add_mismatches(self, job_id: str, mismatches: Iterable[str]) -> JobRecord:
        return self._update_job(job_id, _EXISTS, add={"mismatches": set(mismatches)})

    def open_jobs(self) -> Iterator[str]:
        found = self._table.query(IndexName="open", KeyConditionExpression=Key("open").eq("job"))
        return (item["pk"].removeprefix("JOB#") for item in found)

    def health(self, endpoint: str) -> Health:
        return items.read_health(self._table.get(item_keys.endpoint_key(endpoint)) or {})

    def set_health(self, endpoint: str, *, answered: bool, broken: bool) -> None:
        now = self._seconds()
        # Every collector would write this with every batch, into one item; a few seconds more or less decide nothing.
        due = {
            name: now
            for name, happened in (("answered", answered), ("broken", broken))
            if happened and now - self._health_written.get((endpoint, name), 0) >= _HEALTH_SECONDS
        }
        if due:
            self._table.update(item_keys.endpoint_key(endpoint), put=due)
            self._health_written |= {(endpoint, name): now for name in due}

    def set_pause(self, endpoint: str, pause: Pause) -> None:
        self._table.update(item_keys.endpoint_key(endpoint), put={"until": pause.until, "seconds": pause.seconds})

    def progress(self, endpoint: str) -> Mapping[str, Progress]:
        return dict(map(items.read_progress, self._table.items(item_keys.endpoint_key(endpoint)["pk"], "JOB#")))

    def set_progress(self, job: JobRecord, progress: Progress) -> None:
        self._table.put(items.progress_item(job, progress))

    def put_predictions(self, job: JobRecord, chunk: int, predictions: Sequence[Prediction]) -> None:
        del chunk  # each request names its own
        with self._table.writer() as batch:
            for prediction in predictions:
                item = items.prediction_item(job, prediction)
                if prediction.id.attempt == 1:
                    batch.put_item(Item=item)
                else:
                    # Of two attempts that both succeeded the lower one stays, whichever comes last.
                    self._table.put(item, _HAS_NO_RESULTS | Attr("attempt").gte(prediction.id.attempt))

    def put_failures(self, job: JobRecord, chunk: int, failures: Sequence[Failure]) -> None:
        for failure in failures:
            self._table.put(items.failure_item(job, chunk, failure), _IS_NEW)

    def cover(  # noqa: PLR0913, PLR0917 - what there is to add
        self,
        job_id: str,
        chunk: int,
        predicted: Iterable[Span],
        failed: Iterable[Span],
        fields: Iterable[str],
        held: Iterable[Span] = (),
        inherited: Iterable[Span] = (),
    ) -> Chunk:
        spans = {"predicted": predicted, "failed": failed, "held": held, "inherited": inherited}
        add = {**{name: items.spellings(found) for name, found in spans.items()}, "fields": set(fields)}
        return self._update_chunk(job_id, chunk, _IS_OPEN, put={"touched": self._seconds()}, add=add)

    def freeze(self, job_id: str, chunk: int) -> Chunk:
        return self._update_chunk(job_id, chunk, _IS_OPEN, put={"frozen": True})

    def cover_chunk(self, job_id: str, chunk: int, fields: Iterable[str]) -> JobRecord:
        found = set(fields)
        put = {"answered": self._seconds()} if found else {}
        return self._update_job(job_id, _EXISTS, put=put, add={"covered": {chunk}, "fields": found})

    def mark(self, job_id: str, chunk: int, span: Span) -> Mark:
        return items.read_mark(self._table.get(item_keys.span_key(job_id, chunk, span)) or {})

    def set_mark(  # noqa: PLR0913 - what is known of a failed attempt
        self, job: JobRecord, chunk: int, span: Span, mark: Mark, refusal: str | None = None, *, mismatch: bool = False
    ) -> None:
        is_higher = Attr("mark").not_exists() | Attr("mark").lt(mark.attempt)
        put = {
            "mark": mark.attempt,
            "expires": job.expires,
            "marked_at": self._seconds(),
            **({"breaks": mark.breaks} if mark.breaks else {}),
            **({"refusal": refusal} if refusal else {}),
            **({"mismatch": True} if mismatch else {}),
        }
        self._table.update(item_keys.span_key(job.id, chunk, span), is_higher, put=put)

    def outcomes(self, job_id: str, chunk: int) -> Iterator[SpanOutcome]:
        return map(items.read_outcome, self._table.items(item_keys.chunk_key(job_id, chunk)["pk"], "SPAN#"))

    def parts(self, job_id: str) -> Iterator[Part]:
        return map(items.read_part, self._table.items(item_keys.job_key(job_id)["pk"], "PART#"))

    def set_upload(self, job_id: str, upload_id: str, pieces: int, fields: Iterable[str]) -> JobRecord:
        condition = _IS_CLOSING & Attr("upload_id").not_exists()
        put = {"upload_id": upload_id, "pieces": pieces}
        return self._update_job(job_id, condition, put=put, add={"fields": set(fields)})

    def fail_closing(self, job_id: str, reason: str) -> None:
        put = {"outcome": State.FAILED.value, "reason": reason}
        self._update_job(job_id, _IS_CLOSING & Attr("outcome").ne(State.FAILED.value), put=put)

    def add_built(self, job: JobRecord, built: Built) -> Built:
        if not built.is_whole:
            # Nobody has to ask for the part again while it makes progress.
            self._update_job(job.id, _EXISTS, put={"touched": self._seconds()})
        if self._table.put(items.built_item(job, built), _IS_NEW):
            return built
        known = self._table.get(item_keys.built_key(job.id, built.piece))
        return built if known is None else items.read_built(known)

    def add_part(self, job_id: str, part: int) -> JobRecord:
        return self._update_job(job_id, _EXISTS, put={"touched": self._seconds()}, add={"parts": {part}})

    def add_table(self, job_id: str, number: int) -> JobRecord:
        return self._update_job(job_id, _EXISTS, put={"touched": self._seconds()}, add={"tables": {number}})

    def built(self, job_id: str) -> Iterator[Built]:
        return map(items.read_built, self._table.items(item_keys.job_key(job_id)["pk"], "TOTALS#"))

    def spent(self, job_id: str) -> Spent | None:
        item = self._table.get(item_keys.spent_key(job_id))
        return None if item is None else items.read_spent(item)

    def set_spent(self, job: JobRecord, spent: Spent) -> None:
        self._table.put(items.spent_item(job, spent))

    def set_ended(self, job_id: str, ended: datetime) -> JobRecord:
        return self._update_job(job_id, Attr("ended").not_exists(), put={"ended": ended.isoformat()})

    def finish(self, job_id: str, state: State, reason: str) -> JobRecord:
        put = {"state": state.value, "reason": reason}
        return self._update_job(job_id, _IS_CLOSING, put=put, remove=["open"])

    def _seconds(self) -> int:
        return int(self._now().timestamp())

    def _update_job(self, job_id: str, condition: ConditionBase, **changes: Any) -> JobRecord:
        item = self._table.update(item_keys.job_key(job_id), condition & _EXISTS, **changes)
        return self.job(job_id) if item is None else items.read_job(item)

    def _update_chunk(self, job_id: str, chunk: int, condition: ConditionBase, **changes: Any) -> Chunk:
        item = self._table.update(item_keys.chunk_key(job_id, chunk), condition, **changes)
        return self.chunk(job_id, chunk) if item is None else items.read_chunk(item)
