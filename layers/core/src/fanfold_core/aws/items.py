"""How jobs, chunks and parts are written in the ledger: domain values to DynamoDB items and back.

`fanfold_core.aws.item_keys` lists them. Every item carries `expires`, fixed when its job was created.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from fanfold_core.aws import item_keys
from fanfold_core.domain.errors import NewerVersionError
from fanfold_core.domain.job import Chunk, JobRecord, Model, Source, Spent, State, Trouble
from fanfold_core.domain.keys import MOST_ATTEMPTS
from fanfold_core.domain.options import Options
from fanfold_core.domain.order import Order
from fanfold_core.domain.outcomes import Health, Mark, Pause, Timing
from fanfold_core.domain.parts import Built, Part, Piece, Totals
from fanfold_core.domain.results import SpanOutcome
from fanfold_core.domain.spans import Span
from fanfold_core.domain.statistics import Statistics
from fanfold_core.domain.window import Progress
from fanfold_core.input.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fanfold_core.domain.outcomes import Failure, Prediction

Item = dict[str, Any]
SCHEMA = 1
# Characters of a reason that a job's item keeps: each update of a job is charged by all of it.
MOST_TROUBLE = 500


def job_item(job: JobRecord) -> Item:
    """A job as it is created: nothing stored, nothing covered."""
    return {
        **item_keys.job_key(job.id),
        "listed": "job",
        "open": "job",
        "schema": SCHEMA,
        **asdict(job.source),
        "options": job.options.stored(),
        "model": asdict(job.model),
        "created": job.created.isoformat(),
        "expires": job.expires,
        "part_bytes": job.part_bytes,
        "state": job.state.value,
        "reason": job.reason,
        "stored": 0,
        "released": 0,
        "low": 0,
        "touched": int(job.created.timestamp()),
        "nonce": job.nonce,
        **({"mismatches": set(job.mismatches)} if job.mismatches else {}),
        **({"parent": job.parent} if job.parent else {}),
        **({"submitted_by": job.submitted_by} if job.submitted_by else {}),
        **({"layout": layout_value(job.layout)} if job.layout else {}),
        **({"fields": set(job.fields)} if job.fields else {}),
    }


def read_job(item: Item) -> JobRecord:
    """The job that an item holds; `NewerVersionError` if a version to come has created it."""
    if item["schema"] > SCHEMA:
        raise NewerVersionError("job", int(item["schema"]), SCHEMA)
    return JobRecord(
        id=item["pk"].removeprefix("JOB#"),
        source=Source(item["bucket"], item["key"], item["version"], item["etag"], int(item["size"])),
        options=Options.restored(item["options"]),
        model=Model(**item["model"]),
        created=datetime.fromisoformat(item["created"]),
        expires=int(item["expires"]),
        part_bytes=int(item["part_bytes"]),
        state=State(item["state"]),
        outcome=State(item["outcome"]) if "outcome" in item else None,
        reason=item["reason"],
        layout=read_layout(item["layout"]) if "layout" in item else None,
        stored=int(item["stored"]),
        released=int(item["released"]),
        total=int(item["total"]) if "total" in item else None,
        rows=int(item["rows"]) if "rows" in item else None,
        low=int(item["low"]),
        covered=frozenset(map(int, item.get("covered", ()))),
        fields=frozenset(item.get("fields", ())),
        upload_id=item.get("upload_id"),
        parts=frozenset(map(int, item.get("parts", ()))),
        ended=datetime.fromisoformat(item["ended"]) if "ended" in item else None,
        parent=item.get("parent"),
        touched=int(item["touched"]),
        answered=int(item.get("answered", 0)),
        nonce=item.get("nonce", ""),  # jobs of earlier versions have none
        mismatches=frozenset(item.get("mismatches", ())),
        trouble=Trouble(item.get("trouble", ""), int(item.get("trouble_at", 0)), int(item.get("trouble_since", 0))),
        submitted_by=item.get("submitted_by"),
        tables=frozenset(map(int, item.get("tables", ()))),
        pieces=int(item.get("pieces", 1)),
        as_in_file="duplicates" not in item["options"],  # the version that brought this option brought orders
    )


def layout_value(layout: Layout) -> str:
    """A layout as one attribute. JSON, since a set of names would lose their order and a list costs more."""
    return json.dumps(asdict(layout), ensure_ascii=False)


def read_layout(value: str) -> Layout:
    """The layout in an attribute."""
    # Jobs of older versions lack the fields that have defaults.
    known: Item = json.loads(value)
    known |= {name: tuple(found) for name, found in known.items() if isinstance(found, list)}
    return Layout(**known)


_CHUNK_NUMBERS = ("number", "start", "end", "first_row", "rows", "part", "part_first", "part_weight", "sent")


def chunk_item(job: JobRecord, chunk: Chunk) -> Item:
    """A chunk as it is stored: nothing sent, and of an earlier round its order, and what it has predicted covered."""
    numbers = {name: getattr(chunk, name) for name in _CHUNK_NUMBERS}
    inherited = spellings(chunk.inherited)
    sets = {"inherited": inherited, "predicted": inherited} if inherited else {}
    order: Item = order_values(chunk.order) if chunk.order else {"places": 0}
    return {
        **item_keys.chunk_key(job.id, chunk.number),
        **numbers,
        **order,
        **sets,
        "attempts": 1,
        "expires": job.expires,
    }


def order_values(order: Order) -> Item:
    """The order of a chunk, in which its rows are sent: how many places it has, and those of its rows."""
    return {"places": order.length, **({} if order.is_of_file else {"order": order.to_bytes()})}


def read_order(item: Item) -> Order | None:
    """The order of a chunk, None as long as it isn't known."""
    if "order" in item:
        return Order.from_bytes(bytes(item["order"]), int(item["places"]))
    # A chunk of an earlier version is sent as it stands in the file.
    return None if item.get("places") == 0 else Order.of_file(int(item["rows"]))


def read_chunk(item: Item) -> Chunk:
    """The chunk that an item holds."""
    return Chunk(
        **{name: int(item[name]) for name in _CHUNK_NUMBERS},
        order=read_order(item),
        predicted=frozenset(map(Span.parse, item.get("predicted", ()))),
        failed=frozenset(map(Span.parse, item.get("failed", ()))),
        fields=frozenset(item.get("fields", ())),
        inherited=frozenset(map(Span.parse, item.get("inherited", ()))),
        held=frozenset(map(Span.parse, item.get("held", ()))),
        frozen="frozen" in item,
        touched=int(item.get("touched", 0)),
        # Of a chunk of an earlier version any may have been sent.
        attempts=int(item.get("attempts", MOST_ATTEMPTS)),
    )


def part_item(job: JobRecord, part: Part) -> Item:
    """A part that the splitter has ended."""
    return {**item_keys.part_key(job.id, part.number), **asdict(part), "expires": job.expires}


def read_part(item: Item) -> Part:
    """The part that an item holds."""
    return Part(int(item["number"]), int(item["first"]), int(item["end"]))


def progress_item(job: JobRecord, progress: Progress) -> Item:
    """How far a job is. DynamoDB has decimal numbers only."""
    known = asdict(progress) | {name: Decimal(repr(getattr(progress, name))) for name in ("rows_per_second", "share")}
    return {**item_keys.endpoint_key(job.model.endpoint), "sk": f"JOB#{job.id}", **known, "expires": job.expires}


def read_progress(item: Item) -> tuple[str, Progress]:
    """The job's id, and how far it is."""
    numbers = {name: int(item[name]) for name in ("rows", "at", "rows_per_request")}
    progress = Progress(**numbers, rows_per_second=float(item["rows_per_second"]), share=float(item.get("share", 1)))
    return item["sk"].removeprefix("JOB#"), progress


_TOTALS = ("rows", "predicted", "failed", "requests")


def built_item(job: JobRecord, built: Built) -> Item:
    """A piece of a part, and what it came to."""
    return {
        **item_keys.built_key(job.id, built.piece),
        "number": built.piece.part,
        "piece": built.piece.number,
        "first": built.first,
        "digest": built.digest,
        **{name: getattr(built.totals, name) for name in _TOTALS},
        "statistics": built.totals.statistics.to_json(),
        "expires": job.expires,
    }


def spent_item(job: JobRecord, spent: Spent) -> Item:
    """What a job has taken so far."""
    return {**item_keys.spent_key(job.id), **asdict(spent), "expires": job.expires}


def read_spent(item: Item) -> Spent | None:
    """The same; None if an earlier version has written it, which saw no instances."""
    return Spent(**{name: int(item[name]) for name in Spent.__slots__}) if "at" in item else None


def read_health(item: Item) -> Health:
    """What an item knows of its endpoint."""
    numbers = {name: int(item.get(name, 0)) for name in ("answered", "broken")}
    return Health(**numbers, pause=Pause(int(item.get("until", 0)), int(item.get("seconds", 0))))


def read_mark(item: Item) -> Mark:
    """What an item knows of its span's failures."""
    return Mark(int(item.get("mark", 0)), int(item.get("breaks", 0)), int(item.get("marked_at", 0)))


def read_built(item: Item) -> Built:
    """The piece that an item holds. Earlier versions built parts as a whole."""
    # Parts that were built before there were statistics have none.
    statistics = Statistics.from_json(item["statistics"]) if "statistics" in item else Statistics()
    totals = Totals(**{name: int(item[name]) for name in _TOTALS}, statistics=statistics)
    piece = Piece(int(item["number"]), int(item.get("piece", 0)))
    return Built(piece, int(item.get("first", 0)), totals, item.get("digest", ""))


def prediction_item(job: JobRecord, prediction: Prediction) -> Item:
    """A span that has its results, or the place where they lie."""
    request, results = prediction.id, prediction.predictions.results
    return {
        **item_keys.span_key(job.id, request.chunk, request.span),
        "attempt": request.attempt,
        "expires": job.expires,
        **({} if prediction.predictions.is_whole else {"partial": True}),
        **({"results": results} if prediction.location is None else {"results_at": prediction.location}),
        **(asdict(prediction.timing) if prediction.timing else {}),
    }


def failure_item(job: JobRecord, chunk: int, failure: Failure) -> Item:
    """A span that ended in an error."""
    return {
        **item_keys.failure_key(job.id, chunk, failure.span),
        "reason": failure.reason,
        "attempt": failure.requests,
        **({"refusal": failure.reason} if failure.requests else {}),
        **({"mismatch": True} if failure.mismatch else {}),
        "expires": job.expires,
    }


def read_outcome(item: Item) -> SpanOutcome:
    """What an item knows of its span."""
    return SpanOutcome(
        span=Span.parse(item_keys.span_of(item)),
        results=item.get("results"),
        reason=item.get("reason"),
        requests=max(0 if "partial" in item else int(item.get("attempt", 0)), int(item.get("mark", 0))),
        location=item.get("results_at"),
        refusal=item.get("refusal"),
        timing=Timing(int(item["answered"]), int(item["waited"])) if "waited" in item else None,
        mismatch="mismatch" in item,
    )


def spellings(spans: Iterable[Span]) -> set[str]:
    """A set of spans as DynamoDB keeps it."""
    return {str(span) for span in spans}
